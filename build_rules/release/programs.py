"""Executables that distributions install beside this program."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from release.errors import ReleaseError


def installed_program(name: str, *, of: str) -> Path:
    """The executable that the distribution `of` installs; raises ReleaseError without it."""
    try:
        files = distribution(of).files or []
    except PackageNotFoundError as error:
        raise ReleaseError(f"{of} is not installed beside this program") from error
    for file in files:
        if file.name in (name, f"{name}.exe"):
            return Path(str(file.locate())).resolve()
    raise ReleaseError(f"the distribution {of} contains no executable {name}")
