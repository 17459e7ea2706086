"""Runs of the recorder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.driver.proof import runs


def test_a_process_that_only_lacks_a_processor_does_not_hang() -> None:
    late = runs.PATIENCE + 1
    assert runs.is_stuck(late, 0.1)  # it waits
    assert runs.is_stuck(late, late)  # it runs in circles
    assert not runs.is_stuck(late, runs.PATIENCE / 3)
    assert not runs.is_stuck(runs.PATIENCE - 1, 0.0)
    assert runs.is_stuck(late, None)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])",
    ],
)
def test_cpu_time_of_another_process(program: str) -> None:
    """Of a one-file program, the first process waits for another one."""
    with subprocess.Popen([sys.executable, "-c", program], start_new_session=True) as busy:
        try:
            end = time.monotonic() + 60
            while (runs.cpu_seconds(busy.pid) or 0.0) < 1.0 and time.monotonic() < end:
                time.sleep(0.05)
            assert (runs.cpu_seconds(busy.pid) or 0.0) >= 1.0
        finally:
            os.killpg(busy.pid, signal.SIGKILL)
    assert runs.cpu_seconds(1 << 30) is None


def unfrozen(folder: Path, files: dict[str, str], job: runs.Job) -> runs.Report:
    """What the recorder says of `job` over a site directory with these files."""
    site, layer, work = folder / "site", folder / "layer", folder / "work"
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    for created in (layer, work):
        created.mkdir()
    (layer / contract.LAYER_MODULES).write_bytes(b"\0")
    command = runs.unfrozen_command(
        str(layer), types.SimpleNamespace(optimize=1, nodes=[]), str(site), [], str(work)
    )
    return runs.run(command, job, str(site), str(work))


def test_the_unfrozen_side_does_what_pth_files_say(tmp_path: Path) -> None:
    files = {
        "some.pth": "elsewhere\nimport bootstrap\n",
        "bootstrap.py": "import sys; sys.bootstrapped = True\n",
        "elsewhere/moved.py": "import sys; sys.bootstrapped\n",
    }

    report = unfrozen(tmp_path, files, runs.Job(["moved"], record=False))

    assert report.outcomes["moved"].error is None


def test_a_module_that_ends_the_process_costs_no_other_its_imports(tmp_path: Path) -> None:
    files = {
        "asks.py": "import importlib; importlib.import_module('asked')\n",
        "asked.py": "",
        "ends.py": "import os; os._exit(3)\n",
        "last.py": "",
    }

    report = unfrozen(tmp_path, files, runs.Job(["asks", "ends", "last"], dynamic=True))

    assert report.outcomes["ends"].error == ("end of the process", "exit code 3")
    assert report.outcomes["last"].error is None
    assert ("asks", "asked") in report.requests


HELPERS = {
    "helpers.py": (
        "import functools, importlib\n"
        "@functools.singledispatch\n"
        "def dispatched(name): pass\n"
        "@dispatched.register\n"
        "def _(name: str): return importlib.import_module(name)\n"
        "def by_name(name): return importlib.import_module(name)\n"
        "def by_address(address): return by_name(address.partition(':')[0])\n"
        "def below(package): return importlib.import_module(package + '.inner')\n"
        "def first_of(*names):\n"
        "    for name in names: return __import__(name)\n"
        "class Lazy:\n"
        "    def __init__(self, name): self.name = name\n"
        "    def load(self): return importlib.import_module(self.name)\n"
        "def own(): return importlib.import_module(''.join(['tar', 'get']))\n"
    ),
    "target.py": "",
    "packed/__init__.py": "",
    "packed/inner.py": "",
}


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("helpers.by_name('target')", ("asks", "target")),
        ("helpers.by_address('target:thing')", ("asks", "target")),
        ("helpers.dispatched('target')", ("asks", "target")),
        ("helpers.below('packed')", ("asks", "packed.inner")),
        ("helpers.first_of('target', 'other')", ("asks", "target")),
        ("helpers.Lazy('target').load()", ("asks", "target")),
        ("helpers.own()", ("helpers", "target")),
        (
            "import importlib.metadata as m; m.EntryPoint('n', 'target', 'g').load()",
            ("asks", "target"),
        ),
        ("import pickle; pickle.loads(b'ctarget\\n__name__\\n.')", ("asks", "target")),
        ("__import__('target')", ("asks", "target")),
    ],
)
def test_a_dynamic_import_belongs_to_the_module_that_asked(
    tmp_path: Path, call: str, expected: tuple[str, str]
) -> None:
    files = {**HELPERS, "asks.py": f"import helpers\n{call}\n"}

    report = unfrozen(tmp_path, files, runs.Job(["asks"], dynamic=True))

    assert report.outcomes["asks"].error is None
    assert {found for found in report.requests if found[1] == expected[1]} == {expected}


def test_who_asked_is_found_without_touching_what_it_was_given(tmp_path: Path) -> None:
    """A lazy proxy does something when anything is asked of it."""
    files = {
        "target.py": "",
        "asks.py": (
            "import importlib\n"
            "class Proxy:\n"
            "    touched = []\n"
            "    __class__ = property(lambda self: self.touched.append('class') or Proxy)\n"
            "    def __getattr__(self, name): self.touched.append(name); raise RuntimeError(name)\n"
            "def load(proxy, name): return importlib.import_module(name)\n"
            "load(Proxy(), 'target')\n"
            "if Proxy.touched: raise RuntimeError(Proxy.touched)\n"
        ),
    }

    report = unfrozen(tmp_path, files, runs.Job(["asks"], dynamic=True))

    assert report.outcomes["asks"].error is None
    assert ("asks", "target") in report.requests


def test_a_missed_module_belongs_to_the_module_that_asked(tmp_path: Path) -> None:
    files = {**HELPERS, "asks.py": "import helpers\nhelpers.by_address('absent:thing')\n"}

    report = unfrozen(tmp_path, files, runs.Job(["asks"], dynamic=True))

    assert report.missed_modules["absent"] == ("asks", "asks")
