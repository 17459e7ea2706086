"""Pure parts: selection, contested files, stripped libraries, tools that do not work."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import struct
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import pytest

from pants_pyinstaller.driver import contract, index, trace
from pants_pyinstaller.driver.analysis import (
    compiled,
    conflicts,
    distributions,
    interpreter,
    natives,
    preflight,
    selection,
)
from pants_pyinstaller.driver.bundle import version_resource
from pants_pyinstaller.driver.errors import DriverError
from pants_pyinstaller.driver.outputs import Wanted
from pants_pyinstaller.driver.proof import compare, runs
from pants_pyinstaller.testing.freezer import DRIVER
from pants_pyinstaller.testing.wheels import install, make_wheel


def _index(edges: dict[str, list[str]], **fields: object) -> index.Index:
    names = sorted(edges)
    number = {name: position for position, name in enumerate(names)}
    values: dict[str, object] = {
        "schema": contract.SCHEMA,
        "platform": "linux-amd64",
        "python": {},
        "python_library": "libpython.so",
        "pyinstaller": "6.22.3",
        "optimize": 0,
        "names": names,
        "nodes": [
            index.Node("module", [number[target] for target in edges[name]]) for name in names
        ],
        "base": [],
        "bootstrap": [],
        "rthooks": {},
        "scripts": {},
        "files": {"libpython.so": index.File("binary"), "base_library.zip": index.File("data")},
        "dists": [],
        "missing": {},
        "contested": {},
        "host_libraries": {},
        **fields,
    }
    return index.Index(**values)  # type: ignore[arg-type]


def test_selection_is_the_closure_without_excludes() -> None:
    layer = _index({"a": ["b"], "b": ["c"], "c": [], "d": [], "b.sub": ["d"]})
    wanted = Wanted(modules=frozenset({"a"}))
    assert selection.select(layer, wanted, {}).modules == ["a", "b", "c"]
    without = Wanted(modules=frozenset({"a"}), excludes=("b",))
    assert selection.select(layer, without, {}).modules == ["a"]
    dynamic = selection.select(layer, wanted, {"c": ["b.sub"]})
    assert dynamic.modules == ["a", "b", "b.sub", "c", "d"]


def test_libraries_of_selected_files_come_along() -> None:
    files = {
        "libpython.so": index.File("binary"),
        "base_library.zip": index.File("data"),
        "a.so": index.File("binary", needs=["libx.so"], module=0),
        "libx.so": index.File("binary", needs=["liby.so"]),
        "liby.so": index.File("binary"),
        "other.so": index.File("binary"),
    }
    layer = _index({"a": []}, files=files)
    layer.nodes[0].files = ["a.so"]
    chosen = selection.select(layer, Wanted(modules=frozenset({"a"})), {})
    assert chosen.files == ["a.so", "base_library.zip", "libpython.so", "libx.so", "liby.so"]


def test_tools_entry_points_are_no_plugins() -> None:
    points = {
        "console_scripts": {"x": "x.cli:main"},
        "pytest11": {"x": "x.testing"},
        "app.plugins": {"x": "x.plug:Thing [extra]"},
    }
    assert selection.plugin_modules(points) == ["x.plug"]


def test_files_that_two_distributions_install_differently(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for name, text in (("one", "VALUE = 1\n"), ("two", "VALUE = 2\n")):
        files = {"both/__init__.py": "", "both/thing.py": text}
        install(
            make_wheel(
                tmp_path,
                name,
                "1.0",
                files,
                metadata="Requires-Dist: one\n" if name == "two" else "",
            ),
            site,
        )
    found = distributions.read_distributions(str(site))
    assert conflicts.contested_files(str(site), found) == {"both/thing.py": ["one", "two"]}


def test_stripped_library_with_misaligned_segment_is_not_sound() -> None:
    def elf(offset: int) -> bytes:
        header = (
            b"\x7fELF\x02\x01\x01"
            + bytes(9)
            + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        )
        return (
            header
            + struct.pack("<IIQQQQQQ", 1, 5, offset, 0x1000, 0, 16, 16, 0x1000)
            + bytes(0x3000)
        )

    assert natives.is_sound_elf(elf(0x1000), elf(0x1000))
    assert not natives.is_sound_elf(elf(0x1000), elf(0x1008))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems need no binutils")
def test_broken_objdump_stops_before_anything_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "objdump"
    tool.write_text(
        "#!/bin/sh\necho 'objdump: error while loading shared libraries: libctf.so.0' >&2\nexit 127\n"
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(DriverError, match=r"objdump does not work on this machine: .*libctf.so.0"):
        preflight.check_tools(strip=True)


def test_a_process_that_only_lacks_a_processor_does_not_hang() -> None:
    late = runs.PATIENCE + 1
    assert runs.is_stuck(late, 0.1)  # it waits
    assert runs.is_stuck(late, late)  # it runs in circles
    assert not runs.is_stuck(late, runs.PATIENCE / 3)
    assert not runs.is_stuck(runs.PATIENCE - 1, 0.0)
    assert runs.is_stuck(late, None)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_cpu_time_of_another_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as busy:
        try:
            end = time.monotonic() + 60
            while not runs.cpu_seconds(busy.pid) and time.monotonic() < end:
                time.sleep(0.05)
            assert runs.cpu_seconds(busy.pid)
        finally:
            busy.kill()
    assert runs.cpu_seconds(busy.pid) is None


def test_a_request_survives_its_json() -> None:
    request = contract.AppRequest(
        "layer", "site", "tool", "out", ("src",), "pkg.mod", excludes=("a", "b"), data={"x": "y"}
    )
    assert contract.AppRequest.from_json(request.to_json()) == request
    with pytest.raises(ValueError, match="unknown fields nonsense"):
        contract.AppRequest.from_json('{"schema": 1, "nonsense": 1}')


def test_a_spawned_worker_finds_the_driver() -> None:
    """Where processes are spawned, `__main__.py` is run as `__mp_main__` before a worker gets its function."""
    folder = DRIVER.name
    script = (
        f"import runpy, sys; runpy.run_path({str(DRIVER / '__main__.py')!r}, run_name='__mp_main__'); "
        f"import {folder}.analysis.compiled as module; print(module._build.__module__, {str(DRIVER)!r} in sys.path)"
    )

    done = subprocess.run(
        [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == (f"{folder}.analysis.compiled False\n", "")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (
            r"cannot import name 'x' from 'y' (Z:\tmp\a\python\Lib\y\__init__.py)",
            r"cannot import name 'x' from 'y' (<root>\y\__init__.py)",
            True,
        ),
        (
            r"cannot import name 'x' from 'y' (Z:\tmp\a\y\__init__.py)",
            r"cannot import name 'other' from 'y' (<root>\y\__init__.py)",
            False,
        ),
    ],
)
def test_outcomes_differ_by_more_than_where_files_lie(one: str, other: str, same: bool) -> None:
    assert compare.same(("ImportError", one), ("ImportError", other)) is same


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


def test_a_missed_module_is_said_of_the_module_that_asked(tmp_path: Path) -> None:
    files = {**HELPERS, "asks.py": "import helpers\nhelpers.by_address('absent:thing')\n"}

    report = unfrozen(tmp_path, files, runs.Job(["asks"], dynamic=True))

    assert report.missed_modules["absent"] == ("asks", "asks")


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("1.2.3", (1, 2, 3, 0)),
        ("v4.5", (4, 5, 0, 0)),
        ("1.2.3-rc.1", (1, 2, 3, 0)),
        ("1.2.3.4", (1, 2, 3, 4)),
        ("1.2.3.4.5", (0, 0, 0, 0)),
        ("2026.1.70000", (0, 0, 0, 0)),
        ("dev", (0, 0, 0, 0)),
        ("", (0, 0, 0, 0)),
    ],
)
def test_windows_compares_versions_by_four_numbers(
    version: str, numbers: tuple[int, int, int, int]
) -> None:
    assert version_resource.numbers(version) == numbers


def test_an_executables_properties_come_from_the_build_information() -> None:
    info = {"version": "1.2.3", "commit": "abc", "company": "ACME", "ticket": "T-1"}

    assert version_resource.strings("tool", info) == {
        "Comments": "commit abc",
        "CompanyName": "ACME",
        "FileDescription": "tool",
        "FileVersion": "1.2.3",
        "InternalName": "tool",
        "OriginalFilename": "tool.exe",
        "ProductName": "tool",
        "ProductVersion": "1.2.3",
    }


_COMPILE = """
import hashlib, marshal, sys
sys.path.insert(0, sys.argv[1])
from pants_pyinstaller.driver.analysis import compiled
kept = compile(sys.argv[2], "other.py", "exec")
text = "def a(x): return x in {'qx_one', 'qx_two'}\\ndef b(x): return x in {'qx_one', 'qx_two'} or 5\\n"
for compiler in (compiled.compile_reproducibly, lambda text, name: compile(text, name, "exec")):
    print(hashlib.sha256(marshal.dumps(compiler(text, "same.py"))).hexdigest())
"""


def test_code_is_the_same_whatever_was_compiled_before() -> None:
    root = str(Path(compiled.__file__).parents[3])
    said = [
        subprocess.run(
            [sys.executable, "-c", _COMPILE, root, before], capture_output=True, text=True
        ).stdout.split()
        for before in ("pass", "qx_one = 1")
    ]
    assert said[0][0] == said[1][0]
    if sys.version_info[:2] == (3, 13):
        assert said[0][1] != said[1][1], "Python no longer needs this"


def test_libraries_of_the_interpreter_are_described_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the Windows Python does it, whose libraries no package manager knows."""
    prefix = tmp_path / "python"
    (prefix / "DLLs").mkdir(parents=True)
    for name in ("libssl.dll", "_queue.pyd"):
        (prefix / "DLLs" / name).write_text(name)
    entry = {"package": "OpenSSL", "version": "3.0.15", "license": "Apache-2.0"}
    monkeypatch.setattr(sys, "base_prefix", str(prefix))
    assert interpreter.own_libraries() == {"libraries": {}, "texts": {}}
    (prefix / contract.INTERPRETER_LIBRARIES).write_text(
        json.dumps({"libraries": {"DLLs/libssl.dll": entry}, "texts": {"OpenSSL": "text"}})
    )

    found = natives.described_libraries(
        {name: str(prefix / "DLLs" / name) for name in ("libssl.dll", "_queue.pyd")},
        str(prefix),
        interpreter.own_libraries()["libraries"],
    )

    digest = hashlib.sha256(b"libssl.dll").hexdigest()
    assert found == {"libssl.dll": {"name": "libssl.dll", "sha256": digest, **entry}}


def test_test_suites_that_nothing_uses_are_not_traced() -> None:
    names = [
        "lib",
        "lib.tests",
        "lib.tests.slow",
        "kit",
        "kit.tests",
        "kit.tests.used",
        "user",
        "tests",
    ]
    nodes = [index.Node("module", []) for _ in names]
    nodes[names.index("lib.tests.slow")].edges.append(names.index("lib.tests"))
    nodes[names.index("user")].edges.append(names.index("kit.tests.used"))
    nothing: dict[str, Any] = dict.fromkeys(
        item.name for item in dataclasses.fields(index.Index) if item.init
    )
    layer = index.Index(**{**nothing, "names": names, "nodes": nodes})
    assert trace._unused_tests(layer) == {"lib.tests", "lib.tests.slow", "kit.tests"}
