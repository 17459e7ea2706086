"""Start a driver program: ``python <this directory>/__main__.py PROGRAM REQUEST.json [CORES]``."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType


def _driver() -> ModuleType:
    """The driver's package, imported under the name of its directory."""
    here = os.path.dirname(os.path.abspath(__file__))
    # Nothing may be imported from the directory itself: its module names are ordinary words (trace, check, index).
    sys.path[:] = [os.path.dirname(here)] + [
        path for path in sys.path if os.path.abspath(path) != here
    ]
    package = importlib.import_module(os.path.basename(here))
    sys.path.pop(0)
    return package


def _start() -> int:
    command = importlib.import_module(".command", _driver().__name__)
    result: int = command.main(sys.argv[1:])
    return result


if __name__ == "__mp_main__":  # where worker processes are spawned, not forked (macOS, Windows)
    _driver()

if __name__ == "__main__":
    sys.exit(_start())
