"""One shell command: limited in time and output, without leftovers."""

from __future__ import annotations

import asyncio
import subprocess
from collections import deque
from dataclasses import dataclass
from typing import Final

from agent_runner import processes

_CHUNK: Final = 65_536
_AFTER_EXIT_SECONDS: Final = 1.0
"""How long output is still read after the shell has ended and its group was killed."""


@dataclass(frozen=True)
class CommandLimits:
    """Limits of a shell command: seconds, bytes, and the variables that it gets from the worker."""

    timeout: float
    output: int
    environment: tuple[str, ...] = ()


@dataclass(frozen=True)
class CommandResult:
    """`exit_code` is None when the time limit ended the command."""

    output: str
    exit_code: int | None
    truncated: bool
    timed_out: bool


class Capture:
    """Keeps the beginning and the end of a stream that may be long; memory stays within the
    limit."""

    def __init__(self, limit: int) -> None:
        self._head_limit = limit // 2
        self._tail_limit = limit - self._head_limit
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self.dropped = 0

    def add(self, data: bytes) -> None:
        room = self._head_limit - len(self._head)
        self._head += data[:room]
        rest = data[room:] if room < len(data) else b""
        if not rest:
            return
        self._tail.append(rest)
        self._tail_size += len(rest)
        while self._tail_size > self._tail_limit:
            first = self._tail.popleft()
            excess = self._tail_size - self._tail_limit
            self.dropped += min(excess, len(first))
            self._tail_size -= min(excess, len(first))
            if excess < len(first):
                self._tail.appendleft(first[excess:])

    def text(self) -> str:
        head = bytes(self._head).decode("utf-8", errors="replace")
        tail = b"".join(self._tail).decode("utf-8", errors="replace")
        if not self.dropped:
            # cut nowhere: decode in one piece, a character may span both halves
            return (bytes(self._head) + b"".join(self._tail)).decode("utf-8", errors="replace")
        return f"{head}\n[... {self.dropped} bytes of output left out ...]\n{tail}"


async def run(
    command: str, *, cwd: str, environment: dict[str, str], timeout: float, output_limit: int
) -> CommandResult:
    """Run `command` by the platform's shell in `cwd`; stdin is empty, stdout and stderr come
    together.

    Background processes end with the shell: its whole group is killed at its end, at the time limit
    (seconds), and when the calling task is cancelled.
    """
    platform = processes.this_platform()
    process = await asyncio.create_subprocess_exec(
        *platform.shell(command),
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **platform.new_group,
    )
    processes.started(process.pid)
    capture = Capture(output_limit)
    reader = asyncio.create_task(_read(process, capture))
    timed_out = False
    try:
        try:
            await asyncio.wait_for(_exit_of(process), timeout)
        except TimeoutError:
            timed_out = True
    finally:
        platform.kill_group(process.pid)
        processes.ended(process.pid)
        await asyncio.shield(_settle(process, reader, environment.get(processes.SANDBOX_MARK, "")))
    return CommandResult(
        capture.text(), None if timed_out else process.returncode, capture.dropped > 0, timed_out
    )


async def _exit_of(process: asyncio.subprocess.Process) -> None:
    # Process.wait() also waits for the pipe to close, which a background process can hold open
    pause = 0.002
    while process.returncode is None:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.05)


async def _settle(
    process: asyncio.subprocess.Process, reader: asyncio.Task[None], sandbox_id: str
) -> None:
    """Reap the shell and read the rest of the pipe."""
    await _exit_of(process)
    try:
        await asyncio.wait_for(reader, _AFTER_EXIT_SECONDS)
    except TimeoutError:
        # a process left the group and holds the pipe
        if sandbox_id:
            processes.kill_marked(sandbox_id)
        process._transport.close()  # type: ignore[attr-defined]  # asyncio has no public way to drop the pipe


async def _read(process: asyncio.subprocess.Process, capture: Capture) -> None:
    assert process.stdout is not None
    while data := await process.stdout.read(_CHUNK):
        capture.add(data)
