"""The launcher with Wine itself: whatever signal comes when, no process and no file is left.

Needs Wine and MinGW: tagged, see docs/platforms.md.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).resolve().parent / "wine_launch.py"
MINGW = "x86_64-w64-mingw32-gcc"
SEARCHED = "/usr/local/bin:/usr/bin:/bin"
PATIENCE_S = 120.0
GONE_S = 30.0

# With an argument it starts itself once more, outside of any console. Neither asks the server of Wine for anything
# any more, so neither would notice that this has ended.
PROGRAM = """
#include <stdio.h>
#include <string.h>
#include <windows.h>

int main(int count, char **arguments) {
    if (count > 1 && !strcmp(arguments[1], "end")) {
        puts("ready");
        return 7;
    }
    if (count > 1) {
        STARTUPINFOA startup = {sizeof startup};
        PROCESS_INFORMATION child;
        if (!CreateProcessA(arguments[0], arguments[0], 0, 0, 0, DETACHED_PROCESS, 0, 0, &startup, &child))
            return 1;
    }
    puts("ready");
    fflush(stdout);
    for (;;)
        Sleep(10);
}
"""


class Machine:
    """A cache, a program, and what was seen of Wine meanwhile."""

    def __init__(self, folder: Path, cache: Path, program: Path) -> None:
        self.cache = cache
        self._system32 = folder
        self._program = program
        self._servers: set[Path] = set()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                *(sys.executable, "-I", str(LAUNCHER), "--cache", str(self.cache)),
                *("--system32", str(self._system32), "--", str(self._program), *arguments),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PATH": SEARCHED},
            # A shell's background jobs ignore it, and what they start does until it decides otherwise.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def processes(self) -> dict[int, str]:
        """Those of Wine for a prefix in the cache: command lines by process id."""
        mark = f"WINEPREFIX={self.cache.resolve()}/".encode()
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if any(line.startswith(mark) for line in read(path / "environ").split(b"\0")):
                    found[int(path.name)] = (
                        (path / "cmdline").read_bytes().decode("utf-8", "replace")
                    )
            except OSError:  # it ended meanwhile
                continue
        return found

    def sees(self, name: str) -> bool:
        """Whether a program of that name runs; notes where Wine's servers have their sockets."""
        for path in self.cache.glob("run-*/prefix/wineserver"):
            if said := read(path).decode().strip():
                self._servers.add(Path("/tmp", said))
        return any(name in command for command in self.processes().values())

    def templates(self) -> list[Path]:
        return [path for path in self.cache.glob("prefix-*") if path.is_dir()]

    def remains(self) -> list[str]:
        self.sees("")
        left = [*self.cache.glob("run-*"), *(path for path in self._servers if path.exists())]
        return [*map(str, left), *self.processes().values()]

    def assert_nothing_remains(self, timeout_s: float = GONE_S) -> None:
        deadline = time.monotonic() + timeout_s
        while (left := self.remains()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert left == []

    def assert_it_works(self) -> None:
        process = self.start("end")
        output, errors = process.communicate(timeout=PATIENCE_S)
        assert (process.returncode, output) == (7, "ready\n"), errors
        assert self.remains() == []


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def wait_until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def janitors(launcher: int) -> list[int]:
    """Children of a launcher that are the same program."""
    own = read(Path(f"/proc/{launcher}/cmdline"))
    children = read(Path(f"/proc/{launcher}/task/{launcher}/children")).split()
    return [int(pid) for pid in children if read(Path(f"/proc/{int(pid)}/cmdline")) == own]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for name, package in (("wine", "wine wine64"), (MINGW, "gcc-mingw-w64-x86-64")):
        if shutil.which(name, path=SEARCHED) is None:
            pytest.fail(f"there is no {name}: apt-get install {package}", pytrace=False)
    folder = tmp_path_factory.mktemp("program")
    (folder / "program.c").write_text(PROGRAM)
    subprocess.run(
        [MINGW, str(folder / "program.c"), "-o", str(folder / "program.exe")],
        env={"PATH": SEARCHED},
        check=True,
    )
    return folder / "program.exe"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def machine(tmp_path: Path, cache: Path, program: Path) -> Iterator[Machine]:
    """With a template, as every launch but the first has it."""
    machine = Machine(tmp_path, cache, program)
    if not machine.templates():
        machine.assert_it_works()
    yield machine
    for pid in machine.processes():
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def new_machine(tmp_path: Path, program: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path, tmp_path / "cache", program)
    yield machine
    for pid in machine.processes():
        os.kill(pid, signal.SIGKILL)


Moment = Callable[[Machine, "subprocess.Popen[str]"], object]


def _ready(machine: Machine, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    machine.sees("")
    wait_until(lambda: sum("program" in one for one in machine.processes().values()) == 2)


NOTHING = "before anything"
MOMENTS: dict[str, Moment] = {
    NOTHING: lambda machine, process: time.sleep(0.02),
    "a place": lambda machine, process: wait_until(lambda: any(machine.cache.glob("run-*"))),
    "first process": lambda machine, process: wait_until(lambda: machine.sees("")),
    "server": lambda machine, process: wait_until(lambda: machine.sees("wineserver")),
    "services": lambda machine, process: wait_until(lambda: machine.sees("services.exe")),
    "program": _ready,
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", MOMENTS)
def test_no_signal_at_any_time_leaves_a_process_or_a_file(
    machine: Machine, moment: str, number: signal.Signals
) -> None:
    process = machine.start("twice")
    MOMENTS[moment](machine, process)

    process.send_signal(number)
    process.communicate(timeout=PATIENCE_S)

    if number == signal.SIGKILL or process.returncode < 0:  # the kernel ended it
        machine.assert_nothing_remains()
    else:
        # Python itself ends with 1 where it is interrupted before it has come to the program.
        assert process.returncode in ((128 + number, 1) if moment == NOTHING else (128 + number,))
        assert machine.remains() == []


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGKILL])
def test_a_second_signal_while_it_cleans_up(machine: Machine, second: signal.Signals) -> None:
    process = machine.start("twice")
    _ready(machine, process)

    process.send_signal(signal.SIGINT)
    time.sleep(0.02)
    process.send_signal(second)
    process.communicate(timeout=PATIENCE_S)

    machine.assert_nothing_remains()


def test_a_signal_after_the_program_has_ended(machine: Machine) -> None:
    process = machine.start("end")
    assert process.stdout is not None
    process.stdout.read()

    process.send_signal(signal.SIGINT)

    assert process.wait(PATIENCE_S) in (7, 128 + signal.SIGINT)
    assert machine.remains() == []


def test_the_next_launch_repairs_what_a_kill_of_everything_left(machine: Machine) -> None:
    process = machine.start("twice")
    _ready(machine, process)
    for pid in (*janitors(process.pid), process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait()
    time.sleep(1)
    assert any("program" in one for one in machine.processes().values())

    machine.assert_it_works()


def test_two_launches_do_not_disturb_each_other(machine: Machine) -> None:
    first = machine.start("twice")
    _ready(machine, first)
    second = machine.start("twice")
    assert second.stdout is not None
    assert second.stdout.readline() == "ready\n"
    assert sum("program" in one for one in machine.processes().values()) >= 3
    assert first.poll() is None

    first.kill()
    first.communicate(timeout=PATIENCE_S)
    wait_until(lambda: len(list(machine.cache.glob("run-*"))) == 1)

    assert second.poll() is None
    assert machine.sees("program")
    second.terminate()
    second.communicate(timeout=PATIENCE_S)
    assert machine.remains() == []


@pytest.mark.parametrize("seen", ["wineserver", "rundll32"])
@pytest.mark.parametrize("everything", [False, True])
def test_a_template_whose_maker_is_killed_is_made_by_the_one_that_waits(
    new_machine: Machine, seen: str, everything: bool
) -> None:
    maker = new_machine.start("end")
    wait_until(lambda: new_machine.sees(seen))
    waiting = new_machine.start("end")
    for pid in (*(janitors(maker.pid) if everything else ()), maker.pid):
        os.kill(pid, signal.SIGKILL)
    maker.communicate(timeout=PATIENCE_S)

    output, errors = waiting.communicate(timeout=PATIENCE_S)

    assert (waiting.returncode, output) == (7, "ready\n"), errors
    new_machine.assert_it_works()


def test_a_signal_while_the_template_is_made_ends_the_maker_and_the_one_that_waits(
    new_machine: Machine,
) -> None:
    launches = [new_machine.start("end"), new_machine.start("end")]
    wait_until(lambda: new_machine.sees("services.exe"))
    for process in launches:
        process.send_signal(signal.SIGTERM)
    # The kernel ends one that has not come to where it looks for signals itself.
    ended = (128 + signal.SIGTERM, -signal.SIGTERM)
    assert all(process.wait(PATIENCE_S) in ended for process in launches)
    for process in launches:
        process.communicate()
    assert new_machine.remains() == []
    assert new_machine.templates() == []
