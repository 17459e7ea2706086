"""What the commands of the release program do, put together from the packages beside this module.

`release.cli` reads the command line and prints; here is what happens in between. Everything raises
ReleaseError for what is wrong, and reports progress line by line to a `Log`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.checks.verify import ArchiveFacts, VerifyOptions, sound_archives
from release.errors import ReleaseError
from release.evidence import metrics_path, rebuild_path, save
from release.files import Log, read_text, write_text
from release.plan import (
    Plan,
    archive_base,
    archive_platform,
    asset_names,
    choose_platforms,
    make_plan,
)
from release.platforms import host_platform_name
from release.project import Project
from release.publish import downloads
from release.publish import release as publishing
from release.publish.bucket import Bucket, connect
from release.publish.github import GitHub
from release.publish.installers import github_downloads, installer_files, render_installers
from release.publish.release import Publication
from release.reports.changelog import changelog, commit_time
from release.reports.ledger import (
    check_budgets,
    make_entry,
    read_ledger,
    read_metrics,
    record,
    render_markdown,
    render_picture,
)
from release.reports.measure import compare_rebuild, describe_machine, make_metrics, measure_start
from release.reports.notes import release_notes
from release.reports.sizes import read_evidence, render_comparison
from release.signing import notary
from release.signing import sign as signing
from release.signing.calls import run
from release.signing.settings import notary_settings
from release.signing.signers import settings_of, signer_for
from release.versions import parse_tag


def plan(
    project: Project,
    *,
    tag: str | None,
    version: str | None,
    checkout: Path | None,
    sign: Sequence[str],
) -> Plan:
    committed = None if checkout is None else commit_time(checkout)
    return make_plan(project, tag=tag, version=version, committed=committed, sign=sign)


def verified(
    project: Project, directory: Path, tag: str, evidence: Path | None, rebuilds: bool = False
) -> list[ArchiveFacts]:
    """The archives of a whole release, without a defect."""
    options = VerifyOptions(evidence, rebuilds)
    return sound_archives(directory, project, tag, project.platforms, options)


def write_notes(
    project: Project,
    directory: Path,
    tag: str,
    repository: str,
    *,
    evidence: Path | None,
    checkout: Path,
    output: Path | None,
) -> str:
    """The text of a release, written to `output` where there is one; returns what to print."""
    version = make_plan(project, tag=tag).version
    archives = verified(project, directory, version, evidence)
    changes = changelog(checkout, tag, project.tag_prefix)
    measured = read_metrics(project, version, archives, evidence)
    text = release_notes(project, repository, tag, changes, archives, measured)
    if output is None:
        return text
    write_text(output, text)
    return f"wrote {output}"


def write_installers(
    project: Project,
    directory: Path,
    tag: str,
    repository: str,
    *,
    evidence: Path | None,
    base_url: str,
    output: Path,
    log: Log,
) -> None:
    """`base_url` is that of the folder above the program's; GitHub's URLs where it is empty."""
    archives = verified(project, directory, tag, evidence)
    base = base_url.rstrip("/")
    folder = f"{base}/{project.program}/{tag}" if base else github_downloads(repository, tag)
    for name, script in render_installers(project, tag, folder, archives).items():
        write_text(output / name, script)
        log(f"wrote {output / name}")


@dataclass(frozen=True)
class LedgerFiles:
    """The ledger itself, and the page and the picture that are made from it."""

    history: Path
    page: Path
    picture: Path


def update_ledger(
    project: Project,
    directory: Path,
    files: LedgerFiles,
    *,
    tag: str | None,
    version: str | None,
    platforms: Sequence[str] | None,
    evidence: Path,
    dry_run: bool,
    log: Log,
) -> None:
    """Enter a release; a dry run shows the page instead. An exceeded budget raises ReleaseError."""
    name = make_plan(project, tag=tag, version=version).version
    chosen = choose_platforms(project, platforms)
    archives = sound_archives(directory, project, name, chosen, VerifyOptions(evidence))
    measured = read_metrics(project, name, archives, evidence)
    entries = [make_entry(facts, name, measured.get(facts.name)) for facts in archives]
    ledger = record(read_ledger(files.history), entries)
    page = render_markdown(project, ledger, os.path.relpath(files.picture, files.page.parent))
    if dry_run:
        log(page)
    else:
        save(ledger, files.history)
        write_text(files.picture, render_picture(project, ledger))
        write_text(files.page, page)
        log(f"wrote {files.history}, {files.page} and {files.picture}")
    check_budgets(project, entries)


def keep_metrics(
    project: Project,
    archive: Path,
    evidence: Path,
    *,
    cold: float | None,
    cached: float | None,
    start: bool,
    machine: str,
) -> Path:
    """Keep measurements of an archive; its start is measured where its executable can start."""
    platform = archive_platform(project, archive.name)
    native = platform.name == host_platform_name()
    metrics = make_metrics(
        archive,
        cold=cold,
        cached=cached,
        start=measure_start(archive, project, platform) if start and native else None,
        machine=machine or describe_machine(),
    )
    target = metrics_path(evidence, archive_base(archive.name))
    save(metrics, target)
    return target


def keep_rebuild(project: Project, archive: Path, rebuilt: Path, evidence: Path) -> Path:
    """Keep the verdict of a second build; raises ReleaseError when its bytes differ."""
    archive_platform(project, archive.name)
    verdict = compare_rebuild(archive, rebuilt)
    target = rebuild_path(evidence, archive_base(archive.name))
    save(verdict, target)
    if verdict.sha256 != verdict.rebuilt_sha256:
        raise ReleaseError(
            f"{archive.name} is not reproducible: its SHA-256 is {verdict.sha256}, that of the "
            f"second build {verdict.rebuilt_sha256}"
        )
    return target


def compare_sizes(evidence: Path, base: Path) -> str:
    after = read_evidence(evidence)
    if not after:
        raise ReleaseError(f"{evidence} has no evidence of an archive: run ./pants package ::")
    return render_comparison(read_evidence(base), after)


def _log_dry_run(steps: Sequence[str], log: Log) -> None:
    for step in steps:
        log(f"would {step}")


def _without_settings(archive: Path, what: str, settings: str, required: bool, log: Log) -> None:
    problem = f"{archive.name} is not {what}: {settings} is not set (docs/releasing.md)"
    if required:
        raise ReleaseError(problem)
    log(problem)


@dataclass(frozen=True)
class SigningOptions:
    """How `sign` and `notarise` run; `required`: missing settings raise ReleaseError."""

    evidence: Path
    environment: Mapping[str, str]
    required: bool
    dry_run: bool


def sign(project: Project, archive: Path, options: SigningOptions, log: Log) -> None:
    platform = archive_platform(project, archive.name)
    signer = signer_for(platform, project.title, options.environment, run)
    if signer is None:
        _without_settings(archive, "signed", settings_of(platform), options.required, log)
    elif options.dry_run:
        _log_dry_run(signing.describe(archive, project, signer), log)
    else:
        signing.sign_archive(archive, options.evidence, project, signer, log)


def notarise(project: Project, archive: Path, options: SigningOptions, log: Log) -> None:
    platform = archive_platform(project, archive.name)
    if platform.os.name != "darwin":
        raise ReleaseError(f"{archive.name} is for {platform}, but Apple notarises for macOS only")
    settings = notary_settings(options.environment)
    if settings is None:
        _without_settings(archive, "notarised", "RELEASE_NOTARY_KEY", options.required, log)
    elif options.dry_run:
        _log_dry_run(notary.describe(archive, project, settings), log)
    else:
        notary.notarise(archive, options.evidence, project, settings, run, log)


@dataclass(frozen=True)
class Release:
    """A whole release to publish: its files' folder, its tag, and the commit that was built."""

    directory: Path
    tag: str
    evidence: Path | None
    commit: str | None = None
    rebuilds: bool = False

    def verified_files(self, project: Project) -> list[Path]:
        verified(project, self.directory, self.tag, self.evidence, self.rebuilds)
        return [self.directory / name for name in asset_names(project, self.tag)]


def publish(
    project: Project, release: Release, repository: str, notes: Path, *, dry_run: bool, log: Log
) -> None:
    version = parse_tag(release.tag, project.tag_prefix)
    files = release.verified_files(project)
    title = f"{project.title} {release.tag}"
    publication = Publication(title, version, tuple(files), read_text(notes), release.commit)
    if dry_run:
        _log_dry_run(publishing.describe(publication, repository), log)
    else:
        publishing.publish(GitHub(repository), publication, log)


@dataclass(frozen=True)
class BucketOptions:
    """Where downloads lie. `endpoint`: URL of an S3 that is not Amazon's; `prefix`: a folder, or empty."""

    name: str
    prefix: str
    endpoint: str | None
    region: str | None

    def destination(self, project: Project, dry_run: bool) -> downloads.Destination:
        # A dry run asks nobody, so that any region does.
        client = connect(self.endpoint, self.region or ("auto" if dry_run else None))
        return downloads.Destination(Bucket(client, self.name), project.program, self.prefix)


def upload(
    project: Project,
    release: Release,
    evidence: Path,
    bucket: BucketOptions,
    installers: Path | None,
    *,
    dry_run: bool,
    log: Log,
) -> None:
    version = parse_tag(release.tag, project.tag_prefix)
    files = release.verified_files(project)
    about = downloads.evidence_files(project, evidence, release.tag)
    scripts = [] if installers is None else installer_files(installers)
    destination = bucket.destination(project, dry_run)
    if dry_run:
        steps = downloads.describe(destination, project, version, files, about, scripts)
        _log_dry_run(steps, log)
    else:
        downloads.upload(destination, project, version, files, about, release.commit, log, scripts)


def rollback(project: Project, tag: str, bucket: BucketOptions, *, dry_run: bool, log: Log) -> None:
    destination = bucket.destination(project, dry_run)
    if dry_run:
        _log_dry_run(downloads.describe_rollback(destination, project, tag), log)
    else:
        downloads.rollback(destination, project, tag, log)
