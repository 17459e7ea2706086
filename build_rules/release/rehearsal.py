"""A whole release without an account: what was built here, and stand-ins for other platforms.

Everything is laid into one folder, as the release's jobs would have it:

    release/      the ten files
    evidence/     what is known about them
    installers/   install.sh, install.ps1
    notes.md      the release's text
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from release.platforms import CHECKSUM_SUFFIX, Platform
from release.project import Project
from release.testing.stand_ins import write_archive


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


def overview(project: Project, tag: str, stage: Stage, names: Sequence[str]) -> list[str]:
    """The release's files with their sizes and origins, one a line."""
    origins = {project.archive(tag, p): stage.origin(p) for p in project.platforms}
    width = max(map(len, names))
    return [
        f"  {name:{width}}  {(stage.release / name).stat().st_size:>12,} bytes  "
        f"{origins[name.removesuffix(CHECKSUM_SUFFIX)]}"
        for name in names
    ]
