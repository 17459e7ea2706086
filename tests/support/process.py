"""Real processes under test: an explicit environment, captured output, signals, and no
leftovers."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Self

from support import process_table
from support.process_table import Entry

GONE_TIMEOUT_S: Final = 10.0
_DRAIN_TIMEOUT_S: Final = 2.0
_POLL_S: Final = 0.02
_KILL: Final = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows: TerminateProcess


class _Stream:
    """Lines of one pipe, read by a thread; waiting for a line needs no polling."""

    def __init__(self, pipe: IO[bytes], changed: threading.Condition) -> None:
        self.lines: list[str] = []
        self.raw = b""
        self.closed = False
        self._changed = changed
        self.thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self.thread.start()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                with self._changed:
                    self.raw += line
                    self.lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
                    self._changed.notify_all()
        with self._changed:
            self.closed = True
            self._changed.notify_all()


_LIBC: Final = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG: Final = 1


def _end_with_parent() -> None:
    """Runs between fork and exec: one system call, prepared beforehand."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, _KILL)


class RunningProcess:
    """A process that inherits nothing: `environment` is its whole environment.

    Both pipes are read as they fill. A server that tests start should not outlive them when they are
    killed themselves: `outlives_tests=False` (Linux). On leaving the context the process and everything that it
    started are killed, by pid. Output is text: UTF-8, undecodable bytes replaced.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        environment: Mapping[str, str],
        *,
        cwd: Path | None = None,
        outlives_tests: bool = True,
    ) -> None:
        self.command = [str(part) for part in command]
        self._family: set[Entry] = set()
        self._changed = threading.Condition()
        # A separate session: a terminal's or the test runner's signals reach only the latter.
        self._process = subprocess.Popen(
            self.command,
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=sys.platform != "win32",
            preexec_fn=None if outlives_tests else _end_with_parent,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._out = _Stream(self._process.stdout, self._changed)
        self._err = _Stream(self._process.stderr, self._changed)

    @property
    def pid(self) -> int:
        """The process id of the process that was started (a one-file program's outer one)."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative: ended by that signal."""
        return self._process.poll()

    @property
    def stdout(self) -> str:
        """Standard output so far."""
        return "\n".join(self._out.lines)

    @property
    def stderr(self) -> str:
        """Standard error so far."""
        return "\n".join(self._err.lines)

    @property
    def output(self) -> str:
        """Both streams so far, labelled, for messages."""
        return f"--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}\n---"

    def wait_for_line(
        self, wanted: str | Callable[[str], bool], timeout_s: float = 60.0, *, count: int = 1
    ) -> str:
        """The `count`-th line of either stream that contains `wanted` (or for which it is true).

        Raises TimeoutError, or RuntimeError when the process ended without it; both quote what it
        printed.
        """
        match = (lambda line: wanted in line) if isinstance(wanted, str) else wanted

        def found() -> list[str]:
            return [line for line in (*self._out.lines, *self._err.lines) if match(line)]

        with self._changed:
            done = self._changed.wait_for(
                lambda: len(found()) >= count or (self._out.closed and self._err.closed), timeout_s
            )
            lines = found()
        if len(lines) >= count:
            return lines[count - 1]
        what = f"{self.command[0]}: no line {count} with {wanted!r}"
        if not done:
            raise TimeoutError(f"{what} in {timeout_s:g} s\n{self.output}")
        raise RuntimeError(f"{what} before its pipes closed\n{self.output}")

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the started process alone, as a service manager does."""
        self._remember_family()
        self._process.send_signal(number)

    def wait(self, timeout_s: float = 60.0) -> int:
        """The exit code; raises TimeoutError with the output when it still runs."""
        self._remember_family()
        try:
            code = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(
                f"{self.command[0]} still runs after {timeout_s:g} s\n{self.output}"
            ) from None
        with self._changed:  # the last lines; a descendant that lives on may hold the pipes open
            self._changed.wait_for(lambda: self._out.closed and self._err.closed, _DRAIN_TIMEOUT_S)
        return code

    def descendants(self) -> list[Entry]:
        """Every live process that this one started, directly or not, as far as it was ever seen:
        the family is looked at here, before every signal and before waiting, because a process
        whose parent ended can no longer be told from a stranger."""
        table = self._remember_family()
        return [one for one in self._family if table.get(one.pid) == one]

    def assert_none_left(self, timeout_s: float = GONE_TIMEOUT_S) -> None:
        """Waits for the known descendants to end; raises AssertionError naming those that don't."""
        left = self._wait_for_family(timeout_s)
        assert not left, f"left behind by {self.command[0]}: {left}"

    def _remember_family(self) -> dict[int, Entry]:
        table = process_table.snapshot()
        known = {one.pid for one in self._family if table.get(one.pid) == one}
        self._family |= process_table.family({self._process.pid, *known}, table)
        return table

    def _wait_for_family(self, timeout_s: float) -> list[Entry]:
        end = time.monotonic() + timeout_s
        while (left := self.descendants()) and time.monotonic() < end:
            time.sleep(_POLL_S)
        return left

    def kill(self) -> None:
        """Kills the process and its descendants at once."""
        family = self.descendants()
        if self._process.poll() is None:
            self._process.kill()
        for one in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(one.pid, _KILL)
        self._process.wait(GONE_TIMEOUT_S)
        self._wait_for_family(GONE_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()


def wait_until_listening(process: RunningProcess, port: int, timeout_s: float) -> None:
    """Returns when `process` accepts connections on 127.0.0.1:`port`.

    Raises RuntimeError with its output when it ended or stayed silent.
    """
    end = time.monotonic() + timeout_s
    while process.returncode is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > end:
                break
            time.sleep(_POLL_S)
    state = "did not listen" if process.returncode is None else f"ended: {process.returncode}"
    raise RuntimeError(f"{process.command[0]} {state} on port {port}\n{process.output}")
