from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from comparison.processes import (
    CommandFailed,
    Stat,
    Usage,
    measure,
    parse_stat,
    program_name,
    tree,
)

# One line of a real kernel, with a name that tries to look like the end of itself.
LINE = (
    "4242 (a) R (b) 7) S 17 4242 4242 0 -1 4194560 1000 2000 3 4 150 25 1000 300 20 0 5 0 12345 "
    "846704000 35586 18446744073709551615 1 1 0 0 0 0 0 16781312 16898 0 0 0 17 1 0 0 0 0 0"
)
BURN_S = 0.5
BURN = f"import time\nend = time.process_time() + {BURN_S}\nwhile time.process_time() < end: pass\n"
NESTED = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}], check=True)\n"


def test_stat_counts_children_that_have_ended() -> None:
    assert parse_stat(LINE) == Stat(
        pid=4242, parent=17, own_ticks=175, ticks=1475, resident_pages=35586
    )


def test_own_stat_is_readable() -> None:
    found = parse_stat(Path("/proc/self/stat").read_text())
    assert (found.pid, found.parent) == (os.getpid(), os.getppid())


def test_tree_holds_roots_and_descendants_once() -> None:
    processes = [
        Stat(pid, parent, 1, 1, 1) for pid, parent in ((1, 0), (2, 1), (3, 2), (4, 1), (9, 1))
    ]
    assert {process.pid for process in tree(processes, [2, 3, 4, 77])} == {2, 3, 4}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["/venv/bin/python", "-m", "PyInstaller", "--noconfirm"], "PyInstaller"),
        (["/bin/python3.13", "-s", "-X", "utf8", "d/__main__.py", "layer", "r.json"], "d layer"),
        (["python", "tool.py", "--fast"], "tool.py"),
        (["pantsd [/some/clone]", ""], "pantsd"),
        (["/usr/bin/strip", "lib.so"], "strip"),
    ],
)
def test_program_names(arguments: list[str], expected: str) -> None:
    assert program_name(arguments) == expected


def run(folder: Path, program: str, daemon: int | None = None, exit_code: int = 0) -> Usage:
    return measure(
        [sys.executable, "-c", program],
        environment=dict(os.environ),
        cwd=folder,
        log=folder / "log",
        daemon=daemon,
        exit_code=exit_code,
    )


def test_cpu_includes_grandchildren(tmp_path: Path) -> None:
    usage = run(tmp_path, NESTED)
    assert usage.cpu_s >= BURN_S
    assert usage.wall_s >= BURN_S * 0.9
    assert usage.peak_bytes > 1_000_000
    assert sum(usage.programs.values()) >= BURN_S / 2


def test_cpu_includes_the_daemon_and_the_children_it_waited_for(tmp_path: Path) -> None:
    ask, answer = tmp_path / "ask", tmp_path / "answer"
    os.mkfifo(ask)
    os.mkfifo(answer)
    serve = f"open({str(ask)!r}).read()\n{NESTED}open({str(answer)!r}, 'w').close()\ninput()\n"
    with subprocess.Popen([sys.executable, "-c", serve], stdin=subprocess.PIPE) as daemon:
        client = f"open({str(ask)!r}, 'w').close(); open({str(answer)!r}).read()"
        with_daemon = run(tmp_path, client, daemon=daemon.pid)
        daemon.kill()
    alone = run(tmp_path, "pass")
    assert with_daemon.cpu_s - alone.cpu_s >= BURN_S * 0.9


def test_failure_quotes_the_log(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"(?s)exit code 3.*no such lock"):
        run(tmp_path, "import sys; print('no such lock'); sys.exit(3)")


def test_wanted_exit_code_is_no_failure(tmp_path: Path) -> None:
    run(tmp_path, "raise SystemExit(2)", exit_code=2)


def test_daemon_that_went_away_is_a_failure(tmp_path: Path) -> None:
    daemon = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    # The test is the daemon's parent: it has to be waited for, or it stays as a zombie.
    waiting = threading.Thread(target=daemon.wait)
    waiting.start()
    client = f"import os, time; os.kill({daemon.pid}, 9); time.sleep(0.5)"
    with pytest.raises(CommandFailed, match="did not survive"):
        run(tmp_path, client, daemon=daemon.pid)
    waiting.join()


def test_costs_in_sequence() -> None:
    assert Usage(1, 2, 30).then(Usage(4, 5, 6)) == Usage(5, 7, 30)
