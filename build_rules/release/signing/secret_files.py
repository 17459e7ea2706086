"""Files that hold a secret for as long as a tool needs it."""

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
    """A folder that only its owner can enter; it is removed at the end, after SIGTERM too."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        with tempfile.TemporaryDirectory(prefix="release-") as folder:
            yield Path(folder)
    finally:
        signal.signal(signal.SIGTERM, before)


def write_secret(path: Path, content: bytes) -> Path:
    """A new file that its owner alone can read, from the first moment."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    return path
