"""A whole release without an account: what was built here, and stand-ins for other platforms.

Everything is laid into one folder, as the release's jobs would have it:

    release/      the ten files
    evidence/     what is known about them
    installers/   install.sh, install.ps1
    notes.md      the release's text
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.checks.verify import VerifyOptions, sound_archives
from release.files import write_text
from release.plan import asset_names
from release.platforms import CHECKSUM_SUFFIX, Platform
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
from release.testing.stand_ins import write_archive
from release.versions import parse_tag


@dataclass(frozen=True)
class Stage:
    """The folders of a rehearsal, and the platforms whose archives are stand-ins."""

    release: Path
    evidence: Path
    stand_ins: tuple[Platform, ...]

    def origin(self, platform: Platform) -> str:
        return "stand-in" if platform in self.stand_ins else "built here"

    def banner(self) -> str:
        """A paragraph that says what isn't real, in Markdown; empty where everything is."""
        if not self.stand_ins:
            return ""
        names = ", ".join(platform.name for platform in self.stand_ins)
        return (
            f"> **Rehearsal.** The archives for {names} are stand-ins that hold no program: those "
            "platforms were not built here. Their sizes mean nothing.\n\n"
        )


def _copy_built(project: Project, tag: str, platform: Platform, dist: Path, stage: Path) -> bool:
    """Take over what `./pants package` left of a platform; False where there is nothing."""
    archive = dist / "release" / project.archive(tag, platform)
    if not archive.is_file():
        return False
    for name in (archive.name, archive.name + CHECKSUM_SUFFIX):
        shutil.copyfile(dist / "release" / name, stage / "release" / name)
    for path in (dist / "evidence").glob(f"{project.base(tag, platform)}.*"):
        shutil.copyfile(path, stage / "evidence" / path.name)
    return True


def stage_release(project: Project, tag: str, dist: Path, folder: Path) -> Stage:
    """Lay a release of `tag` into `folder`, which is emptied first, from what is in `dist`."""
    for name in ("release", "evidence"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).mkdir(parents=True)
    stand_ins = []
    for platform in project.platforms:
        if _copy_built(project, tag, platform, dist, folder):
            continue
        stand_ins.append(platform)
        write_archive(folder / "release", project, tag, platform, evidence=folder / "evidence")
    return Stage(folder / "release", folder / "evidence", tuple(stand_ins))


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
    """Stage the release of a tag, and say line by line what it is and what publishing it would do."""
    version = parse_tag(tag, project.tag_prefix)
    names = asset_names(project, tag)
    stage = stage_release(project, tag, dist, output)
    options = VerifyOptions(stage.evidence)
    archives = sound_archives(stage.release, project, tag, project.platforms, options)
    measured = read_metrics(project, tag, archives, stage.evidence)
    changes = changelog(checkout, tag, project.tag_prefix)
    notes = stage.banner() + release_notes(project, repository, tag, changes, archives, measured)
    write_text(output / "notes.md", notes)
    # The size and the cost of a stand-in mean nothing.
    built = [facts for facts in archives if facts.platform not in stage.stand_ins]
    entries = [make_entry(facts, tag, measured.get(facts.name)) for facts in built]
    recorded = record(read_ledger(history), entries)
    scripts = render_installers(project, tag, github_downloads(repository, tag), archives)
    for name, script in scripts.items():
        write_text(output / "installers" / name, script)
    files = [stage.release / name for name in names]
    publication = Publication(f"{project.title} {tag}", version, tuple(files), notes)
    destination = downloads.Destination(Bucket(connect(None, "auto"), bucket), project.program)
    about = downloads.evidence_files(project, stage.evidence, tag)
    steps = [
        *describe(publication, repository),
        *downloads.describe(
            destination, project, version, files, about, installer_files(output / "installers")
        ),
    ]
    for title, lines in {
        f"Files of the release, in {stage.release}": overview(project, tag, stage, names),
        "Text of the release": notes.splitlines(),
        "Ledger": render_markdown(project, recorded, "build-metrics.svg").splitlines(),
        "What would be done": [f"  {step}" for step in steps],
    }.items():
        yield "\n".join([f"=== {title}", "", *lines, ""])
    check_budgets(project, entries)
    stand_ins = ", ".join(platform.name for platform in stage.stand_ins) or "none"
    yield f"Rehearsed {tag}: {len(names)} files in {stage.release}; stand-ins: {stand_ins}"


def overview(project: Project, tag: str, stage: Stage, names: Sequence[str]) -> list[str]:
    """The release's files with their sizes and origins, one a line."""
    origins = {project.archive(tag, p): stage.origin(p) for p in project.platforms}
    width = max(map(len, names))
    return [
        f"  {name:{width}}  {(stage.release / name).stat().st_size:>12,} bytes  "
        f"{origins[name.removesuffix(CHECKSUM_SUFFIX)]}"
        for name in names
    ]
