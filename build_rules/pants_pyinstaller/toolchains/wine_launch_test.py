"""The launcher with a stand-in for Wine: what becomes of prefixes and processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pants_pyinstaller.toolchains import wine_launch

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
    """A machine with the stand-ins, a folder of templates and one of DLLs to add."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.templates = folder / "templates"
        self.starts = folder / "starts"
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

    def start(self, script: str, *options: str, **env: str) -> subprocess.Popen[str]:
        (self.folder / "script").write_text(script)
        return subprocess.Popen(
            [
                *(sys.executable, "-I", str(PROGRAM), "--templates", str(self.templates)),
                *("--system32", str(self.system32), *options, "--", str(self.folder / "script")),
            ],
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, script: str, **env: str) -> tuple[int, str, str]:
        process = self.start(script, **env)
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors

    def prefixes(self) -> list[Path]:
        return sorted(self.folder.glob("wine-*"))


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
    (template,) = (path for path in machine.templates.iterdir() if path.is_dir())
    assert (template / "system.reg").read_text() == "registry\n"
    assert list((template / "drive_c/users/me").iterdir()) == []
    assert machine.prefixes() == []


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_program_and_its_children(
    machine: Surroundings, number: signal.Signals
) -> None:
    process = machine.start("sleep 1000 & echo $! $$; wait")
    assert process.stdout is not None
    child, program = map(int, process.stdout.readline().split())

    process.send_signal(number)
    # The stand-in's server ends nobody: the launcher waits for its children, as the reaper that it is.
    os.kill(child, signal.SIGKILL)

    assert process.wait(timeout=60) == 128 + number
    assert machine.starts.read_text().split()[-2:] == ["-k", "-w"]
    assert machine.prefixes() == []
    with pytest.raises(ProcessLookupError):
        os.kill(program, 0)


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
    assert machine.prefixes() == []


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_a_killed_launcher_takes_its_program_along(machine: Surroundings) -> None:
    process = machine.start("echo $$; exec sleep 1000")
    assert process.stdout is not None
    program = int(process.stdout.readline())

    process.kill()
    process.wait(timeout=60)

    deadline = time.monotonic() + 30
    while Path(f"/proc/{program}").exists() and time.monotonic() < deadline:
        state = Path(f"/proc/{program}/stat").read_text().rpartition(")")[2].split()[0]
        if state == "Z":  # dead; its new parent has not looked yet
            break
        time.sleep(0.1)
    else:
        assert not Path(f"/proc/{program}").exists()
