"""Processes of an executable end when unfrozen ones would, and delete nothing that another one uses."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer, start

PROGRAM = """
import ctypes, multiprocessing, os, signal, subprocess, sys, threading, time

def wait_for(path):
    while not os.path.exists(path):
        time.sleep(0.02)

def death_signal():
    found = ctypes.c_int()
    ctypes.CDLL(None).prctl(2, ctypes.byref(found))
    return found.value

def job(ready, go, result):
    ready.set()
    go.wait(60)
    result.put(death_signal())

def orphan(path):
    wait_for(path + ".go")
    open(path, "w").close()

def worker(path):
    multiprocessing.get_context("spawn").Process(target=orphan, args=(path,)).start()
    os._exit(0)

def main():
    what = sys.argv[1]
    context = multiprocessing.get_context("spawn")
    if what == "threads":
        go, result, found = context.Event(), context.Queue(), []
        def begin():
            ready = context.Event()
            process = context.Process(target=job, args=(ready, go, result))
            process.start()
            ready.wait(60)
            found.append(process)
        threads = [threading.Thread(target=begin) for _ in range(2)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        go.set()
        print([result.get() for _ in found], [process.join() or process.exitcode for process in found])
    elif what == "orphan":
        process = context.Process(target=worker, args=(sys.argv[2],))
        process.start()
        process.join()
        open(sys.argv[2] + ".go", "w").close()
        wait_for(sys.argv[2])
        for _ in range(50):  # the orphan ends meanwhile
            time.sleep(0.02)
            import importlib
            importlib.import_module("sqlite3")
        print(os.path.exists(os.path.join(sys._MEIPASS, "base_library.zip")))
    elif what == "restart":
        if len(sys.argv) < 4:
            os.execv(sys.executable, [sys.argv[0], "restart", sys.argv[2], "again"])
        print("again", os.path.exists(os.path.join(sys._MEIPASS, "base_library.zip")))
    elif what == "fork":
        pid = os.fork()
        if not pid:
            print(death_signal(), flush=True)
            os._exit(3)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        print(subprocess.run([sys.executable, "own"]).returncode)
    elif what == "own":
        print("own", death_signal(), flush=True)
    elif what == "exit":
        sys.exit(int(sys.argv[2]))
    elif what == "die":
        os.kill(os.getpid(), int(sys.argv[2]))
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="about Linux's processes")


@pytest.fixture(scope="module", params=[contract.ONE_FILE, contract.ONE_DIR])
def program(freezer: Freezer, request: pytest.FixtureRequest) -> Path:
    app = freezer.app(f"proc_{request.param}", {"proc.py": PROGRAM}, "proc:main")
    return freezer.freeze(app, mode=request.param)


def test_workers_outlive_the_thread_that_started_them(program: Path) -> None:
    assert start(program, "threads").stdout == "[0, 0] [0, 0]\n"


def test_an_orphan_leaves_the_bundle_alone(program: Path, tmp_path: Path) -> None:
    done = start(program, "orphan", str(tmp_path / "file"))
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


def test_a_restart_of_the_program_by_itself(program: Path, tmp_path: Path) -> None:
    done = start(program, "restart", "-", TMPDIR=str(tmp_path))
    assert (done.stdout, done.returncode) == ("again True\n", 0), done.stderr
    assert not list(tmp_path.iterdir())


def test_forks_and_children_follow_nobody(program: Path) -> None:
    assert start(program, "fork").stdout == "0\n3\nown 0\n0\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGABRT])
def test_exit_status(program: Path, number: signal.Signals) -> None:
    assert start(program, "exit", str(int(number))).returncode == number
    assert start(program, "die", str(int(number))).returncode == -number


DAEMON = """
import os, sys, time

def main():
    gone = os.path.join(sys._MEIPASS, "base_library.zip")
    if os.fork():
        return
    os.setsid()
    while os.path.exists(gone) and "_MEI" in gone:
        time.sleep(0.02)
    text = "daemon "
    try:
        import sqlite3
        import xml.dom.minidom
        import quopri
        text += str(sqlite3.connect(":memory:").execute("select 1").fetchone())
        text += os.path.basename(sys.modules["_sqlite3"].__file__)[:8]
    except BaseException as error:
        text += f"failed {type(error).__name__}: {error}"
    with open(sys.argv[1] + ".new", "w") as out:
        out.write(text)
    os.rename(sys.argv[1] + ".new", sys.argv[1])
"""


@pytest.mark.parametrize("mode", [contract.ONE_FILE, contract.ONE_DIR])
def test_a_daemon_outlives_its_bundle(freezer: Freezer, tmp_path: Path, mode: str) -> None:
    app = freezer.app(f"daemon_{mode}", {"daemon.py": DAEMON}, "daemon:main")
    program = freezer.freeze(app, mode=mode)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = start(program, str(tmp_path / "log"), TMPDIR=str(temporary))
    assert done.returncode == 0, done.stderr
    deadline = time.monotonic() + 600
    while not (tmp_path / "log").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (tmp_path / "log").read_text() == "daemon (1,)_sqlite3"
    assert not list(temporary.iterdir())


def test_a_native_file_may_be_removed_once_it_is_found(freezer: Freezer) -> None:
    source = (
        "import importlib.util, shutil, sys\n\n"
        "spec = importlib.util.find_spec('_sqlite3')\nshutil.rmtree(sys._MEIPASS)\n"
        "module = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(module)\n"
        "print(module.connect(':memory:').execute('select 1').fetchone(), module.__name__)\n"
        "import sqlite3\n"
    )
    app = freezer.app("removed_native", {"removed_native.py": source}, "removed_native.py")
    done = start(freezer.freeze(app, mode=contract.ONE_FILE))
    assert (done.returncode, done.stdout) == (0, "(1,) _sqlite3\n"), done.stderr
