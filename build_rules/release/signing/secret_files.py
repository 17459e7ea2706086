"""Files that hold a secret while a tool needs it."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_TERMINATED = 128 + signal.SIGTERM


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(_TERMINATED)


@contextmanager
def secret_folder() -> Iterator[Path]:
    """A folder that only its owner can enter; it is removed at the end, even after SIGTERM."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        with tempfile.TemporaryDirectory(prefix="release-") as folder:
            yield Path(folder)
    finally:
        signal.signal(signal.SIGTERM, before)


def write_secret(path: Path, content: bytes) -> Path:
    """Write a new file that only its owner can ever read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    return path
