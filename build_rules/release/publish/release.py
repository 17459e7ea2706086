"""Publish a release on GitHub: create a draft, check every file on it, and only then make it
public.

Each run checks what exists and does only what is missing, so the next run completes one that was
interrupted at any point. Nothing is ever overwritten: a file that differs from ours fails the run.
A published release is never changed.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from release.errors import ReleaseError
from release.files import Log
from release.pack.archives import file_sha256
from release.publish.content_types import content_type
from release.publish.github import Asset, GitHub, GitHubError, Release
from release.versions import ReleaseVersion

_ATTEMPTS = 4


@dataclass(frozen=True)
class Publication:
    """What to publish; `files` are all assets, in order.

    `commit` is the one that the files were built from; None: whatever the tag points to.
    """

    title: str
    version: ReleaseVersion
    files: tuple[Path, ...]
    notes: str
    commit: str | None = None


def describe(publication: Publication, repository: str) -> list[str]:
    """The steps of a first run, for a dry run."""
    kind = "prerelease" if publication.version.prerelease else "release"
    return [
        f"look up the tag {publication.version.tag} in {repository} and its releases",
        f"create the draft “{publication.title}”",
        *(f"upload {file.name} ({file.stat().st_size:,} bytes)" for file in publication.files),
        f"download all {len(publication.files)} files again and compare them byte for byte",
        f"publish the draft as a {kind}",
    ]


def _matches(github: GitHub, asset: Asset, file: Path) -> bool:
    """Download an asset, and return whether it has the bytes of our file."""
    if asset.size != file.stat().st_size:
        return False
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "asset"
        github.download(asset, copy)
        return file_sha256(copy) == file_sha256(file)


def _check_tag(github: GitHub, publication: Publication) -> None:
    tag = publication.version.tag
    there = github.tag_commit(tag)
    if there is None:
        raise ReleaseError(
            f"{github.repository} has no tag {tag}: push it first (`git push origin {tag}`), or "
            "GitHub would create it at the tip of the default branch"
        )
    if publication.commit is not None and publication.commit != there:
        raise ReleaseError(
            f"the tag {tag} of {github.repository} stands for {there}, but the files were built "
            f"from {publication.commit}"
        )


def _find(github: GitHub, publication: Publication) -> Release | None:
    """The tag's published release, or its only draft."""
    tag = publication.version.tag
    releases = github.releases_of(tag)
    published = [release for release in releases if not release.draft]
    if published:
        return published[0]
    if len(releases) > 1:
        urls = ", ".join(release.url for release in releases)
        raise ReleaseError(f"{tag} has several drafts; delete all but one: {urls}")
    return releases[0] if releases else None


def _find_or_create(github: GitHub, publication: Publication, log: Log) -> Release:
    found = _find(github, publication)
    if found is not None:
        log(f"found the {'draft' if found.draft else 'published release'} {found.url}")
        return found
    try:
        created = github.create_draft(
            publication.version.tag,
            name=publication.title,
            body=publication.notes,
            prerelease=publication.version.prerelease,
        )
    except GitHubError as error:
        if not error.may_pass:
            raise
        # The response was lost, but the draft may exist; don't make a second one.
        github.pause(0)
        found = _find(github, publication)
        if found is None:
            raise
        created = found
    log(f"created the draft {created.url}")
    return created


def _refuse_foreign_assets(release: Release, files: Sequence[Path]) -> None:
    names = {file.name for file in files}
    foreign = sorted(asset.name for asset in release.assets if asset.name not in names)
    if foreign:
        raise ReleaseError(
            f"{release.url} has assets that are not part of this release: {', '.join(foreign)}"
        )


def _differing(github: GitHub, release: Release, files: Sequence[Path]) -> list[str]:
    """The names of complete assets whose bytes differ from our files."""
    assets = {asset.name: asset for asset in release.assets if asset.uploaded}
    return [
        file.name
        for file in files
        if file.name in assets and not _matches(github, assets[file.name], file)
    ]


def _refuse_differing(release: Release, names: Sequence[str]) -> None:
    if names:
        raise ReleaseError(
            f"{release.url} holds other bytes under these names, and nothing is overwritten: "
            f"{', '.join(names)}. Build a new version, or, if it is a draft that nobody relies "
            "on, delete those assets there"
        )


def _upload(github: GitHub, release: Release, file: Path, log: Log) -> None:
    """Upload a missing file, or find that it exists after all."""
    for attempt in range(_ATTEMPTS):
        problem: GitHubError | None = None
        try:
            github.upload(release, file, content_type(file.name))
        except GitHubError as error:
            # 422: an asset of that name exists, perhaps ours, from an upload whose response was
            # lost.
            if not (error.may_pass or error.status == 422):
                raise
            problem = error
        there = {asset.name: asset for asset in github.read(release).assets}.get(file.name)
        if there is not None and there.uploaded:
            if _matches(github, there, file):
                log(f"uploaded {file.name}")
                return
            _refuse_differing(release, [file.name])
        if there is not None:
            github.delete_asset(there)
        if attempt == _ATTEMPTS - 1:
            reason = str(problem) if problem else "it is missing from the release afterwards"
            raise ReleaseError(
                f"{file.name} could not be uploaded, {_ATTEMPTS} times: {reason}. The draft is not "
                f"published; run this again to continue"
            )
        github.pause(attempt)


def publish(github: GitHub, publication: Publication, log: Log) -> Release:
    """Publish, or complete an earlier run; returns the published release.

    Raises ReleaseError, and leaves the release unpublished or unchanged, if anything is not as
    expected.
    """
    files = publication.files
    _check_tag(github, publication)
    release = _find_or_create(github, publication, log)
    _refuse_foreign_assets(release, files)
    _refuse_differing(release, _differing(github, release, files))
    whole = {asset.name for asset in release.assets if asset.uploaded}
    missing = [file for file in files if file.name not in whole]

    if not release.draft:
        if missing:
            raise ReleaseError(
                f"{release.url} is published without {', '.join(file.name for file in missing)}, "
                "and published releases are never changed: build a new version"
            )
        log(f"{release.url} is published already, with the same files")
        return release

    for asset in release.assets:
        if not asset.uploaded:
            log(f"removing the remains of a failed upload of {asset.name}")
            github.delete_asset(asset)
    for file in missing:
        _upload(github, release, file, log)

    release = github.read(release)
    _refuse_foreign_assets(release, files)
    there = {asset.name for asset in release.assets if asset.uploaded}
    lost = [file.name for file in files if file.name not in there]
    if lost:
        raise ReleaseError(f"{release.url} lost {', '.join(lost)}: run this again to continue")
    _refuse_differing(release, _differing(github, release, files))
    log(f"all {len(files)} files on the draft are ours, byte for byte")

    published = github.update(
        release,
        name=publication.title,
        body=publication.notes,
        draft=False,
        prerelease=publication.version.prerelease,
        # GitHub marks the newest version as the latest; a prerelease never is.
        make_latest="false" if publication.version.prerelease else "legacy",
    )
    if published.draft:
        raise ReleaseError(f"{published.url} is still a draft: run this again to continue")
    log(f"published {published.url}")
    return published
