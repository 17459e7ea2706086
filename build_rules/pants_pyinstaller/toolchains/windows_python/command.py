"""Makes what programs for Windows need on another system:

    PYTHON -B windows_python/__main__.py python WHEELS OUTPUT MINGW
    PYTHON -B windows_python/__main__.py system32 OUTPUT MINGW

`python` writes a CPython for Windows: python.exe, DLLs/ and Lib/. WHEELS is a folder into which the lock
beside this file is installed. `system32` writes DLLs of Windows that an older Wine lacks or has with faults. MINGW
is how the names of MinGW's programs begin. OUTPUT must not exist. The same inputs give the same bytes.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import wine
from .errors import AssemblyError
from .mingw import MinGW

_USAGE = "usage: windows_python python WHEELS OUTPUT MINGW | system32 OUTPUT MINGW"


def _python(wheels: str, output: str, mingw: str) -> None:
    path = Path(wheels).resolve()
    sys.path.append(str(path))  # pefile is there
    importlib.import_module(".python", __package__).assemble(path, Path(output), MinGW(mingw))


def _system32(output: str, mingw: str) -> None:
    wine.make_system32(Path(output), MinGW(mingw))


_PROGRAMS: Mapping[str, tuple[Callable[..., None], int]] = {
    "python": (_python, 3),
    "system32": (_system32, 2),
}
"""Each program by its name, and how many arguments it takes."""


def main(arguments: Sequence[str]) -> int:
    """The exit code: 1 for a mistake that a person can mend, 2 for a wrong call."""
    name, *rest = arguments or ("",)
    program, count = _PROGRAMS.get(name, (None, 0))
    if program is None or len(rest) != count:
        print(_USAGE, file=sys.stderr)
        return 2
    try:
        program(*rest)
    except AssemblyError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
