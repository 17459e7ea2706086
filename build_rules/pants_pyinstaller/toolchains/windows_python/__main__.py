"""Start one of this package's programs; `command.py` says which there are."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def _start() -> int:
    here = Path(__file__).resolve().parent
    sys.path.insert(0, str(here.parent))
    command = importlib.import_module(f"{here.name}.command")
    sys.path.pop(0)
    result: int = command.main(sys.argv[1:])
    return result


if __name__ == "__main__":
    sys.exit(_start())
