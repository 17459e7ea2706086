"""`.env` files: read from the current directory, then from beside the executable; the environment
wins."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable, MutableMapping
from pathlib import Path

from agent_runner.variables import Problem


def candidates() -> list[Path]:
    """Where a `.env` may be. Beside `sys.executable` in a frozen program only: else that is
    Python's own folder.

    Never beside `__file__`, which in a frozen program is in the unpacked bundle.
    """
    folders = []
    with contextlib.suppress(OSError):  # the current directory was removed
        folders.append(Path.cwd())
    if getattr(sys, "frozen", False):
        folders.append(Path(sys.executable).resolve().parent)
    return [folder / ".env" for folder in dict.fromkeys(folders)]


def load(environment: MutableMapping[str, str], files: Iterable[Path]) -> list[Problem]:
    """Add what the files say and the environment does not; earlier files win. Return what could not
    be read."""
    problems = []
    for file in files:
        if not file.is_file():
            continue
        from dotenv import dotenv_values

        try:
            values = dotenv_values(file, encoding="utf-8", interpolate=True)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            problems.append(Problem(os.fspath(file), f"cannot be read: {reason}", ""))
            continue
        for name, value in values.items():
            if value is not None and not environment.get(name):
                environment[name] = value
    return problems
