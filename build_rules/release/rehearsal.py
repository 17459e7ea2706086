"""A release without an account: the platforms that were built here, staged as a release would be.

Everything goes into one folder, as the release's jobs would have it:

    release/      the archives and their checksums
    evidence/     what is known about them
    installers/   install.sh, install.ps1
    notes.md      the release's text
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from release.checks.verify import VerifyOptions, check_proof, sound_archives
from release.errors import ReleaseError
from release.evidence import proof_path
from release.files import write_text
from release.plan import asset_names
from release.project import Project
from release.publish import downloads
from release.publish.bucket import Bucket, connect
from release.publish.installers import github_downloads, installer_files, render_installers
from release.publish.release import Publication, describe
from release.reports.changelog import changelog
from release.reports.ledger import (
    check_budgets,
    make_entry,
    read_ledger,
    read_metrics,
    record,
    render_markdown,
)
from release.reports.notes import release_notes
from release.versions import parse_tag


@dataclass(frozen=True)
class Stage:
    """The folders of a rehearsal; `built` is the project with the platforms that were built."""

    release: Path
    evidence: Path
    built: Project
    missing: tuple[str, ...]

    def banner(self) -> str:
        """A paragraph in Markdown that names the platforms that are missing; empty if none is."""
        if not self.missing:
            return ""
        return (
            f"> **Rehearsal.** Not built here, and so not part of it: {', '.join(self.missing)}."
            "\n\n"
        )


def stage_release(project: Project, tag: str, dist: Path, folder: Path) -> Stage:
    """Copy what `./pants package` left of a release of `tag` from `dist` to an emptied `folder`.

    Raises ReleaseError when no platform of that version was built.
    """
    jobs = [
        job
        for job in project.jobs
        if (dist / "release" / project.archive(tag, job.platform)).is_file()
    ]
    if not jobs:
        raise ReleaseError(
            f"{dist / 'release'} has no archive of {tag}: run `make release-dry-run TAG={tag}`, "
            "which builds this platform's first"
        )
    for name in ("release", "evidence"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    built = replace(project, jobs=tuple(jobs))
    for name in asset_names(built, tag):
        shutil.copyfile(dist / "release" / name, folder / "release" / name)
    for platform in built.platforms:
        for path in (dist / "evidence").glob(f"{project.base(tag, platform)}.*"):
            shutil.copyfile(path, folder / "evidence" / path.name)
    missing = tuple(p.name for p in project.platforms if p not in built.platforms)
    return Stage(folder / "release", folder / "evidence", built, missing)


def rehearse(
    project: Project,
    tag: str,
    dist: Path,
    output: Path,
    *,
    repository: str,
    bucket: str,
    checkout: Path,
    history: Path,
) -> Iterator[str]:
    """Stage the release of a tag, and yield, part by part, what it is and what publishing it would do."""
    version = parse_tag(tag, project.tag_prefix)
    stage = stage_release(project, tag, dist, output)
    built = stage.built
    names = asset_names(built, tag)
    archives = sound_archives(
        stage.release, built, tag, built.platforms, VerifyOptions(stage.evidence)
    )
    measured = read_metrics(built, tag, archives, stage.evidence)
    changes = changelog(checkout, tag, project.tag_prefix)
    notes = stage.banner() + release_notes(project, repository, tag, changes, archives, measured)
    write_text(output / "notes.md", notes)
    entries = [make_entry(facts, tag, measured.get(facts.name)) for facts in archives]
    recorded = record(read_ledger(history), entries)
    scripts = render_installers(project, tag, github_downloads(repository, tag), archives)
    for name, script in scripts.items():
        write_text(output / "installers" / name, script)
    files = [stage.release / name for name in names]
    publication = Publication(f"{project.title} {tag}", version, tuple(files), notes)
    destination = downloads.Destination(Bucket(connect(None, "auto"), bucket), project.program)
    about = downloads.evidence_files(built, stage.evidence, tag)
    steps = [
        *describe(publication, repository),
        *downloads.describe(
            destination, built, version, files, about, installer_files(output / "installers")
        ),
    ]
    for title, lines in {
        f"Files of the release, in {stage.release}": _sizes(files),
        "Text of the release": notes.splitlines(),
        "Ledger": render_markdown(project, recorded, "build-metrics.svg").splitlines(),
        "What would be done": [f"  {step}" for step in steps],
    }.items():
        yield "\n".join([f"=== {title}", "", *lines, ""])
    check_budgets(project, entries)
    unproved = [
        facts.platform.name
        for facts in archives
        if check_proof(facts, proof_path(stage.evidence, project.base(tag, facts.platform)))
    ]
    yield (
        f"Rehearsed {tag} for {', '.join(p.name for p in built.platforms)}"
        + (f"; not built here: {', '.join(stage.missing)}" if stage.missing else "")
        + (f"; to be proved on their own machines: {', '.join(unproved)}" if unproved else "")
    )


def _sizes(files: Sequence[Path]) -> list[str]:
    width = max(len(path.name) for path in files)
    return [f"  {path.name:{width}}  {path.stat().st_size:>12,} bytes" for path in files]
