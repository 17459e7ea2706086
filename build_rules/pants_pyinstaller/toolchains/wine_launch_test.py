"""The launcher with a stand-in for Wine: what becomes of prefixes and processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from pants_pyinstaller.toolchains import wine_launch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Wine's launcher is for Linux")

PROGRAM = Path(wine_launch.__file__)

# Makes a prefix as `wine wineboot` does; anything else it runs as a shell script in that prefix.
LOADER = """#!/bin/sh
case "$1" in
--version) echo "${WINE_SAYS:-wine-8.0}" ;;
wineboot)
  echo boot >> "$STARTS"
  [ -z "$BREAK" ] || exit 3
  mkdir -p "$WINEPREFIX/drive_c/windows/system32" "$WINEPREFIX/drive_c/users/me" "$WINEPREFIX/dosdevices"
  echo Wine > "$WINEPREFIX/drive_c/windows/system32/there.dll"
  echo registry > "$WINEPREFIX/system.reg"
  ln -s ../drive_c "$WINEPREFIX/dosdevices/c:" ;;
winecfg) ;;
*) exec sh "$@" ;;
esac
"""
SERVER = """#!/bin/sh
echo "$1" >> "$STARTS"
"""


class Surroundings:
    """A machine with the stand-ins, a cache and a folder of DLLs to add."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.starts = folder / "starts"
        self.gate = folder / "gate"
        os.mkfifo(self.gate)
        self.system32 = folder / "system32"
        self.system32.mkdir()
        for name in ("there.dll", "added.dll"):
            (self.system32 / name).write_text("ours\n")
        binaries = folder / "bin"
        binaries.mkdir()
        for name, text in (("wine", LOADER), ("wineserver", SERVER)):
            (binaries / name).write_text(text)
            (binaries / name).chmod(0o755)
        self.env = {
            "PATH": f"{binaries}:{os.environ['PATH']}",
            "STARTS": str(self.starts),
            "TMPDIR": str(folder),
        }

    def start(
        self,
        script: str,
        *options: str,
        caller: bool = False,
        env: Mapping[str, str] = MappingProxyType({}),
    ) -> subprocess.Popen[str]:
        """Run a script; with `caller` the process that is returned only calls the launcher."""
        path = Path(tempfile.mkdtemp(dir=self.folder), "script")
        path.write_text(script)
        command = [
            *(sys.executable, "-I", str(PROGRAM), "--cache", str(self.cache)),
            *("--system32", str(self.system32), *options, "--", str(path)),
        ]
        if caller:
            command = [sys.executable, "-c", f"import subprocess; subprocess.run({command!r})"]
        return subprocess.Popen(
            command,
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, script: str, **env: str) -> tuple[int, str, str]:
        process = self.start(script, env=env)
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors

    def places(self) -> list[Path]:
        return sorted(self.cache.glob("run-*"))


def is_alive(pid: int) -> bool:
    """Whether a process runs; a dead one that its parent has not looked after does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def janitors(launcher: int) -> list[int]:
    """Children of a launcher that are the same program."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    own = Path(f"/proc/{launcher}/cmdline").read_bytes()
    return [int(pid) for pid in children if Path(f"/proc/{pid}/cmdline").read_bytes() == own]


def wait_until(done: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def machine(tmp_path: Path) -> Surroundings:
    return Surroundings(tmp_path)


def test_a_program_gets_a_prefix_of_its_own_and_its_exit_code_counts(
    machine: Surroundings,
) -> None:
    script = (
        'echo changed > "$WINEPREFIX/system.reg"; touch "$WINEPREFIX/drive_c/users/me/file"\n'
        'cat "$WINEPREFIX/drive_c/windows/system32/"*.dll; echo oops >&2; exit 7\n'
    )

    code, output, errors = machine.run(script)

    assert (code, output, errors) == (7, "ours\nours\n", "oops\n")
    (template,) = (path for path in machine.cache.iterdir() if path.is_dir())
    assert (template / "system.reg").read_text() == "registry\n"
    assert list((template / "drive_c/users/me").iterdir()) == []
    assert machine.places() == []


def test_a_template_is_made_once_for_a_version_and_a_half_made_one_anew(
    machine: Surroundings,
) -> None:
    code, _, errors = machine.run("exit 0", BREAK="yes")
    assert code == 1
    assert "wineboot --init ended with 3" in errors

    for _ in range(2):
        assert machine.run("exit 0")[0] == 0
    assert machine.run("exit 0", WINE_SAYS="wine-10.0")[0] == 0

    assert machine.starts.read_text().split().count("boot") == 3


def test_without_wine_the_package_is_named(machine: Surroundings) -> None:
    code, _, errors = machine.run("exit 0", PATH="/nowhere")

    assert code == 1
    assert "apt-get install wine wine64" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_program_and_its_children(
    machine: Surroundings, number: signal.Signals
) -> None:
    process = machine.start("setsid sleep 1000 & echo $! $$; wait")
    assert process.stdout is not None
    pids = list(map(int, process.stdout.readline().split()))

    process.send_signal(number)

    assert process.wait(timeout=60) == 128 + number
    assert machine.places() == []
    assert [pid for pid in pids if is_alive(pid)] == []


def test_a_signal_may_be_a_ctrl_c_for_the_program_and_its_children(machine: Surroundings) -> None:
    child = machine.folder / "child.py"
    child.write_text(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(print('child')))\n"
        "print('ready', flush=True)\n"
        "time.sleep(1000)\n"
    )
    process = machine.start(
        f"trap 'wait; echo program; exit 5' INT; {sys.executable} -I {child} & wait",
        "--pass-signals",
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)

    assert (process.returncode, sorted(output.split())) == (5, ["child", "program"])
    assert machine.places() == []


def test_a_killed_launcher_leaves_nothing(machine: Surroundings) -> None:
    process = machine.start("setsid sleep 1000 & echo $! $$; wait")
    assert process.stdout is not None
    pids = list(map(int, process.stdout.readline().split()))

    process.kill()
    process.wait(timeout=60)

    wait_until(lambda: not any(map(is_alive, pids)) and machine.places() == [])


def test_a_launch_removes_what_no_process_looks_after_and_leaves_the_others(
    machine: Surroundings,
) -> None:
    remains = machine.start("echo $$ $PPID; sleep 1000")
    other = machine.start("echo; read line < $GATE; echo done", env={"GATE": str(machine.gate)})
    assert remains.stdout is not None
    assert other.stdout is not None
    program, launcher = map(int, remains.stdout.readline().split())
    other.stdout.readline()
    for pid in (*janitors(launcher), launcher):
        os.kill(pid, signal.SIGKILL)
    remains.wait(timeout=60)
    assert len(machine.places()) == 2

    assert machine.run("exit 0")[0] == 0

    assert not is_alive(program)
    assert len(machine.places()) == 1
    machine.gate.write_text("\n")
    assert (other.communicate(timeout=60)[0], other.returncode) == ("done\n", 0)
    assert machine.places() == []


def test_it_ends_with_a_caller_that_is_killed(machine: Surroundings) -> None:
    process = machine.start("echo $$; exec sleep 1000", caller=True)
    assert process.stdout is not None
    program = int(process.stdout.readline())

    process.kill()
    process.wait(timeout=60)

    wait_until(lambda: not is_alive(program) and machine.places() == [])
