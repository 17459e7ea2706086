"""The release program: `./pants run build_rules/release:cli -- COMMAND`.

It reads the command line, calls `release.commands` and prints. Exit codes: 0 success; 1 something
is wrong with the release; 2 wrong usage.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from release import commands
from release.checks.verify import VerifyOptions, verify
from release.commands import BucketOptions, LedgerFiles, Release, SigningOptions
from release.errors import ReleaseError
from release.plan import choose_platforms, make_plan
from release.project import AGENT_RUNNER
from release.rehearsal import rehearse

PROJECT = AGENT_RUNNER


class _Group(TyperGroup):
    """Commands whose ReleaseError becomes one line and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ReleaseError as error:
            print(f"error: {error}", file=sys.stderr)
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=_Group,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="From a tag to verified files, a ledger and downloads.",
)


def _log(line: str) -> None:
    print(line, flush=True)


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        _log(line)


Tag = Annotated[str | None, typer.Option(envvar="RELEASE_TAG", help="The tag to release.")]
RequiredTag = Annotated[str, typer.Option(envvar="RELEASE_TAG", help="The tag to release.")]
BuildVersion = Annotated[
    str | None,
    typer.Option(
        envvar="RELEASE_VERSION",
        help="The version of a build that is not published; default `dev`.",
    ),
]
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
Evidence = Annotated[Path, typer.Option(help="Folder of the evidence, usually dist/evidence.")]
Rebuilds = Annotated[
    bool,
    typer.Option(
        "--rebuilds",
        help="Require the verdict of a second build of each archive, and each deferred proof.",
    ),
]
Repository = Annotated[
    str, typer.Option(envvar="GITHUB_REPOSITORY", help="OWNER/NAME of the repository on GitHub.")
]
Commit = Annotated[
    str | None, typer.Option(help="The commit that was built; the tag must point to it.")
]
Checkout = Annotated[Path, typer.Option(help="The repository's checkout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print what would be done; do nothing.")]


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
            help="Systems whose executables a release signs: `darwin windows`, or nothing.",
        ),
    ] = "",
    output: Annotated[
        PlanFormat,
        typer.Option(help="For people, for programs, or as the outputs of a workflow's step."),
    ] = PlanFormat.text,
) -> None:
    """Print what a tag or a manual run would build, name and publish."""
    planned = commands.plan(PROJECT, tag=tag, version=version, checkout=checkout, sign=sign.split())
    if output is PlanFormat.json:
        _log(planned.model_dump_json(indent=2))
    else:
        _print(planned.outputs() if output is PlanFormat.github else planned.summary())


@app.command(name="verify")
def verify_command(
    directory: Directory,
    tag: Tag = None,
    version: BuildVersion = None,
    platform: Platforms = None,
    evidence: EvidenceFolder = None,
    rebuilds: Rebuilds = False,
) -> None:
    """Check the files of a release, and list every defect."""
    planned = make_plan(PROJECT, tag=tag, version=version)
    chosen = choose_platforms(PROJECT, platform)
    options = VerifyOptions(evidence, rebuilds)
    report = verify(directory, PROJECT, planned.version, chosen, options)
    for facts in report.archives:
        floor = facts.known_floor or "no known floor"
        _log(f"{facts.name}: {facts.size / 1e6:.1f} MB, {floor}, {facts.sha256}")
    for defect in report.defects:
        print(f"defect: {defect}", file=sys.stderr)
    if report.defects:
        print(f"{len(report.defects)} defects in {directory}", file=sys.stderr)
        raise typer.Exit(1)
    _log(f"{directory} is in order: {len(chosen)} archives with their checksums")


@app.command()
def notes(
    directory: Directory,
    tag: RequiredTag,
    repository: Repository,
    evidence: EvidenceFolder = None,
    checkout: Checkout = Path(),
    output: Annotated[Path | None, typer.Option(help="File to write; default: print it.")] = None,
) -> None:
    """Write a release's text: what changed, what can be downloaded, how to verify it."""
    _log(
        commands.write_notes(
            PROJECT,
            directory,
            tag,
            repository,
            evidence=evidence,
            checkout=checkout,
            output=output,
        )
    )


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
    commands.write_installers(
        PROJECT,
        directory,
        tag,
        repository,
        evidence=evidence,
        base_url=downloads,
        output=output,
        log=_log,
    )


@app.command()
def ledger(
    directory: Directory,
    evidence: Evidence,
    tag: Tag = None,
    version: BuildVersion = None,
    platform: Platforms = None,
    history: Annotated[Path, typer.Option(help="The ledger itself.")] = Path(
        "docs/build-metrics.json"
    ),
    page: Annotated[Path, typer.Option(help="The page made from it.")] = Path(
        "docs/BUILD_METRICS.md"
    ),
    picture: Annotated[Path, typer.Option(help="The picture made from it.")] = Path(
        "docs/build-metrics.svg"
    ),
    dry_run: DryRun = False,
) -> None:
    """Enter a release into the ledger, its page and its picture; fail if it exceeds a budget."""
    commands.update_ledger(
        PROJECT,
        directory,
        LedgerFiles(history, page, picture),
        tag=tag,
        version=version,
        platforms=platform,
        evidence=evidence,
        dry_run=dry_run,
        log=_log,
    )


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
        str, typer.Option(help="Description of the machine; default: this one's.")
    ] = "",
    start: Annotated[
        bool,
        typer.Option(
            "--start", help="Measure how long the executable takes to start, if it can start here."
        ),
    ] = False,
) -> None:
    """Keep measurements of an archive, made where it was built, for the notes and the ledger."""
    target = commands.keep_metrics(
        PROJECT, archive, evidence, cold=cold, cached=cached, start=start, machine=machine
    )
    _log(f"wrote {target}")


@app.command()
def sizes(
    evidence: Annotated[Path, typer.Argument(help="Folder of the evidence of this build.")],
    base: Annotated[
        Path, typer.Option(help="Folder of the evidence to compare with; it may be missing.")
    ],
) -> None:
    """Compare the sizes of two builds, as Markdown."""
    _log(commands.compare_sizes(evidence, base))


@app.command()
def rebuild(
    archive: Annotated[Path, typer.Argument(help="The archive to publish.")],
    rebuilt: Annotated[Path, typer.Argument(help="The same archive, built again without a cache.")],
    evidence: Annotated[Path, typer.Option(help="Folder to write the verdict into.")],
) -> None:
    """Compare an archive with a second build of it, and keep the verdict for `verify`."""
    target = commands.keep_rebuild(PROJECT, archive, rebuilt, evidence)
    _log(f"{archive.name} is reproducible; wrote {target}")


Archive = Annotated[Path, typer.Argument(help="The archive that ./pants package made.")]
Required = Annotated[
    bool, typer.Option("--required", help="Fail if settings are missing; the default is to skip.")
]


@app.command(name="sign")
def sign_command(
    archive: Archive, evidence: Evidence, required: Required = False, dry_run: DryRun = False
) -> None:
    """Sign the executable in an archive, for Windows or macOS, after the build.

    Key and certificate come from variables: docs/releasing.md. Archive, checksum and evidence are
    replaced together; a second call verifies what it finds.
    """
    options = SigningOptions(evidence, os.environ, required, dry_run)
    commands.sign(PROJECT, archive, options, _log)


@app.command(name="notarise")
def notarise_command(
    archive: Archive, evidence: Evidence, required: Required = False, dry_run: DryRun = False
) -> None:
    """Have Apple notarise the signed executable in an archive for macOS, which stays as it is."""
    options = SigningOptions(evidence, os.environ, required, dry_run)
    commands.notarise(PROJECT, archive, options, _log)


@app.command(name="publish")
def publish_command(
    directory: Directory,
    tag: RequiredTag,
    repository: Repository,
    notes: Annotated[Path, typer.Option(help="The release's text, from the command `notes`.")],
    commit: Commit = None,
    evidence: EvidenceFolder = None,
    rebuilds: Rebuilds = False,
    dry_run: DryRun = False,
) -> None:
    """Publish a release on GitHub, or complete what an interrupted run began."""
    release = Release(directory, tag, evidence, commit, rebuilds)
    commands.publish(PROJECT, release, repository, notes, dry_run=dry_run, log=_log)


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


@app.command(name="upload")
def upload_command(
    directory: Directory,
    tag: RequiredTag,
    bucket: BucketName,
    evidence: Annotated[Path, typer.Option(help="Folder of the evidence, uploaded too.")],
    installers: Annotated[
        Path | None, typer.Option(help="Folder of the installers, from the command `installers`.")
    ] = None,
    prefix: Prefix = "",
    endpoint: Endpoint = None,
    region: Region = None,
    commit: Commit = None,
    dry_run: DryRun = False,
) -> None:
    """Upload a version to S3 or R2, or complete what an interrupted run began."""
    release = Release(directory, tag, evidence, commit)
    target = BucketOptions(bucket, prefix, endpoint, region)
    commands.upload(PROJECT, release, evidence, target, installers, dry_run=dry_run, log=_log)


@app.command(name="rehearse")
def rehearse_command(
    tag: RequiredTag,
    dist: Annotated[Path, typer.Option(help="Where ./pants package wrote to.")] = Path("dist"),
    output: Annotated[Path, typer.Option(help="Folder to stage the release in.")] = Path(
        "dist/rehearsal"
    ),
    repository: Repository = "owner/name",
    bucket: BucketName = "bucket",
    checkout: Checkout = Path(),
    history: Annotated[Path, typer.Option(help="The ledger.")] = Path("docs/build-metrics.json"),
) -> None:
    """Stage and print the release of what was built here; nothing leaves this machine."""
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
    """Point `latest.json` to an earlier version, after reading every file of it again."""
    target = BucketOptions(bucket, prefix, endpoint, region)
    commands.rollback(PROJECT, tag, target, dry_run=dry_run, log=_log)


if __name__ == "__main__":
    app(prog_name="release")
