"""Start a driver program: ``python <this directory>/__main__.py PROGRAM REQUEST.json``."""

from __future__ import annotations

import importlib
import os
import sys


def _start() -> int:
    here = os.path.dirname(os.path.abspath(__file__))
    # The directory itself is no place to import from: its module names are ordinary words (select, index, trace).
    sys.path[:] = [os.path.dirname(here)] + [
        path for path in sys.path if os.path.abspath(path) != here
    ]
    package = os.path.basename(here)
    command = importlib.import_module(".command", package)
    sys.path.pop(0)
    result: int = command.main(sys.argv[1:])
    return result


if __name__ == "__main__":
    sys.exit(_start())
