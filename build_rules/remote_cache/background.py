"""A server in the background: find it, start it, stop it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from remote_cache.errors import CacheError

START_S: Final = 120.0
"""Time limit for a server to become ready, in seconds."""
STOP_S: Final = 60.0

_LOCK: Final = "lock"
_STATE: Final = "server.json"
_LOG: Final = "server.log"


@dataclass(frozen=True)
class Running:
    """A running server and its folder."""

    pid: int
    address: str
    instance: str
    tls: bool
    tokens: bool


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Lock the folder against other servers; the kernel releases the lock when the process ends.

    Raises CacheError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("w")
    except OSError as error:
        raise CacheError(f"--folder: {folder} cannot be used: {error}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            found = _read_state(folder)
            other = f"process {found.pid} at {found.address}" if found else "another process"
            raise CacheError(
                f"{folder} is already in use by {other}: stop it, or choose another --folder"
            ) from None
        yield


def _read_state(folder: Path) -> Running | None:
    try:
        return Running(**json.loads((folder / _STATE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def running(folder: Path) -> Running | None:
    """The server running over `folder`, or None; the remains of a killed one don't count."""
    try:
        with (folder / _LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except FileNotFoundError:
        return None
    except OSError:
        return _read_state(folder)


@contextlib.contextmanager
def announced(folder: Path, server: Running) -> Iterator[None]:
    """Record the server over `folder`, for other processes."""
    temporary = folder / f"{_STATE}.tmp"
    temporary.write_text(json.dumps(asdict(server)))
    temporary.replace(folder / _STATE)
    try:
        yield
    finally:
        (folder / _STATE).unlink(missing_ok=True)


def start(command: Sequence[str], folder: Path) -> Running:
    """Start `command`, a server over `folder`, in the background, and wait until it is ready.

    Raises CacheError with its output if it doesn't become ready.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / _LOG
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    end = time.monotonic() + START_S
    while process.poll() is None:
        if (found := running(folder)) and found.pid == process.pid:
            return found
        if time.monotonic() > end:
            process.terminate()
            raise CacheError(f"the server was not ready in {START_S:.0f} s; its log: {log}")
        time.sleep(0.1)
    said = log.read_text(errors="replace").strip().splitlines()
    raise CacheError("\n".join(said[-10:]) or f"the server exited with {process.returncode}")


def stop(folder: Path) -> Running | None:
    """Stop the server over `folder`; returns None if there is none. Raises CacheError if it doesn't
    stop."""
    found = running(folder)
    if found is None:
        return None
    with contextlib.suppress(ProcessLookupError):
        os.kill(found.pid, signal.SIGTERM)
    end = time.monotonic() + STOP_S
    while running(folder) is not None:
        if time.monotonic() > end:
            raise CacheError(f"process {found.pid} did not stop in {STOP_S:.0f} s")
        time.sleep(0.1)
    return found
