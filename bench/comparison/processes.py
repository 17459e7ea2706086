"""The cost of a command: wall time, CPU time and memory of all processes that work for it.

CPU time is exact: the kernel's accounts of the command and every child that it waited for
(`wait4`). For a daemon that works for the command, add the difference of its accounts in /proc and
of its descendants', which include ended children. Two figures are sampled: peak memory, the largest
sum of the resident sets of all these processes (shared pages count more than once), and the
distribution of CPU time among programs (which misses each process's last fraction of a second).
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_SAMPLE_S: Final = 0.1
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TAIL_LINES: Final = 25


class CommandFailed(Exception):
    """A measured command that failed; the text holds the end of what it printed."""


@dataclass(frozen=True)
class Usage:
    """CPU and wall time in seconds, peak memory in bytes.

    programs: the CPU time, as far as sampled, by what `program_name` says.
    """

    cpu_s: float
    wall_s: float
    peak_bytes: int
    programs: Mapping[str, float] = field(default_factory=dict, compare=False)

    def then(self, other: Usage) -> Usage:
        """The cost of this command followed by the other."""
        return Usage(
            self.cpu_s + other.cpu_s,
            self.wall_s + other.wall_s,
            max(self.peak_bytes, other.peak_bytes),
            Counter(self.programs) + Counter(other.programs),
        )


@dataclass(frozen=True)
class Stat:
    """One process in /proc: `own_ticks` of itself, `ticks` with the children it has waited for."""

    pid: int
    parent: int
    own_ticks: int
    ticks: int
    resident_pages: int


def parse_stat(text: str) -> Stat:
    """The content of /proc/PID/stat (proc_pid_stat(5)); a name may contain spaces and
    parentheses."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()  # fields[0] is the third field, the state
    return Stat(
        pid=int(head.split(" ", 1)[0]),
        parent=int(fields[1]),
        own_ticks=sum(int(field) for field in fields[11:13]),
        ticks=sum(int(field) for field in fields[11:15]),  # utime, stime, cutime, cstime
        resident_pages=int(fields[21]),
    )


def tree(processes: Iterable[Stat], roots: Iterable[int]) -> list[Stat]:
    """The processes `roots` that exist, and all their descendants."""
    by_pid = {process.pid: process for process in processes}
    children: dict[int, list[int]] = {}
    for process in by_pid.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: dict[int, Stat] = {}
    waiting = [pid for pid in roots if pid in by_pid]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found[pid] = by_pid[pid]
            waiting += children.get(pid, [])
    return list(found.values())


def all_processes() -> list[Stat]:
    found = []
    for entry in _PROC.iterdir():
        if entry.name.isdecimal():
            try:
                found.append(parse_stat((entry / "stat").read_text(errors="replace")))
            except OSError:  # ended in between
                continue
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """CPU time so far of these processes, their descendants and the ended children of all these."""
    return sum(process.ticks for process in tree(all_processes(), roots)) / _TICKS_PER_S


def program_name(arguments: Sequence[str]) -> str:
    """A process's name: its script or module with the first argument, else its program."""
    # A daemon's title may contain more than a path.
    program = Path(arguments[0].split(" [")[0]).name
    rest = iter(arguments[1:])
    for argument in rest:
        if argument == "-m":
            return next(rest, program)
        if argument in ("-c", "-"):
            break
        if argument.endswith(".py"):
            word = next(rest, "")
            name = Path(argument)
            shown = name.parent.name if name.name == "__main__.py" else name.name
            return f"{shown} {word}".strip() if word.isalpha() else shown
    return program


def _name_of(pid: int) -> str | None:
    try:
        line = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return None
    arguments = line.decode(errors="replace").split("\0")[:-1]
    return program_name(arguments) if arguments else None


class Sampler:
    """Watches process trees, from entering the context to leaving it."""

    def __init__(self, *roots: int) -> None:
        self.peak_bytes = 0
        self._roots = roots
        self._names: dict[int, str] = {}
        self._last: dict[int, int] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._start = {one.pid: one.own_ticks for one in tree(all_processes(), roots)}

    @property
    def programs(self) -> dict[str, float]:
        """CPU seconds by program since the beginning, the most expensive first."""
        found: Counter[str] = Counter()
        for pid, ticks in self._last.items():
            found[self._names[pid]] += ticks - self._start.get(pid, 0)
        return {name: ticks / _TICKS_PER_S for name, ticks in found.most_common() if ticks}

    def _watch(self) -> None:
        while True:
            self._sample()
            if self._done.wait(_SAMPLE_S):
                return

    def _sample(self) -> None:
        pages = 0
        for process in tree(all_processes(), self._roots):
            pages += process.resident_pages
            # Named at every sample: at the first it may have been a fork of its parent. A process
            # that just ended has no arguments.
            name = _name_of(process.pid)
            if name is not None or process.pid not in self._names:
                self._names[process.pid] = name or "?"
            self._last[process.pid] = process.own_ticks
        self.peak_bytes = max(self.peak_bytes, pages * _PAGE_BYTES)

    def __enter__(self) -> Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def measure(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    log: Path,
    daemon: int | None = None,
    exit_code: int = 0,
    umask: int = 0o022,
) -> Usage:
    """Run `command`, append its output to `log`, and return its cost.

    daemon: pid of a process that works for the command without being its child.

    Raises CommandFailed if it ends with another exit code, or the daemon is gone afterwards.
    """
    daemons = [] if daemon is None else [daemon]
    before = cpu_seconds(daemons)
    with log.open("ab") as output:
        output.write(f"\n$ {' '.join(map(str, command))}\n".encode())
        output.flush()
        printed_from = output.tell()
        started = time.monotonic()
        process = subprocess.Popen(
            list(map(str, command)),
            env=dict(environment),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            umask=umask,
        )
        try:
            with Sampler(process.pid, *daemons) as sampler:
                _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.send_signal(signal.SIGTERM)
            raise
        wall_s = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != exit_code:
        with log.open("rb") as printed:
            printed.seek(printed_from)
            lines = printed.read().decode(errors="replace").splitlines()
        raise CommandFailed(
            f"{' '.join(map(str, command))}: exit code {process.returncode}\n"
            + "\n".join(lines[-_TAIL_LINES:])
        )
    if daemon is not None and not (_PROC / str(daemon)).exists():
        raise CommandFailed(f"the daemon {daemon} did not survive {command[0]}")
    return Usage(
        usage.ru_utime + usage.ru_stime + cpu_seconds(daemons) - before,
        wall_s,
        sampler.peak_bytes,
        sampler.programs,
    )
