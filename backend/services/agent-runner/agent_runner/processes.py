"""Child processes on every platform: how they are started as a group, and how the whole group is
ended.

What differs between platforms is data in `PLATFORMS`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

# winnt.h, winerror.h
_SYNCHRONIZE: Final = 0x00100000
_ACCESS_DENIED: Final = 5

SANDBOX_MARK: Final = "AGENT_RUNNER_SANDBOX_ID"
"""Environment variable by which a sandbox's processes are found again, also those that left their
group."""


@dataclass(frozen=True)
class Platform:
    """How one family of operating systems starts and ends processes."""

    shell: Callable[[str], list[str]]
    new_group: Mapping[str, Any]
    """Arguments of Popen that put the child into its own process group."""
    kill_group: Callable[[int], None]
    """End the group of this leader at once; a group that is gone already is fine."""
    marked: Callable[[str], list[int]]
    """Ids of live processes that carry SANDBOX_MARK with this value."""
    path: str
    """PATH of shell commands when the worker has none."""
    inherited: tuple[str, ...]
    """Variables without which programs of this platform do not start."""
    alive: Callable[[int], bool]


def _posix_kill_group(leader: int) -> None:
    # gone; macOS says EPERM of a group of zombies
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _windows_kill_group(leader: int) -> None:
    subprocess.run(
        ["taskkill", "/F", "/T", "/PID", str(leader)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def _linux_marked(sandbox_id: str) -> list[int]:
    wanted = f"{SANDBOX_MARK}={sandbox_id}".encode()
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            if wanted in Path(entry.path, "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:  # ended meanwhile, or another user's
            continue
    return found


def _unmarked(sandbox_id: str) -> list[int]:
    return []  # no way to read another process' environment without privileges


def _posix_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _windows_alive(pid: int) -> bool:
    if sys.platform == "win32":
        import _winapi

        try:
            process = _winapi.OpenProcess(_SYNCHRONIZE, False, pid)
        except OSError as error:
            return error.winerror == _ACCESS_DENIED  # another user's
        try:
            return _winapi.WaitForSingleObject(process, 0) == _winapi.WAIT_TIMEOUT
        finally:
            _winapi.CloseHandle(process)
    raise NotImplementedError(sys.platform)


_POSIX: Final[dict[str, Any]] = {
    "shell": lambda command: ["/bin/sh", "-c", command],
    "new_group": {"start_new_session": True},
    "kill_group": _posix_kill_group,
    "path": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    "inherited": (),
    "alive": _posix_alive,
}

PLATFORMS: Final[dict[str, Platform]] = {
    "linux": Platform(marked=_linux_marked, **_POSIX),
    "darwin": Platform(marked=_unmarked, **_POSIX),
    "win32": Platform(
        shell=lambda command: ["cmd.exe", "/d", "/s", "/c", command],
        # CREATE_NEW_PROCESS_GROUP: Ctrl-Break for the worker does not reach commands
        new_group={"creationflags": 0x00000200},
        kill_group=_windows_kill_group,
        marked=_unmarked,
        path=r"C:\Windows\System32;C:\Windows",
        inherited=("SYSTEMROOT", "COMSPEC", "PATHEXT", "WINDIR", "SYSTEMDRIVE"),
        alive=_windows_alive,
    ),
}


def this_platform() -> Platform:
    return PLATFORMS.get(sys.platform, PLATFORMS["linux"])


_running: set[int] = set()
_lock = threading.Lock()


def started(leader: int) -> None:
    """Remember a group, so that the process' end can end it."""
    with _lock:
        _running.add(leader)


def ended(leader: int) -> None:
    with _lock:
        _running.discard(leader)


def kill_marked(sandbox_id: str) -> None:
    """End what a sandbox's commands left behind outside their groups (Linux; elsewhere nothing is
    found)."""
    for pid in this_platform().marked(sandbox_id):
        if pid != os.getpid():
            kill(pid)


def kill(pid: int) -> None:
    """End one process at once; one that is gone already is fine."""
    with contextlib.suppress(OSError):
        # on Windows os.kill terminates, whatever the signal
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def kill_all() -> None:
    """End every group that is still running. Called at the process' end, also from a signal
    handler."""
    for leader in list(_running):  # no lock: a signal handler must not wait for one
        this_platform().kill_group(leader)


def descendants() -> list[int]:
    """Ids of this process' live descendants, on Linux; elsewhere nothing is found."""
    if not sys.platform.startswith("linux"):
        return []
    parents: dict[int, int] = {}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                # "pid (name) state ppid ...": the name may hold spaces and parentheses
                stat = Path(entry.path, "stat").read_text(encoding="utf-8", errors="replace")
                fields = stat.rpartition(")")[2].split()
                if fields[0] != "Z":
                    parents[int(entry.name)] = int(fields[1])
            except (OSError, ValueError, IndexError):
                continue
    found: list[int] = []
    wanted = {os.getpid()}
    while True:
        more = {pid for pid, parent in parents.items() if parent in wanted} - set(found)
        if not more:
            return found
        found += sorted(more)
        wanted = more


def clean_environment(
    home: str, sandbox_id: str, passed_on: tuple[str, ...], environment: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a shell command: nothing of the worker's but what is named."""
    platform = this_platform()
    # the bundle's library path of a frozen program is not in it: only named variables are
    clean = {
        name: environment[name] for name in (*platform.inherited, *passed_on) if name in environment
    }
    clean.setdefault("PATH", environment.get("PATH") or platform.path)
    clean["HOME"] = home
    clean["USERPROFILE" if sys.platform == "win32" else "PWD"] = home
    clean["LANG"] = "C.UTF-8"
    for name in ("TMPDIR",) if sys.platform != "win32" else ("TEMP", "TMP"):
        clean[name] = home
    clean[SANDBOX_MARK] = sandbox_id
    return clean
