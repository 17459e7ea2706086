"""Installers of one release: scripts that contain its archives' names and digests.

They are made from templates (`templates/`) and facts about verified archives. They are not part of
the release: they go into the download bucket (`release.publish.downloads`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.checks.verify import ArchiveFacts
from release.errors import ReleaseError
from release.project import NOTICES_NAME, Project

_TEMPLATES = Path(__file__).with_name("templates")
_TOKEN = re.compile(r"@([A-Z]+)@")
_URL = re.compile(r"https?://[A-Za-z0-9._~:/?&=%+-]+")


def _sh_row(facts: ArchiveFacts) -> str:
    floor = facts.floor
    known = floor.version if floor is not None and floor.system == "glibc" else "-"
    return (
        f"        {facts.platform}) archive='{facts.name}' sha256='{facts.sha256}' "
        f"floor='{known}' ;;"
    )


def _ps1_row(facts: ArchiveFacts) -> str:
    return f'    "{facts.platform}" = @{{ Archive = "{facts.name}"; Sha256 = "{facts.sha256}" }}'


@dataclass(frozen=True)
class _Installer:
    """One script: the platforms it installs on, and how it writes down a platform."""

    name: str
    systems: tuple[str, ...]
    row: Callable[[ArchiveFacts], str]


_INSTALLERS = (
    _Installer("install.sh", ("darwin", "linux"), _sh_row),
    _Installer("install.ps1", ("windows",), _ps1_row),
)

INSTALLER_NAMES = tuple(installer.name for installer in _INSTALLERS)


def github_downloads(repository: str, tag: str) -> str:
    """The URL of the folder with a GitHub release's files."""
    return f"https://github.com/{repository}/releases/download/{tag}"


def installer_files(folder: Path) -> list[Path]:
    """The installers in a folder; raises ReleaseError if one is missing."""
    files = [folder / name for name in INSTALLER_NAMES]
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        raise ReleaseError(f"{folder} has no {' and no '.join(missing)}: run `installers` first")
    return files


def _fill(template: str, values: Mapping[str, str]) -> str:
    return _TOKEN.sub(lambda match: values[match[1]], template)


def render_installers(
    project: Project, tag: str, downloads: str, archives: Sequence[ArchiveFacts]
) -> dict[str, str]:
    """The scripts by name; `downloads` is the URL of the archives' folder.

    Raises ReleaseError if that is not a URL, because it becomes part of the scripts.
    """
    if not _URL.fullmatch(downloads):
        raise ReleaseError(f"{downloads!r} is not a URL that can be put into installers")
    scripts = {}
    for installer in _INSTALLERS:
        rows = [installer.row(f) for f in archives if f.platform.os.name in installer.systems]
        values = {
            "DOWNLOADS": downloads.rstrip("/"),
            "NOTICES": NOTICES_NAME,
            "PLATFORMS": "\n".join(rows),
            "PROGRAM": project.program,
            "VARIABLE": project.program.upper().replace("-", "_"),
            "VERSION": tag,
        }
        template = (_TEMPLATES / installer.name).read_text(encoding="utf-8")
        scripts[installer.name] = _fill(template, values)
    return scripts
