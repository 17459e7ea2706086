"""Which interpreters can be put together from wheels, for macOS and Windows.

`VERSION.lock` pins the wheels that bring python.org's own build of Python VERSION without its standard
library: that of this machine's interpreter, of the same release, completes it.
"""

from __future__ import annotations

from pathlib import Path

from pants_pyinstaller.errors import FreezeError
from pants_pyinstaller.platforms import Platform

FOLDER = Path(__file__).resolve().parent


def versions() -> tuple[str, ...]:
    """The releases that have a lock, oldest first."""
    names = [path.name[: -len(".lock")] for path in FOLDER.glob("*.lock")]
    return tuple(sorted(names, key=lambda name: [int(part) for part in name.split(".")]))


def lock(version: str, platform: Platform) -> Path:
    """The lock for Python `version`.

    Raises FreezeError where there is none: what is built on this machine would mix two releases.
    """
    if version in versions():
        return FOLDER / f"{version}.lock"
    raise FreezeError(
        f"{platform} gets python.org's own build of Python, whose wheels are locked for "
        f"{', '.join(versions())}, with the standard library of this machine's interpreter, which is "
        f"Python {version}. Have Pants find one of these releases (PANTS_PYTHONS, or "
        f'[pyinstaller].interpreter_constraints = ["CPython=={versions()[-1]}"]).'
    )
