"""DLLs of Windows that an older Wine lacks or has with faults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .mingw import MinGW

_HERE = Path(__file__).resolve().parent
_SOURCES: Mapping[str, tuple[str, ...]] = {
    "bcryptprimitives.dll": ("bcryptprimitives.c", "-ladvapi32"),
    "pdh.dll": ("pdh.c", "pdh.def"),
}
"""Each DLL's sources, which say why it is here, and libraries."""


def make_system32(output: Path, mingw: MinGW) -> None:
    """Write the DLLs into the new folder `output`. Raises AssemblyError."""
    output.mkdir(parents=True)
    for name, sources in _SOURCES.items():
        arguments = [part if part.startswith("-") else str(_HERE / part) for part in sources]
        mingw.library(arguments, output / name)
