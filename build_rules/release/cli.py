"""The release program: `./pants run build_rules/release:cli -- COMMAND`.

A thin layer: it reads the command line, calls the functions beneath it and prints what they say.
Exit codes: 0 all is well; 1 something is wrong with the release; 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from release.checks.verify import ArchiveFacts, VerifyOptions, sound_archives, verify
from release.errors import ReleaseError
from release.evidence import metrics_path, rebuild_path, save
from release.files import read_text, write_text
from release.plan import archive_base, archive_platform, asset_names, choose_platforms, make_plan
from release.platforms import host_platform_name
from release.project import AGENT_RUNNER
from release.publish import downloads
from release.publish import release as publishing
from release.publish.bucket import Bucket, connect
from release.publish.github import GitHub
from release.publish.installers import github_downloads, installer_files, render_installers
from release.publish.release import Publication
from release.rehearsal import rehearse
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
from release.reports.measure import (
    compare_rebuild,
    describe_machine,
    make_metrics,
    measure_start,
)
from release.reports.notes import release_notes
from release.reports.sizes import read_evidence, render_comparison
from release.signing import notary
from release.signing.calls import run
from release.signing.settings import notary_settings
from release.signing.sign import describe as describe_signing
from release.signing.sign import sign_archive
from release.signing.signers import settings_of, signer_for
from release.versions import parse_tag

PROJECT = AGENT_RUNNER

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From a tag to verified files, a ledger and downloads.",
)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from error


def _print(lines: Iterable[str], prefix: str = "") -> None:
    for line in lines:
        print(f"{prefix}{line}", flush=True)


def _log(line: str) -> None:
    print(line, flush=True)


Tag = Annotated[str | None, typer.Option(envvar="RELEASE_TAG", help="The tag that is released.")]
RequiredTag = Annotated[str, typer.Option(envvar="RELEASE_TAG", help="The tag that is released.")]
BuildVersion = Annotated[
    str | None,
    typer.Option(
        envvar="RELEASE_VERSION",
        help="The version of a build that is not published; default `dev`.",
    ),
]


class PlanFormat(str, Enum):
    text = "text"
    json = "json"
    github = "github"


@app.command()
def plan(
    tag: Tag = None,
    version: BuildVersion = None,
    checkout: Annotated[
        Path | None,
        typer.Option(help="The repository's checkout: a released archive shows its commit's time."),
    ] = None,
    sign: Annotated[
        str,
        typer.Option(
            envvar="RELEASE_SIGN",
            help="Systems whose executables a release has signed: `darwin windows`, or nothing.",
        ),
    ] = "",
    output: Annotated[
        PlanFormat,
        typer.Option(help="For people, for programs, or as the outputs of a workflow's step."),
    ] = PlanFormat.text,
) -> None:
    """Say what a tag or a manual run would build, name and publish."""
    with _explained():
        committed = commit_time(checkout) if checkout is not None else None
        planned = make_plan(
            PROJECT, tag=tag, version=version, committed=committed, sign=sign.split()
        )
    if output is PlanFormat.json:
        print(planned.model_dump_json(indent=2))
    else:
        _print(planned.outputs() if output is PlanFormat.github else planned.summary())


def _sound(
    directory: Path, version: str, evidence: Path | None, rebuilds: bool = False
) -> list[ArchiveFacts]:
    options = VerifyOptions(evidence, rebuilds)
    return sound_archives(directory, PROJECT, version, PROJECT.platforms, options)


Directory = Annotated[Path, typer.Argument(help="Folder of the archives and their checksums.")]
Platforms = Annotated[
    list[str] | None,
    typer.Option(
        "--platform", help="Only this one, e.g. linux-amd64, or `local`; repeat for more."
    ),
]
EvidenceFolder = Annotated[
    Path | None, typer.Option(help="Folder of the evidence, usually dist/evidence.")
]
Rebuilds = Annotated[
    bool,
    typer.Option("--rebuilds", help="Demand the verdict of a second build of each archive."),
]
Repository = Annotated[
    str, typer.Option(envvar="GITHUB_REPOSITORY", help="OWNER/NAME of the repository on GitHub.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


@app.command(name="verify")
def verify_command(
    directory: Directory,
    tag: Tag = None,
    version: BuildVersion = None,
    platform: Platforms = None,
    evidence: EvidenceFolder = None,
    rebuilds: Rebuilds = False,
) -> None:
    """Check the files of a release; every defect is listed."""
    with _explained():
        planned = make_plan(PROJECT, tag=tag, version=version)
        chosen = choose_platforms(PROJECT, platform)
        report = verify(
            directory, PROJECT, planned.version, chosen, VerifyOptions(evidence, rebuilds)
        )
    for facts in report.archives:
        floor = facts.known_floor or "no floor"
        print(f"{facts.name}: {facts.size / 1e6:.1f} MB, {floor}, {facts.sha256}")
    for defect in report.defects:
        print(f"defect: {defect}", file=sys.stderr)
    if report.defects:
        print(f"{len(report.defects)} defects in {directory}", file=sys.stderr)
        raise typer.Exit(1)
    print(f"{directory} is in order: {len(chosen)} archives with their checksums")


@app.command()
def notes(
    directory: Directory,
    tag: RequiredTag,
    repository: Repository,
    evidence: EvidenceFolder = None,
    checkout: Annotated[Path, typer.Option(help="The repository's checkout.")] = Path(),
    output: Annotated[Path | None, typer.Option(help="File to write; default: print it.")] = None,
) -> None:
    """Write a release's text: what changed, what can be downloaded, how to verify it."""
    with _explained():
        planned = make_plan(PROJECT, tag=tag)
        archives = _sound(directory, planned.version, evidence)
        text = release_notes(
            PROJECT,
            repository,
            tag,
            changelog(checkout, tag, PROJECT.tag_prefix),
            archives,
            read_metrics(PROJECT, planned.version, archives, evidence),
        )
        if output is not None:
            write_text(output, text)
    print(text if output is None else f"wrote {output}")


@app.command()
def installers(
    directory: Directory,
    output: Annotated[Path, typer.Option(help="Folder to write the scripts into.")],
    tag: RequiredTag,
    repository: Repository,
    evidence: EvidenceFolder = None,
    downloads: Annotated[
        str,
        typer.Option(
            envvar="RELEASE_DOWNLOADS",
            help="Public URL of the bucket's folder above the program's; default: GitHub's URLs.",
        ),
    ] = "",
) -> None:
    """Make the release's install.sh and install.ps1."""
    with _explained():
        archives = _sound(directory, tag, evidence)
        base = downloads.rstrip("/")
        folder = f"{base}/{PROJECT.program}/{tag}" if base else github_downloads(repository, tag)
        for name, script in render_installers(PROJECT, tag, folder, archives).items():
            write_text(output / name, script)
            print(f"wrote {output / name}")


@app.command()
def ledger(
    directory: Directory,
    evidence: Annotated[Path, typer.Option(help="Folder of the evidence.")],
    tag: Tag = None,
    version: BuildVersion = None,
    platform: Platforms = None,
    history: Annotated[Path, typer.Option(help="The ledger itself.")] = Path(
        "docs/build-metrics.json"
    ),
    page: Annotated[Path, typer.Option(help="The page that is made from it.")] = Path(
        "docs/BUILD_METRICS.md"
    ),
    picture: Annotated[Path, typer.Option(help="The picture that is made from it.")] = Path(
        "docs/build-metrics.svg"
    ),
    dry_run: DryRun = False,
) -> None:
    """Enter a release into the ledger, its page and its picture; a budget's breach fails."""
    with _explained():
        planned = make_plan(PROJECT, tag=tag, version=version)
        archives = sound_archives(
            directory,
            PROJECT,
            planned.version,
            choose_platforms(PROJECT, platform),
            VerifyOptions(evidence),
        )
        measured = read_metrics(PROJECT, planned.version, archives, evidence)
        entries = [
            make_entry(facts, planned.version, measured.get(facts.name)) for facts in archives
        ]
        recorded = record(read_ledger(history), entries)
        text = render_markdown(PROJECT, recorded, os.path.relpath(picture, page.parent))
        if dry_run:
            print(text)
        else:
            save(recorded, history)
            write_text(picture, render_picture(PROJECT, recorded))
            write_text(page, text)
            print(f"wrote {history}, {page} and {picture}")
        check_budgets(PROJECT, entries)


@app.command()
def metrics(
    archive: Annotated[Path, typer.Argument(help="The archive that was measured.")],
    evidence: Annotated[Path, typer.Option(help="Folder to write the measurements into.")],
    cold: Annotated[
        float | None,
        typer.Option(
            min=0, envvar="RELEASE_COLD_SECONDS", help="Seconds of a build without any cache."
        ),
    ] = None,
    cached: Annotated[
        float | None, typer.Option(min=0, help="Seconds of a build after a change of our code.")
    ] = None,
    machine: Annotated[
        str, typer.Option(help="What it was measured on, in words; default: this machine.")
    ] = "",
    start: Annotated[
        bool,
        typer.Option(
            "--start", help="Measure how long the executable takes to start, where it can here."
        ),
    ] = False,
) -> None:
    """Keep what was measured of an archive where it was built, for notes and ledger."""
    with _explained():
        platform = archive_platform(PROJECT, archive.name)
        native = platform.name == host_platform_name()
        seconds = measure_start(archive, PROJECT, platform) if start and native else None
        measured = make_metrics(
            archive,
            cold=cold,
            cached=cached,
            start=seconds,
            machine=machine or describe_machine(),
        )
        target = metrics_path(evidence, archive_base(archive.name))
        save(measured, target)
    print(f"wrote {target}")


@app.command()
def sizes(
    evidence: Annotated[Path, typer.Argument(help="Folder of the evidence of this build.")],
    base: Annotated[
        Path, typer.Option(help="Folder of the evidence to compare with; it may be missing.")
    ],
) -> None:
    """Compare the sizes of two builds, as Markdown."""
    with _explained():
        after = read_evidence(evidence)
        if not after:
            raise ReleaseError(f"{evidence} has no evidence of an archive: run ./pants package ::")
        print(render_comparison(read_evidence(base), after))


@app.command()
def rebuild(
    archive: Annotated[Path, typer.Argument(help="The archive that will be published.")],
    rebuilt: Annotated[Path, typer.Argument(help="The same, built once more without a cache.")],
    evidence: Annotated[Path, typer.Option(help="Folder to write the verdict into.")],
) -> None:
    """Compare an archive with a second build of it, and keep the verdict for `verify`."""
    with _explained():
        archive_platform(PROJECT, archive.name)
        verdict = compare_rebuild(archive, rebuilt)
        target = rebuild_path(evidence, archive_base(archive.name))
        save(verdict, target)
        if verdict.sha256 != verdict.rebuilt_sha256:
            raise ReleaseError(
                f"{archive.name} is not reproducible: {verdict.sha256}, and once more "
                f"{verdict.rebuilt_sha256}"
            )
    print(f"{archive.name} is reproducible; wrote {target}")


Archive = Annotated[Path, typer.Argument(help="The archive that ./pants package made.")]
SignedEvidence = Annotated[Path, typer.Option(help="Folder of the evidence, dist/evidence.")]
Required = Annotated[
    bool, typer.Option("--required", help="Fail where settings are missing; else do nothing then.")
]


def _without_settings(archive: Path, what: str, settings: str, required: bool) -> None:
    problem = f"{archive.name} is not {what}: {settings} is not set (docs/releasing.md)"
    if required:
        raise ReleaseError(problem)
    print(problem)


@app.command(name="sign")
def sign_command(
    archive: Archive,
    evidence: SignedEvidence,
    required: Required = False,
    dry_run: DryRun = False,
) -> None:
    """Sign the executable in an archive, for Windows or macOS, after the build.

    Key and certificate come from variables: docs/releasing.md. Archive, checksum and evidence are
    replaced together; a second call verifies what it finds.
    """
    with _explained():
        platform = archive_platform(PROJECT, archive.name)
        signer = signer_for(platform, PROJECT.title, os.environ, run)
        if signer is None:
            _without_settings(archive, "signed", settings_of(platform), required)
        elif dry_run:
            _print(describe_signing(archive, PROJECT, signer), "would ")
        else:
            sign_archive(archive, evidence, PROJECT, signer, _log)


@app.command(name="notarise")
def notarise_command(
    archive: Archive,
    evidence: SignedEvidence,
    required: Required = False,
    dry_run: DryRun = False,
) -> None:
    """Let Apple notarise the signed executable in an archive for macOS; nothing in it changes."""
    with _explained():
        platform = archive_platform(PROJECT, archive.name)
        if platform.os.name != "darwin":
            raise ReleaseError(f"{archive.name} is for {platform}: Apple notarises for macOS alone")
        settings = notary_settings(os.environ)
        if settings is None:
            _without_settings(archive, "notarised", "RELEASE_NOTARY_KEY", required)
        elif dry_run:
            _print(notary.describe(archive, PROJECT, settings), "would ")
        else:
            notary.notarise(archive, evidence, PROJECT, settings, run, _log)


@app.command(name="publish")
def publish_command(
    directory: Directory,
    tag: RequiredTag,
    repository: Repository,
    notes: Annotated[Path, typer.Option(help="The release's text, from the command `notes`.")],
    commit: Annotated[
        str | None, typer.Option(help="The commit that was built; the tag must stand for it.")
    ] = None,
    evidence: EvidenceFolder = None,
    rebuilds: Rebuilds = False,
    dry_run: DryRun = False,
) -> None:
    """Publish a release on GitHub, or complete what an interrupted run began."""
    with _explained():
        version = parse_tag(tag, PROJECT.tag_prefix)
        _sound(directory, tag, evidence, rebuilds)
        files = tuple(directory / name for name in asset_names(PROJECT, tag))
        title = f"{PROJECT.title} {tag}"
        publication = Publication(title, version, files, read_text(notes), commit)
        github = GitHub(repository)
        if dry_run:
            _print(publishing.describe(publication, repository), "would ")
            return
        publishing.publish(github, publication, _log)


BucketName = Annotated[str, typer.Option(envvar="RELEASE_BUCKET", help="The bucket.")]
Endpoint = Annotated[
    str | None,
    typer.Option(envvar="RELEASE_S3_ENDPOINT", help="URL of an S3 that is not Amazon's, e.g. R2."),
]
Region = Annotated[
    str | None, typer.Option(envvar="RELEASE_S3_REGION", help="The bucket's region; R2: auto.")
]
Prefix = Annotated[
    str, typer.Option(envvar="RELEASE_PREFIX", help="Folder in the bucket above the program's.")
]


def _destination(
    bucket: str, prefix: str, endpoint: str | None, region: str | None
) -> downloads.Destination:
    client = connect(endpoint, region)
    return downloads.Destination(Bucket(client, bucket), PROJECT.program, prefix)


@app.command(name="upload")
def upload_command(
    directory: Directory,
    tag: RequiredTag,
    bucket: BucketName,
    evidence: Annotated[Path, typer.Option(help="Folder of the evidence, which goes with it.")],
    installers: Annotated[
        Path | None, typer.Option(help="Folder of the installers, from the command `installers`.")
    ] = None,
    prefix: Prefix = "",
    endpoint: Endpoint = None,
    region: Region = None,
    commit: Annotated[str | None, typer.Option(help="The commit that was built.")] = None,
    dry_run: DryRun = False,
) -> None:
    """Upload a version to S3 or R2, or complete what an interrupted run began."""
    with _explained():
        version = parse_tag(tag, PROJECT.tag_prefix)
        _sound(directory, tag, evidence)
        files = tuple(directory / name for name in asset_names(PROJECT, tag))
        about = downloads.evidence_files(PROJECT, evidence, tag)
        scripts = [] if installers is None else installer_files(installers)
        destination = _destination(
            bucket, prefix, endpoint, region or ("auto" if dry_run else None)
        )
        if dry_run:
            _print(
                downloads.describe(destination, PROJECT, version, files, about, scripts), "would "
            )
            return
        downloads.upload(destination, PROJECT, version, files, about, commit, _log, scripts)


@app.command(name="rehearse")
def rehearse_command(
    tag: RequiredTag,
    dist: Annotated[Path, typer.Option(help="Where ./pants package wrote to.")] = Path("dist"),
    output: Annotated[Path, typer.Option(help="Folder to lay the release into.")] = Path(
        "dist/rehearsal"
    ),
    repository: Annotated[
        str, typer.Option(envvar="GITHUB_REPOSITORY", help="OWNER/NAME on GitHub.")
    ] = "owner/name",
    bucket: Annotated[str, typer.Option(envvar="RELEASE_BUCKET", help="The bucket.")] = "bucket",
    checkout: Annotated[Path, typer.Option(help="The repository's checkout.")] = Path(),
    history: Annotated[Path, typer.Option(help="The ledger.")] = Path("docs/build-metrics.json"),
) -> None:
    """Stage and print a whole release without an account; nothing leaves this machine."""
    with _explained():
        _print(
            rehearse(
                PROJECT,
                tag,
                dist,
                output,
                repository=repository,
                bucket=bucket,
                checkout=checkout,
                history=history,
            )
        )


@app.command()
def rollback(
    tag: Annotated[str, typer.Argument(help="The version that shall be the latest again.")],
    bucket: BucketName,
    prefix: Prefix = "",
    endpoint: Endpoint = None,
    region: Region = None,
    dry_run: DryRun = False,
) -> None:
    """Let `latest.json` say an earlier version, once every file of it was read again."""
    with _explained():
        destination = _destination(
            bucket, prefix, endpoint, region or ("auto" if dry_run else None)
        )
        if dry_run:
            _print(downloads.describe_rollback(destination, PROJECT, tag), "would ")
            return
        downloads.rollback(destination, PROJECT, tag, _log)


if __name__ == "__main__":
    app(prog_name="release")
