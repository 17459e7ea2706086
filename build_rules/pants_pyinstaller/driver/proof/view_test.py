"""A check of what imports execute: its inputs change only with that, and its outcome is that of the whole."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer

MODES = [contract.ONE_FILE, contract.ONE_DIR]
PROGRAM = {
    "cli.py": (
        "from helper import later, now, register\n\nVALUE = now()\n\n"
        "def main():\n    import plugin_one\n    later(plugin_one.NAME)\n"
    ),
    "helper.py": (
        "import needs_data\n\n"
        "def now():\n    return len(needs_data.TEXT)\n\n"
        "def later(name):\n    print('before', name)\n\n"
        "def register(function):\n    return function()\n"
    ),
}


def view(freezer: Freezer, request: contract.AppRequest) -> contract.CheckRequest:
    """The check of the application's view."""
    place = f"{request.output}/{contract.APP_VIEW}"
    return dataclasses.replace(
        freezer.check(request),
        app=f"{place}/{contract.VIEW_APP}",
        source_roots=(f"{place}/{contract.VIEW_SOURCES}",),
        reduced=True,
    )


def contents(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def void(freezer: Freezer, check: contract.CheckRequest) -> list[str] | None:
    """The functions that a check of a view lacks; None where it has an outcome."""
    path = freezer.root / check.output / contract.CHECK_VOID
    path.unlink(missing_ok=True)
    freezer.must(contract.CHECK, check)
    found: list[str] | None = json.loads(path.read_text())["executed"] if path.exists() else None
    return found


@pytest.mark.parametrize(
    ("file", "changed", "by", "same"),
    [
        ("helper.py", "'before'", "'after'", True),
        ("helper.py", "def later", "# later\n\n\ndef  later", True),
        ("helper.py", "def later(name)", "def later(name, more=None)", False),
        ("helper.py", "len(", "1 + len(", False),
        ("cli.py", "import plugin_one", "import plugin_one, json.tool", False),
        ("cli.py", "    later", "    if True: later", True),
    ],
)
def test_inputs_of_a_check_follow_what_imports_execute(
    freezer: Freezer, file: str, changed: str, by: str, same: bool
) -> None:
    number = abs(hash((file, changed)))
    made = []
    for name, text in (("before", PROGRAM[file]), ("after", PROGRAM[file].replace(changed, by))):
        request = freezer.app(f"view-{number}-{name}", {**PROGRAM, file: text}, "cli:main")
        freezer.must(contract.APP, request)
        made.append(contents(freezer.root / request.output / contract.APP_VIEW))
    assert (made[0] == made[1]) is same
    assert f"{contract.VIEW_SOURCES}/helper.py" in made[0]


@pytest.mark.parametrize("mode", MODES)
def test_outcome_is_that_of_the_whole(freezer: Freezer, mode: str) -> None:
    files = {**PROGRAM, "fails.py": "import needs_data, nowhere_at_all\n"}
    request = freezer.app(f"view-alike-{mode}", files, "cli:main")
    freezer.must(contract.APP, request)
    whole = freezer.check(request, mode=mode)
    reduced = dataclasses.replace(view(freezer, request), mode=mode, output=whole.output + "-view")
    freezer.must(contract.CHECK, whole)
    assert void(freezer, reduced) is None
    assert contents(freezer.root / whole.output) == contents(freezer.root / reduced.output)


@pytest.mark.parametrize(
    ("line", "executed"),
    [
        ("register(later)", ["helper.py:later"]),
        (
            "try:\n    getattr(helper, 'la' + 'ter')(1)\nexcept BaseException:\n    pass",
            ["helper.py:later"],
        ),
        ("helper.later.__code__.co_consts", ["helper.py:later"]),
        (
            "import os\npid = os.fork()\nos.waitpid(pid, 0) if pid else register(later)",
            ["helper.py:later"],
        ),
        ("import inspect\ninspect.signature(helper.later)", None),
        ("import inspect\ninspect.getsource(helper.later)", []),
        ("import subprocess, sys\nsubprocess.call([sys.executable, '-c', '1'])", []),
    ],
)
def test_what_is_executed_after_all_is_found(
    freezer: Freezer, line: str, executed: list[str] | None
) -> None:
    name = f"view-executed-{abs(hash(line))}"
    files = {
        "cli.py": "import helper\nfrom helper import *\n" + line + "\n\ndef main():\n    pass\n",
        "helper.py": "def later(name=1):\n    return 1\n\ndef register(function):\n    return function()\n",
    }
    request = freezer.app(name, files, "cli:main")
    freezer.must(contract.APP, request)
    check = view(freezer, request)
    assert void(freezer, check) == executed
    if executed:
        again = contract.ReduceRequest(
            app=request.output,
            output=f"{name}/again",
            source_roots=request.source_roots,
            executed=tuple(executed),
        )
        freezer.must(contract.REDUCE, again)
        check = dataclasses.replace(
            check,
            app=f"{name}/again/{contract.VIEW_APP}",
            source_roots=(f"{name}/again/{contract.VIEW_SOURCES}",),
        )
        assert void(freezer, check) is None


def test_a_program_that_is_refused_is_checked_whole(freezer: Freezer) -> None:
    # The message shows lines of the sources.
    request = freezer.app(
        "view-refused", {"cli.py": "import nowhere_at_all\n\ndef main(): pass\n"}, "cli:main"
    )
    freezer.must(contract.APP, request)
    assert void(freezer, view(freezer, request)) == []
