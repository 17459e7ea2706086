"""Exercises: the user's own programs, unfrozen and in the shape that ships."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.driver.errors import DriverError
from pants_pyinstaller.driver.proof import exercise_compare, exercise_sides, supervisor
from pants_pyinstaller.testing.freezer import ENVIRONMENT, Freezer, start

MODES = [contract.ONE_FILE, contract.ONE_DIR]
PROGRAM = "def main():\n    print('nothing')\n"


def exercised(
    freezer: Freezer,
    name: str,
    mode: str,
    program: str,
    exercises: Mapping[str, str],
    **fields: object,
) -> tuple[contract.AppRequest, subprocess.CompletedProcess[str]]:
    """Freeze ``program`` up to its exercises and run these."""
    app = freezer.app(name, {"exapp/__init__.py": "", "exapp/cli.py": program}, "exapp.cli:main")
    if not (freezer.root / app.output).exists():
        freezer.must(contract.APP, app)
        freezer.must(contract.CHECK, freezer.check(app))
    for path, text in exercises.items():
        target = freezer.root / name / "exercises" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    kinds = {
        path[:-3].replace("/", "."): contract.EXERCISE_TESTS
        if path.endswith("_test.py")
        else contract.EXERCISE_PROGRAM
        for path in exercises
        if path.startswith("ex") and path.endswith(".py")
    }
    values: dict[str, object] = {
        "layer": "layer",
        "app": app.output,
        "check": f"{name}/check",
        "site": "site",
        "trace": "trace",
        "pack": "pack",
        "mode": mode,
        "output": f"{name}/exercise",
        "source_roots": app.source_roots,
        "exercise_roots": (f"{name}/exercises",),
        "exercises": kinds,
        **fields,
    }
    request = contract.ExerciseRequest(**values)  # type: ignore[arg-type]
    return app, freezer.run(contract.EXERCISE, request)


def shipped(freezer: Freezer, app: contract.AppRequest, mode: str, tmp_path: Path) -> str:
    """What the executable says that is assembled after the exercises."""
    exercise = app.output.replace("/app", "/exercise")
    assembly = freezer.assembly(app, mode=mode, exercise=exercise)
    freezer.must(contract.ASSEMBLE, assembly)
    path = contract.executable_path("program", mode, os.name == "nt")
    done = start(freezer.root / assembly.output / path, TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    return done.stdout


FEATURES = """
import importlib
import os
import pkgutil

def plugins():
    from importlib.metadata import entry_points
    return sorted(p.load().NAME for p in entry_points(group="snigulp.detnalp"[::-1]))

def backend():
    return importlib.import_module("dnekcab_cimanyd"[::-1]).VALUE

def version():
    return importlib.import_module("importlib.metadata").version("atadatem-sdeen"[::-1])

def table():
    package = importlib.import_module("atad_sdeen"[::-1])
    with open(os.path.join(os.path.dirname(package.__file__), "tables", "table.txt")) as file:
        return file.read()

def listed():
    found = [item.name for item in pkgutil.iter_modules() if item.name.startswith("plugin_")]
    return sorted(importlib.import_module(name).__name__ for name in found)

def source():
    import inspect
    from pathlib import Path
    package = importlib.import_module("desunu"[::-1])
    header = Path(importlib.import_module("redaeh_sdeen"[::-1]).__file__).with_name("api.h")
    return inspect.getsource(package).strip(), header.read_text()

def main():
    print(plugins(), backend(), version(), table(), listed(), source())
"""


@pytest.mark.parametrize("mode", MODES)
def test_what_an_exercise_uses_joins_the_executable(
    freezer: Freezer, tmp_path: Path, mode: str
) -> None:
    app, done = exercised(
        freezer,
        f"features_{mode}",
        mode,
        FEATURES,
        {"exercise.py": "from exapp import cli\ncli.main()\n"},
    )
    assert done.returncode == 0, done.stderr
    assert shipped(freezer, app, mode, tmp_path) == (
        "['one'] backend 1.0 forty-two ['plugin_host', 'plugin_one'] "
        "('import dynamic_backend', 'int answer(void);')\n"
    )


def test_the_example_of_the_documentation(freezer: Freezer, tmp_path: Path) -> None:
    program = """
import importlib
from importlib.metadata import entry_points

def points():
    return entry_points(group="snigulp.detnalp"[::-1])

def names():
    return [point.name for point in points()]

def load(name):
    return points()[name].load()

def template():
    return importlib.import_module("atad_sdeen"[::-1]).TEXT
"""
    text = (Path(__file__).parents[3] / "docs" / "pyinstaller_binary.md").read_text()
    example = text.partition("## Exercises")[2].split("```python\n")[1].partition("```")[0]
    main = (
        "from app import formats\n\ndef main():\n    print(formats.names(), formats.template())\n"
    )
    app = freezer.app(
        "documented", {"app/formats.py": program, "exapp/cli.py": main}, "exapp.cli:main"
    )
    freezer.must(contract.APP, app)
    freezer.must(contract.CHECK, freezer.check(app))
    _, done = exercised(freezer, "documented", MODES[1], main, {"exercise.py": example})
    assert done.returncode == 0, done.stderr
    assert shipped(freezer, app, MODES[1], tmp_path) == "['one'] forty-two\n"


@pytest.mark.parametrize("mode", MODES)
def test_different_output_is_refused_with_the_difference(freezer: Freezer, mode: str) -> None:
    text = "import sys\nprint('same')\nprint('frozen' if hasattr(sys, 'frozen') else 'plain')\n"
    _, done = exercised(freezer, f"differs_{mode}", mode, PROGRAM, {"ex/differs.py": text})
    assert done.returncode == 1
    for line in ("ex.differs", "-plain", "+frozen", " same", "exercise_ignore"):
        assert line in done.stderr
    assert "Traceback" not in done.stderr
    _, done = exercised(
        freezer,
        f"differs_{mode}",
        mode,
        PROGRAM,
        {"ex/differs.py": text},
        ignore={"plain|frozen": "says how it runs"},
    )
    assert done.returncode == 0, done.stderr
    _, done = exercised(
        freezer,
        f"differs_{mode}",
        mode,
        PROGRAM,
        {"ex/differs.py": text},
        ignore={"plain|frozen": " "},
    )
    assert done.returncode == 1
    assert "needs the reason" in done.stderr


@pytest.mark.parametrize("mode", MODES)
def test_surroundings_are_those_of_a_user(freezer: Freezer, mode: str) -> None:
    text = """
import os, subprocess, sys, argparse, warnings, multiprocessing
print(sys.stdin.read() == "", os.listdir(os.path.expanduser("~")), os.listdir())
print(sorted(name for name in os.environ if not name.startswith("_PYI")))
print(subprocess.run(["sh", "-c", "echo from a shell"], capture_output=True, text=True).stdout)
print({"a", "b", "c", "d", "e"}, hex(id(sys)))
warnings.warn("shown with its source line")
argparse.ArgumentParser().print_usage(sys.stderr)
with open(os.path.expanduser("~/.config"), "w") as file:
    file.write("left behind")

def work(number):
    return number + 1

if __name__ == "__main__":
    import helper.inner
    pool = multiprocessing.get_context("spawn").Pool(1)
    print(pool.map(work, [1, 2]))
    pool.close()  # not terminate: a worker's last lines would be lost, or not
    pool.join()
"""
    _, done = exercised(
        freezer,
        f"surroundings_{mode}",
        mode,
        PROGRAM,
        {
            "ex/surroundings.py": text,
            "helper/inner.py": "from importlib import resources\n"
            "print(resources.files('helper').joinpath('text.txt').read_text())\n",
            "helper/text.txt": "a file of the exercise",
        },
    )
    assert done.returncode == 0, done.stderr


def test_an_exercise_that_fails_by_itself_proves_nothing(freezer: Freezer) -> None:
    _, done = exercised(
        freezer, "fails", MODES[0], PROGRAM, {"ex/fails.py": "import absent_everywhere\n"}
    )
    assert done.returncode == 1
    assert "ex.fails fails unfrozen (exit status 1)" in done.stderr
    assert "  | ModuleNotFoundError: No module named 'absent_everywhere'" in done.stderr
    text = (
        "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    traceback.print_exc()\n"
    )
    _, done = exercised(freezer, "fails", MODES[0], PROGRAM, {"ex/fails.py": text})
    assert done.returncode == 1
    assert "prints a traceback" in done.stderr
    _, done = exercised(
        freezer,
        "fails",
        MODES[0],
        PROGRAM,
        {"ex/fails.py": text},
        ignore={"Traceback.*": "shows what a user sees"},
    )
    assert done.returncode == 0, done.stderr


def test_an_excluded_module_is_named_as_such(freezer: Freezer) -> None:
    app = freezer.app(
        "excluded", {"exapp/cli.py": PROGRAM}, "exapp.cli:main", excludes=("dynamic_backend",)
    )
    freezer.must(contract.APP, app)
    freezer.must(contract.CHECK, freezer.check(app))
    _, done = exercised(
        freezer, "excluded", MODES[1], PROGRAM, {"ex/uses.py": "import dynamic_backend\n"}
    )
    assert done.returncode == 1
    assert "the target excludes the module dynamic_backend" in done.stderr


@pytest.mark.parametrize("mode", MODES)
def test_the_time_limit_ends_both_sides_and_all_they_started(freezer: Freezer, mode: str) -> None:
    text = """
import subprocess, sys, time
subprocess.Popen(["sleep", "86400.25"], start_new_session=True)
if hasattr(sys, "frozen"):
    subprocess.Popen(["sh", "-c", "trap '' TERM; sleep 86400.25"])
    print("waiting", flush=True)
    time.sleep(86400)
"""
    _, done = exercised(freezer, f"late_{mode}", mode, PROGRAM, {"ex/late.py": text}, timeout=5)
    assert done.returncode == 1
    assert "unfrozen: 0  frozen: did not end" in done.stderr
    _, done = exercised(
        freezer,
        f"late_{mode}",
        mode,
        PROGRAM,
        {"ex/late.py": text.replace('hasattr(sys, "frozen")', "True")},
        timeout=2,
    )
    assert done.returncode == 1
    assert "did not end within 2 s (unfrozen)" in done.stderr
    assert "raise exercise_timeout" in done.stderr
    assert not any(b"86400.25" in line for line in command_lines())
    assert not [path for path in freezer.root.iterdir() if path.name.startswith("x")]


def command_lines() -> list[bytes]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes())
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
def test_an_exercise_has_no_network_but_loopback(freezer: Freezer) -> None:
    text = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection(server.getsockname()).close()
print("loopback works")
names = [name for _, name in socket.if_nameindex()]
print("alone" if names == ["lo"] else "not alone")
"""
    _, done = exercised(
        freezer,
        "network",
        MODES[1],
        PROGRAM,
        {"ex/net.py": text + "assert names == ['lo'], 'Network is unreachable'"},
    )
    if "ran with this machine's network" in done.stderr:
        pytest.skip("this kernel refuses network namespaces")
    assert done.returncode == 0, done.stderr
    _, done = exercised(
        freezer,
        "network",
        MODES[1],
        PROGRAM,
        {"ex/net.py": "import socket\nsocket.create_connection(('192.0.2.1', 80), 30)\n"},
    )
    assert done.returncode == 1
    assert "set exercise_network=True" in done.stderr
    _, done = exercised(
        freezer,
        "network",
        MODES[1],
        PROGRAM,
        {"ex/net.py": text + "assert len(names) >= len(open('/proc/net/dev').readlines()) - 2\n"},
        network=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("mode", MODES)
def test_test_functions_are_called_in_their_order(freezer: Freezer, mode: str) -> None:
    text = """
import needs_data

def test_one():
    assert needs_data.TEXT == "forty-two"

async def test_two():
    assert True

def helper(argument):
    raise AssertionError
"""
    _, done = exercised(freezer, f"tests_{mode}", mode, PROGRAM, {"ex/some_test.py": text})
    assert done.returncode == 0, done.stderr
    _, done = exercised(
        freezer,
        f"tests_{mode}",
        mode,
        PROGRAM,
        {"ex/some_test.py": text + "\ndef test_three():\n    assert 1 == 2, 'not equal'\n"},
    )
    assert done.returncode == 1
    assert "ex.some_test fails unfrozen" in done.stderr
    assert "test_two: passed" in done.stderr
    assert "not equal" in done.stderr


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def test_a(tmp_path): pass", "test_a: wants 1 argument"),
        ("def test_a(*, mode): pass", "test_a: wants 1 argument"),
        ("import pytest\ndef test_a(): pass", "imports pytest"),
        ("class TestA:\n    def test_a(self): pass", "class TestA"),
        ("def helper(): pass", "no function whose name begins with 'test'"),
    ],
)
def test_tests_that_only_pytest_can_run_are_refused(source: str, said: str) -> None:
    with pytest.raises(DriverError, match=said):
        exercise_sides.runner("some_test", source.encode())
    exercise_sides.runner("some_test", b"def test_a(mode='x', *rest, **more): pass")


def test_only_what_every_run_differs_in_is_made_equal() -> None:
    def said(text: str, **places: str) -> str:
        return exercise_compare.comparable(text, places, "turn", [])

    assert said("/s/pkg at 0x7f3a and 0x7F", **{"/s": "<bundle>"}) == "<bundle>/pkg at 0x… and 0x…"
    plain = '  File "/s/a.py", line 3, in f\n    call()\n    ~~~~^^\nValueError: 0\n'
    assert said(plain, **{"/s": "<bundle>"}) == said('  File "a.py", line 3, in f\nValueError: 0\n')
    assert said("usage: turn.py [-h]\n") == said("usage: turn [-h]\n")
    assert said("returns 1\n") == "returns 1\n"
    assert said("a.py:3: UserWarning: w\n  line\n  kept\n") == "a.py:3: UserWarning: w\n  kept\n"


def test_a_supervisor_ends_its_command_when_nobody_waits_for_it(tmp_path: Path) -> None:
    script = (
        "import sys\nsys.path.insert(0, sys.argv[1])\n"
        "from pants_pyinstaller.driver.proof import supervisor\n"
        "w = sys.argv[2]\n"
        "supervisor.supervise(['/bin/sh', '-c', 'sleep 86400.75 & touch started; wait'],\n"
        "                     {'PATH': '/usr/bin:/bin'}, w, w + '/out', w + '/err', 600, True, w)\n"
    )
    package = str(Path(supervisor.__file__).parents[3])
    process = subprocess.Popen(
        [sys.executable, "-c", script, package, str(tmp_path)], env=ENVIRONMENT
    )
    while not (tmp_path / "started").exists():
        assert process.poll() is None
    process.kill()
    process.wait()
    while any(b"86400.75" in line for line in command_lines()):
        pass
