"""The machine's processes, with only the standard library: /proc on Linux, `ps` elsewhere."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Entry:
    """A live process (no zombie). It is identified by its pid and its start: a pid is used again,
    and a process gets another parent when its own ends."""

    pid: int
    started: str
    parent: int = field(compare=False)
    command: str = field(compare=False)


def snapshot() -> dict[int, Entry]:
    """All live processes by pid."""
    entries = _from_proc() if (_PROC / "self" / "stat").exists() else _from_ps()
    return {entry.pid: entry for entry in entries}


def family(roots: set[int], table: dict[int, Entry]) -> set[Entry]:
    """The entries of `table` that descend from a pid in `roots`; the roots are not in it."""
    children: dict[int, list[Entry]] = {}
    for entry in table.values():
        children.setdefault(entry.parent, []).append(entry)
    found: set[Entry] = set()
    waiting = list(roots)
    while waiting:
        for child in children.get(waiting.pop(), []):
            if child not in found and child.pid not in roots:
                found.add(child)
                waiting.append(child.pid)
    return found


def _from_proc() -> list[Entry]:
    entries = []
    for directory in _PROC.iterdir():
        if not directory.name.isdigit():
            continue
        try:
            stat = (directory / "stat").read_text("utf-8", "replace")
            command = (directory / "cmdline").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        # The second field, the name in parentheses, may contain anything: count from its end.
        name, _, rest = stat.partition("(")[2].rpartition(")")
        fields = rest.split()
        if fields[0] in ("Z", "X"):
            continue
        shown = command.replace(b"\0", b" ").decode("utf-8", "replace").strip() or f"[{name}]"
        entries.append(Entry(int(directory.name), fields[19], int(fields[1]), shown))
    return entries


def _from_ps() -> list[Entry]:
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat=,lstart=,command="],
        check=True,
        capture_output=True,
        text=True,
        errors="replace",
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
    ).stdout
    entries = []
    for line in listing.splitlines():
        pid, parent, state, *rest = line.split(maxsplit=8)
        if not state.startswith("Z"):
            entries.append(Entry(int(pid), " ".join(rest[:5]), int(parent), " ".join(rest[5:])))
    return entries
