"""The repository's own files, in a checkout or in the build's sandbox, which has no `.git`."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

HIDDEN: Final = {".ci", ".gitattributes", ".github", ".gitignore"}
"""The repository's hidden top-level entries; other hidden ones are tools' caches."""


def root() -> Path:
    """The top of the repository: the folder that holds `pants.toml`."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "pants.toml").is_file():
            return folder
    raise FileNotFoundError(f"no pants.toml in {here} or above: not inside of the repository")


def paths() -> list[Path]:
    """Every file that is, or would be, committed; relative to `root()`."""
    top = root()
    if (top / ".git").exists() and shutil.which("git"):
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=top,
            check=True,
            capture_output=True,
        ).stdout
        names = [Path(name) for name in listed.decode().split("\0") if name]
        return sorted(name for name in names if (top / name).is_file())
    return sorted(
        path.relative_to(top)
        for entry in top.iterdir()
        if not _of_the_sandbox(entry.name)
        for path in ([entry] if entry.is_file() else entry.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    )


def text(path: Path) -> str | None:
    """The file's text; None for a binary file."""
    try:
        return (root() / path).read_text("utf-8")
    except UnicodeDecodeError:
        return None


def _of_the_sandbox(name: str) -> bool:
    """Whether Pants put this top-level entry beside the repository's files."""
    return (
        name.endswith((".pex", "_shim.sh"))
        or name.startswith("__")
        or (name.startswith(".") and name not in HIDDEN)
    )
