"""Progress on stderr: one line a step, with the seconds since the program started."""

from __future__ import annotations

import sys
import time

_START = time.monotonic()


def step(text: str) -> None:
    """Say what begins now."""
    print(f"[{time.monotonic() - _START:6.1f}s] {text}", file=sys.stderr, flush=True)
