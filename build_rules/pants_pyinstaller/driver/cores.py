"""How many processors this program may use; no result depends on it."""

from __future__ import annotations

import os

_UNASKED = 2
"""Where whoever started the program does not say: others may be at work on this machine."""

_granted = 0


def grant(text: str) -> None:
    """Take over what ``contract`` calls CORES; anything but a number is as good as nothing (a template that nobody
    filled in).
    """
    global _granted
    _granted = int(text) if text.isdecimal() else 0


def count() -> int:
    """How many threads or processes may work at the same time."""
    return _granted or min(_UNASKED, os.cpu_count() or 1)
