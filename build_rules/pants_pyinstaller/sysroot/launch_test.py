"""Programs in a root of their own: what they see, what is passed on, and that nothing of it is left.

Needs root or user namespaces: tagged, see docs/platforms.md.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LAUNCH = Path(__file__).resolve().parent / "launch.py"
TREE = """
import os, signal, subprocess, sys, time
if sys.argv[1] == "drain":
    # Not print(): the signal may come while it still writes "started".
    signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b"drained\\n"), sys.exit(7)))
child = subprocess.Popen(["/usr/bin/sleep", sys.argv[2]])
print("started", flush=True)
time.sleep(600)
"""


@pytest.fixture
def sysroot(tmp_path: Path) -> Path:
    """A root with its own /etc; it shows the host's /usr."""
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/own").write_text("")
    for name in ("dev", "proc", "tmp", "w"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    return root


def command(sysroot: Path, *program: str) -> list[str]:
    return [
        *(sys.executable, "-I", "-S", str(LAUNCH), "--sysroot", str(sysroot), "--show", "/usr"),
        *("--", *program),
    ]


def alive(mark: str) -> list[str]:
    """Processes with `mark` among their arguments."""
    return [
        path.parent.name
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if mark.encode() in read(path).split(b"\0")
    ]


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def mounts() -> str:
    return Path("/proc/self/mounts").read_text()


def test_what_the_program_sees(sysroot: Path, tmp_path: Path) -> None:
    work, shared = tmp_path / "work", tmp_path / "shared"
    work.mkdir()
    shared.mkdir()
    (shared / "input").write_text("shared")
    (work / "link").symlink_to(shared)
    script = (
        "pwd; echo /*; cat link/input; echo written > out; echo x > /tmp/x; "
        "echo pid $$; (echo x > /etc/x) 2>/dev/null || echo read-only; echo $KEPT; exit 3"
    )
    done = subprocess.run(
        command(sysroot, "/usr/bin/bash", "-c", script),
        cwd=work,
        env={"PATH": "/usr/bin", "KEPT": "kept"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "/w"
    assert {"/dev", "/proc", "/tmp", "/usr", "/w"} <= set(lines[1].split())
    assert "/root" not in lines[1].split()
    assert lines[2:] == ["sharedpid 2", "read-only", "kept"]
    assert (work / "out").read_text() == "written\n"
    assert [path.name for path in (sysroot / "etc").iterdir()] == ["own"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("delay", [0.0, 0.03, 0.06, 0.1, 0.2, 0.5])
def test_no_signal_at_any_time_leaves_a_process_or_a_mount(
    sysroot: Path, tmp_path: Path, number: signal.Signals, delay: float
) -> None:
    before, mark = mounts(), f"600.{number:d}{delay:g}"
    process = subprocess.Popen(
        command(sysroot, "/usr/bin/python3", "-c", TREE, "end", mark),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(delay)
    process.send_signal(number)
    assert process.wait(30) != 0
    end = time.monotonic() + 10
    while alive(mark) and time.monotonic() < end:
        time.sleep(0.02)
    assert alive(mark) == []
    assert mounts() == before


def test_it_ends_with_a_caller_that_is_killed(sysroot: Path, tmp_path: Path) -> None:
    started = command(sysroot, "/usr/bin/python3", "-c", TREE, "end", "600.9")
    caller = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess; subprocess.run({started!r})"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert caller.stdout is not None
    assert caller.stdout.readline() == "started\n"
    assert alive("600.9") != []
    caller.kill()
    caller.wait()
    end = time.monotonic() + 10
    while alive("600.9") and time.monotonic() < end:
        time.sleep(0.02)
    assert alive("600.9") == []


def test_a_program_may_handle_a_signal(sysroot: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(sysroot, "/usr/bin/python3", "-c", TREE, "drain", "600.8"),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == "drained\n"
    assert process.wait(30) == 7
    assert alive("600.8") == []


def test_a_program_that_is_not_there(sysroot: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        command(sysroot, "/w/nothing"), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 127
    assert done.stderr.startswith("/w/nothing can't be started")


def test_qemu_that_can_not_be_registered_is_explained(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-I", "-S", str(LAUNCH), "--probe", "--machine", "aarch64"),
            *("--qemu", str(tmp_path / "no-qemu")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 126
    assert "programs for aarch64 can't be run on this machine" in done.stderr
    assert "qemu-user-static" in done.stderr
    assert "Traceback" not in done.stderr
