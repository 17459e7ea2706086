"""``__main__`` of an executable, and of the processes that it starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer, start

MODES = [contract.ONE_FILE, contract.ONE_DIR]

MODULE = """
import argparse, inspect, os, pickle, subprocess, sys, sys as system
from multiprocessing import get_context, Process, Queue
from . import helper

HERE = inspect.getmodule(sys._getframe())

class Job:
    def __init__(self, n):
        self.n = n

def double(job):
    return Job(job.n * 2)

def put(queue, value):
    queue.put((value, __name__, __spec__ and __spec__.name))

def shared():
    return __name__

if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else "look"
    if what == "child":
        print("child", sys.argv)
    elif what == "look":
        print(sys.argv[0], argparse.ArgumentParser().prog, flush=True)
        main = sys.modules["__main__"]
        print(main.__spec__.name, main.__package__, os.path.relpath(main.__file__, sys._MEIPASS))
        print(HERE is main, type(main).__name__, shared.__code__.co_filename == main.__file__)
        print(__loader__.get_code("__main__").co_filename == __file__, pickle.loads(pickle.dumps(Job(3))).n)
        print(helper.caller(), sorted(n for n in vars(main) if n.startswith("_pyi")))
        import importlib
        print(importlib.import_module(__spec__.name).shared())
        sys.stdout.flush()
        sys.exit(subprocess.run([sys.argv[0], "child"]).returncode)
    else:
        context = get_context(what)
        with context.Pool(2) as pool:
            print([job.n for job in pool.map(double, [Job(1), Job(2)])])
        queue = context.Queue()
        process = context.Process(target=put, args=(queue, 5))
        process.start()
        print(queue.get()[0])
        process.join()
        print(process.exitcode)
"""

HELPER = """
import inspect, sys
def caller():
    return inspect.getmodule(sys._getframe(1)).__name__
"""


@pytest.fixture(scope="module", params=MODES)
def module(freezer: Freezer, request: pytest.FixtureRequest) -> Path:
    files = {"deep/__init__.py": "", "deep/prog.py": MODULE, "deep/helper.py": HELPER}
    app = freezer.app(f"main_{request.param}", files, "deep.prog")
    return freezer.freeze(app, mode=request.param)


def test_main_is_that_of_python_m(module: Path, tmp_path: Path) -> None:
    link = tmp_path / "gerät"
    link.symlink_to(module)
    for path in (module, link):
        done = start(path)
        assert done.stderr == ""
        assert done.stdout.splitlines() == [
            f"{path} {path.name}",
            "deep.prog deep " + os.path.join("deep", "prog.py"),
            "True module True",
            "True 3",
            "__main__ ['_pyi_main_co']",
            "deep.prog",
            f"child {[str(path), 'child']!r}",
        ]


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_workers_know_what_main_defines(module: Path, method: str) -> None:
    done = start(module, method)
    assert (done.stdout, done.returncode) == ("[2, 4]\n5\n0\n", 0), done.stderr


SCRIPT = """
import sys
from multiprocessing import get_context
from taken import kinds

class Job:
    def __init__(self, n):
        self.n = n

def double(job):
    return Job(job.n * 2)

if __name__ == "__main__":
    print(__spec__, __package__, kinds.KIND)
    for method in ("spawn", "forkserver"):
        with get_context(method).Pool(2) as pool:
            print([job.n for job in pool.map(double, [Job(1), Job(2)])], flush=True)
"""


@pytest.mark.parametrize("mode", MODES)
def test_script_with_the_name_of_a_package(freezer: Freezer, mode: str) -> None:
    files = {"taken.py": SCRIPT, "taken/__init__.py": "", "taken/kinds.py": "KIND = 'package'\n"}
    app = freezer.app(f"taken_{mode}", files, "taken.py")
    freezer.must(contract.APP, app)
    assembly = freezer.assembly(app, mode=mode, check=None)
    freezer.must(contract.ASSEMBLE, assembly)
    name = contract.executable_path("program", mode, os.name == "nt")
    done = start(freezer.root / assembly.output / name)
    assert done.stdout == "None None package\n[2, 4]\n[2, 4]\n", done.stderr


FUNCTION = """
import sys
def main():
    what = sys.argv[1]
    if what == "error":
        raise SystemExit("a message")
    return {"none": None, "three": 3, "text": "some text"}[what]
"""


@pytest.mark.parametrize("mode", MODES)
def test_exit_status_of_a_function(freezer: Freezer, mode: str) -> None:
    app = freezer.app(f"status_{mode}", {"status.py": FUNCTION}, "status:main")
    program = freezer.freeze(app, mode=mode)
    found = [
        (start(program, what).returncode, start(program, what).stderr)
        for what in ("none", "three", "text", "error")
    ]
    assert found == [(0, ""), (3, ""), (1, "some text\n"), (1, "a message\n")]


INTERPRETER = """
import os, runpy, subprocess, sys
from tool import worker

def main():
    if len(sys.argv) > 1:
        print("program", sys.argv[1:], flush=True)
        return
    for arguments in (
        ["-m", "tool.worker", "a", "-c"],
        ["-B", "-X", "utf8", "-W", "ignore", "-m", "tool", "b"],
        ["-Ic", "import tool.worker, sys; print(sys.argv, tool.worker.VALUE)", "c"],
        ["-c", "config.toml"],
        ["-c", "import config"],
        ["-m", "csv"],
        ["-m", "absent"],
        ["--flag"],
    ):
        subprocess.run([sys.executable, *arguments], check=True)
"""
WORKER = """
import sys
VALUE = 7
if __name__ == "__main__":
    print(sys.modules["__main__"].VALUE, __spec__.name, __file__[len(sys._MEIPASS):], sys.argv[1:], flush=True)
"""


@pytest.mark.parametrize("mode", MODES)
def test_own_executable_is_an_interpreter_for_its_own_modules(freezer: Freezer, mode: str) -> None:
    files = {
        "tool/__init__.py": "",
        "tool/worker.py": WORKER,
        "tool/__main__.py": "import sys\nimport csv\nprint('package', sys.argv[1:], flush=True)\n",
        "tool/cli.py": INTERPRETER,
    }
    app = freezer.app(f"tool_{mode}", files, "tool.cli:main")
    program = freezer.freeze(app, mode=mode)
    done = start(program)
    assert done.stdout.splitlines() == [
        f"7 tool.worker {os.sep}tool{os.sep}worker.py ['a', '-c']",
        "package ['b']",
        "['-c', 'c'] 7",
        "program ['-c', 'config.toml']",
        "program ['-c', 'import config']",
        "program ['-m', 'csv']",
        "program ['-m', 'absent']",
        "program ['--flag']",
    ], done.stderr
    done = start(program, "-m", "tool.worker")
    assert done.stdout == "program ['-m', 'tool.worker']\n", "started by somebody else"


CALLER = """
import os, sys, traceback, warnings
from where import lib
from where.deep import inner

def beside_its_caller():
    return lib.folder()

def main():
    print([os.path.isdir(found) for found in (beside_its_caller(), lib.folder(), inner.folder())])
    code, place = inner.folder.__code__, os.path.join(sys._MEIPASS, "where", "deep", "inner.py")
    print(code.co_filename == inner.__file__ == place)
    print([const.co_filename == place for const in code.co_consts if hasattr(const, "co_code")])
    try:
        inner.fail()
    except ValueError as error:
        print(traceback.extract_tb(error.__traceback__)[-1].filename == inner.__file__)
"""
LIB = """
import os, sys
def folder():
    return os.path.dirname(sys._getframe(1).f_code.co_filename)
"""
INNER = """
import os, sys
def folder():
    here = lambda: os.path.dirname(sys._getframe().f_code.co_filename)
    return here()
def fail():
    raise ValueError
"""


@pytest.mark.parametrize("mode", MODES)
def test_code_lies_in_a_directory(freezer: Freezer, mode: str) -> None:
    files = {
        "where/__init__.py": "",
        "where/lib.py": LIB,
        "where/deep/__init__.py": "",
        "where/deep/inner.py": INNER,
        "where/app.py": CALLER,
    }
    program = freezer.freeze(freezer.app(f"where_{mode}", files, "where.app:main"), mode=mode)
    assert start(program).stdout == "[True, True, True]\nTrue\n[True]\nTrue\n"
