"""DLLs that Windows has and an older Wine has not."""

from __future__ import annotations

from pathlib import Path

from .mingw import MinGW

_SOURCE = Path(__file__).resolve().parent / "bcryptprimitives.c"


def make_system32(output: Path, mingw: MinGW) -> None:
    """Write the DLLs into the new folder `output`. Raises AssemblyError."""
    output.mkdir(parents=True)
    mingw.library([str(_SOURCE), "-ladvapi32"], output / "bcryptprimitives.dll")
