"""Downloads from a bucket: versions that never change, and one file that names the latest.

    PREFIX/PROGRAM/VERSION/FILE           the release's files
    PREFIX/PROGRAM/VERSION/evidence/FILE  their evidence
    PREFIX/PROGRAM/VERSION/install.*      installers of that version
    PREFIX/PROGRAM/VERSION/manifest.json  all of these with their digests; written after them
    PREFIX/PROGRAM/install.*              the latest version's installers
    PREFIX/PROGRAM/latest.json            the latest final version; written last

So everything that a manifest names exists, and `latest.json` always names a complete version. The
next run completes an interrupted one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from release.errors import ReleaseError
from release.files import Log
from release.platforms import CHECKSUM_SUFFIX
from release.project import Project
from release.publish.bucket import IMMUTABLE, SHORT_LIVED, Bucket, StoredObject
from release.publish.content_types import content_type
from release.publish.installers import INSTALLER_NAMES
from release.versions import ReleaseVersion, parse_tag

_JSON = "application/json"


class PublishedFile(BaseModel):
    """A file of a version; only archives and their checksums have a `platform`. `size` is in
    bytes."""

    name: str
    key: str
    platform: str | None = None
    sha256: str
    size: int


class VersionManifest(BaseModel):
    """`manifest.json`; `latest.json` is a copy of the latest version's."""

    model_config = ConfigDict(populate_by_name=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    program: str
    version: str
    prerelease: bool
    commit: str | None = None
    files: list[PublishedFile]

    def to_bytes(self) -> bytes:
        data = self.model_dump(mode="json", by_alias=True)
        return (json.dumps(data, indent=2, sort_keys=True) + "\n").encode()


@dataclass(frozen=True)
class Destination:
    """Where a bucket holds a program's versions; `prefix` is empty or a folder."""

    bucket: Bucket
    program: str
    prefix: str = ""

    @property
    def root(self) -> str:
        folder = self.prefix.strip("/")
        return f"{folder}/{self.program}" if folder else self.program

    @property
    def latest_key(self) -> str:
        return f"{self.root}/latest.json"

    def manifest_key(self, version: str) -> str:
        return f"{self.root}/{version}/manifest.json"


@dataclass(frozen=True)
class _Item:
    path: Path
    file: PublishedFile


def _parse(content: bytes, where: str) -> VersionManifest:
    try:
        return VersionManifest.model_validate_json(content)
    except ValidationError as error:
        raise ReleaseError(f"{where} is not a valid manifest: {error}") from error


def _platform_of(project: Project, version: str, name: str) -> str | None:
    archive = name.removesuffix(CHECKSUM_SUFFIX)
    for platform in project.platforms:
        if archive == project.archive(version, platform):
            return platform.name
    return None


def evidence_files(project: Project, folder: Path, tag: str) -> list[Path]:
    """The evidence of this version; after two builds the folder may hold another's too."""
    bases = [project.base(tag, platform) for platform in project.platforms]
    return sorted(path for base in bases for path in folder.glob(f"{base}.*"))


def _items(
    destination: Destination,
    project: Project,
    version: str,
    files: Sequence[Path],
    evidence: Sequence[Path],
    installers: Sequence[Path],
) -> list[_Item]:
    named = [(path, path.name) for path in (*files, *installers)]
    named += [(path, f"evidence/{path.name}") for path in evidence]
    items = []
    for path, name in named:
        content_type(path.name)  # fail before anything is uploaded
        content = path.read_bytes()
        items.append(
            _Item(
                path,
                PublishedFile(
                    name=name,
                    key=f"{destination.root}/{version}/{name}",
                    platform=_platform_of(project, version, name),
                    sha256=hashlib.sha256(content).hexdigest(),
                    size=len(content),
                ),
            )
        )
    return items


def _check_stored(
    bucket: Bucket, key: str, stored: StoredObject | None, wanted: StoredObject
) -> None:
    if stored is None:
        raise ReleaseError(f"{key} is missing from {bucket.name} although it was written")
    if stored.sha256 != wanted.sha256:
        raise ReleaseError(
            f"{key} in {bucket.name} has different bytes (SHA-256 {stored.sha256}, ours "
            f"{wanted.sha256}), and versions are never overwritten: build a new one"
        )
    if (stored.content_type, stored.cache_control) != (wanted.content_type, wanted.cache_control):
        raise ReleaseError(
            f"{key} in {bucket.name} is served as {stored.content_type!r} with "
            f"{stored.cache_control!r}, not as {wanted.content_type!r} with "
            f"{wanted.cache_control!r}"
        )


def _store(bucket: Bucket, key: str, content: bytes, media_type: str, log: Log) -> None:
    """Store an object that never changes, unless it exists; either way, read it back."""
    wanted = StoredObject(media_type, IMMUTABLE, hashlib.sha256(content).hexdigest(), len(content))
    created = bucket.create(key, content, media_type, IMMUTABLE)
    _check_stored(bucket, key, bucket.inspect(key), wanted)
    log(f"{'stored' if created else 'found'} {key}")


def _is_newer(new: ReleaseVersion, old: ReleaseVersion) -> bool:
    return (new.base, new.number) >= (old.base, old.number)


def _replace(bucket: Bucket, key: str, content: bytes, media_type: str) -> None:
    bucket.replace(key, content, media_type, SHORT_LIVED)
    if bucket.read(key) != content:
        raise ReleaseError(f"{key} in {bucket.name} differs from what was written")


def _write_latest(destination: Destination, manifest: VersionManifest, log: Log) -> None:
    """Make a stored version the latest: replace the installers, then `latest.json`."""
    bucket = destination.bucket
    for file in manifest.files:
        if file.name not in INSTALLER_NAMES:
            continue
        content = bucket.read(file.key)
        if content is None:
            raise ReleaseError(f"{file.key} is not in {bucket.name}")
        key = f"{destination.root}/{file.name}"
        _replace(bucket, key, content, content_type(file.name))
        log(f"{key} installs {manifest.version}")
    _replace(bucket, destination.latest_key, manifest.to_bytes(), _JSON)
    log(f"{destination.latest_key} names {manifest.version}")


def describe(
    destination: Destination,
    project: Project,
    version: ReleaseVersion,
    files: Sequence[Path],
    evidence: Sequence[Path],
    installers: Sequence[Path] = (),
) -> list[str]:
    """The steps of a first run, for a dry run."""
    items = _items(destination, project, version.tag, files, evidence, installers)
    steps = [f"store {item.file.key} ({item.file.size:,} bytes)" for item in items]
    steps.append(f"store {destination.manifest_key(version.tag)}")
    if version.prerelease:
        return [*steps, f"leave {destination.latest_key} unchanged: {version.tag} is a prerelease"]
    latest = [f"{destination.root}/{path.name}" for path in installers]
    return [
        *steps,
        f"unless {destination.latest_key} names a newer version:",
        *(f"replace {key}" for key in latest),
        f"point {destination.latest_key} to {version.tag}",
    ]


def upload(
    destination: Destination,
    project: Project,
    version: ReleaseVersion,
    files: Sequence[Path],
    evidence: Sequence[Path],
    commit: str | None,
    log: Log,
    installers: Sequence[Path] = (),
) -> VersionManifest:
    """Upload a version, or complete an earlier run.

    Raises ReleaseError, and leaves `manifest.json` and `latest.json` unchanged, if anything is not
    as expected.
    """
    bucket = destination.bucket
    items = _items(destination, project, version.tag, files, evidence, installers)
    manifest = VersionManifest(
        program=project.program,
        version=version.tag,
        prerelease=version.prerelease,
        commit=commit,
        files=[item.file for item in items],
    )
    for item in items:
        media_type = content_type(item.path.name)
        _store(bucket, item.file.key, item.path.read_bytes(), media_type, log)
    _store(bucket, destination.manifest_key(version.tag), manifest.to_bytes(), _JSON, log)

    if version.prerelease:
        log(f"{version.tag} is a prerelease: {destination.latest_key} stays unchanged")
        return manifest
    content = bucket.read(destination.latest_key)
    if content is not None:
        latest = _parse(content, destination.latest_key)
        if not _is_newer(version, parse_tag(latest.version, project.tag_prefix)):
            log(f"{destination.latest_key} names {latest.version}, which is newer")
            return manifest
    _write_latest(destination, manifest, log)
    return manifest


def _final_version(project: Project, tag: str) -> ReleaseVersion:
    version = parse_tag(tag, project.tag_prefix)
    if version.prerelease:
        raise ReleaseError(f"{tag} is a prerelease, which can never be the latest version")
    return version


def describe_rollback(destination: Destination, project: Project, tag: str) -> list[str]:
    """The steps of a rollback, for a dry run: it reads nothing, so it needs no account."""
    _final_version(project, tag)
    return [
        f"read {destination.manifest_key(tag)}, which names every file of {tag}",
        "download each of those files and compare it with its SHA-256 there",
        *(f"replace {destination.root}/{name} with that version's" for name in INSTALLER_NAMES),
        f"point {destination.latest_key} to {tag}",
    ]


def rollback(destination: Destination, project: Project, tag: str, log: Log) -> None:
    """Point `latest.json` to an earlier version, after reading every file of it.

    Raises ReleaseError, and leaves `latest.json` unchanged, if that version is incomplete.
    """
    bucket = destination.bucket
    _final_version(project, tag)
    key = destination.manifest_key(tag)
    content = bucket.read(key)
    if content is None:
        raise ReleaseError(
            f"{bucket.name} has no {key}: that version was never completely uploaded"
        )
    manifest = _parse(content, key)
    for file in manifest.files:
        stored = bucket.inspect(file.key)
        if stored is None or stored.sha256 != file.sha256:
            raise ReleaseError(
                f"{file.key} in {bucket.name} is "
                f"{'missing' if stored is None else 'different from its manifest'}"
            )
        log(f"{file.key} is in order")
    _write_latest(destination, manifest, log)
