"""Run one command with a time limit and without a network, and end everything that it started.

A program by itself, because that is what the kernel's means ask for: a process without threads that enters namespaces,
and that adopts whatever its descendants leave behind. It is started by ``supervise`` as

    PYTHON -I -S -B supervisor.py SPEC.json

and ends everything too when its stdin does: whoever started it is gone then, however that happened.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_GRACE = 60.0
"""Seconds beyond the limit after which the supervisor itself counts as lost."""


@dataclass(frozen=True)
class Ended:
    """How a supervised command ended.

    :param status: exit status; negative: the signal's number.
    :param overdue: it was ended because its time was up.
    :param shared_network: why the host's network could not be kept out; "" where it was, or where it was allowed.
    """

    status: int
    overdue: bool
    shared_network: str


def supervise(
    command: Sequence[str],
    environment: Mapping[str, str],
    directory: str,
    out: str,
    err: str,
    limit: float,
    network: bool,
    work: str,
) -> Ended:
    """Run ``command`` in ``directory`` until it and all that it started have ended.

    :param out, err: files that take its output.
    :param limit: seconds that it may take.
    :param network: it may use the host's network.
    :param work: directory for this function's own files.
    """
    spec = os.path.join(work, "spec.json")
    result = os.path.join(work, "ended.json")
    with open(spec, "w", encoding="utf-8") as file:
        json.dump(
            {
                "command": list(command),
                "environment": dict(environment),
                "directory": directory,
                "out": out,
                "err": err,
                "limit": limit,
                "network": network,
                "result": result,
            },
            file,
        )
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", os.path.abspath(__file__), spec],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    try:
        process.wait(limit + _GRACE)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
    with open(result, encoding="utf-8") as file:
        return Ended(**json.load(file))


# --- In the process by itself -----------------------------------------------------------------------------------------


def _main(path: str) -> int:
    with open(path, encoding="utf-8") as file:
        spec = json.load(file)
    start = _start_windows if os.name == "nt" else _start_posix
    shared = "" if spec["network"] else _leave_network()
    ended = {**start(spec), "shared_network": shared}
    with open(spec["result"] + ".new", "w", encoding="utf-8") as file:
        json.dump(ended, file)
    os.replace(spec["result"] + ".new", spec["result"])
    return 0


def _start_posix(spec: dict[str, Any]) -> dict[str, Any]:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans become ours
    os.setsid()
    child = os.fork()
    if child == 0:
        _execute(spec)
    due = time.monotonic() + spec["limit"]
    status: int | None = None
    overdue = False
    while status is None and not overdue:
        ended, code = os.waitpid(-1, os.WNOHANG)
        if ended == child:
            status = os.waitstatus_to_exitcode(code)
        elif ended == 0:
            overdue = time.monotonic() > due
            ready, _, _ = select.select([0], [], [], 0.02)
            if ready and not os.read(0, 1):
                break
    while True:
        for pid in _descendants(os.getpid(), child):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            ended, code = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if ended == child:
            status = os.waitstatus_to_exitcode(code)
        elif ended == 0:
            time.sleep(0.005)
    return {"status": -signal.SIGKILL if status is None else status, "overdue": overdue}


def _execute(spec: dict[str, Any]) -> None:
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, path in ((1, spec["out"]), (2, spec["err"])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        os.chdir(spec["directory"])
        os.closerange(3, 256)
        os.execve(spec["command"][0], spec["command"], spec["environment"])
    except BaseException as error:
        os.write(2, f"{spec['command'][0]}: {error}\n".encode())
    finally:
        os._exit(127)


def _descendants(root: int, child: int) -> list[int]:
    """Processes below ``root``; where the system does not tell, those of the child's group."""
    parents: dict[int, int] = {}
    for entry in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    parents[int(entry)] = int(file.read().rpartition(")")[2].split()[1])
            except OSError:
                pass
    if not parents:
        with contextlib.suppress(OSError):
            os.killpg(child, signal.SIGKILL)
    found = [root]
    for pid in found:
        found += [other for other, parent in parents.items() if parent == pid]
    return found[1:]


def _leave_network() -> str:
    """Enter a new network namespace with nothing but loopback; returns why that is impossible, or ""."""
    if sys.platform != "linux":
        return "this system knows no network namespaces"
    trial = os.fork()  # what fails half-way must not leave this process without a loopback
    if trial == 0:
        try:
            _isolate()
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(trial, 0)[1])
    if code:
        return f"the kernel refuses a network namespace: {os.strerror(code)}"
    _isolate()
    return ""


def _isolate() -> None:
    import ctypes
    import fcntl
    import socket
    import struct

    def unshare(flags: int) -> None:
        if library.unshare(flags):
            raise OSError(ctypes.get_errno(), "unshare")

    library = ctypes.CDLL(None, use_errno=True)
    new_network, new_user = 0x40000000, 0x10000000
    user, group = os.getuid(), os.getgid()
    try:
        unshare(new_network)
    except OSError:
        unshare(new_user | new_network)
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh22x", b"lo", 0x41)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(control, 0x8914, request)  # SIOCSIFFLAGS


def _start_windows(spec: dict[str, Any]) -> dict[str, Any]:
    import ctypes

    # Every process that this one starts is in its job, and a job ends with its last handle: with this process.
    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined, unused-ignore]
    kernel.CreateJobObjectW.restype = ctypes.c_void_p
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    job = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))
    limits = (ctypes.c_byte * 144)()  # JOBOBJECT_EXTENDED_LIMIT_INFORMATION
    ctypes.c_uint32.from_buffer(limits, 16).value = 0x2000  # JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
    kernel.SetInformationJobObject(job, 9, ctypes.byref(limits), ctypes.sizeof(limits))
    with open(spec["out"], "wb") as out, open(spec["err"], "wb") as err:
        process = subprocess.Popen(
            spec["command"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=spec["directory"],
            env=spec["environment"],
        )
        kernel.AssignProcessToJobObject(job, ctypes.c_void_p(int(process._handle)))  # type: ignore[attr-defined, unused-ignore]
        try:
            status, overdue = process.wait(spec["limit"]), False
        except subprocess.TimeoutExpired:
            status, overdue = 1, True
        kernel.TerminateJobObject(job, 1)
        process.wait()
    return {"status": status, "overdue": overdue}


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
