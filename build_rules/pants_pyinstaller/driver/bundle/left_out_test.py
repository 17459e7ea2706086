"""A frozen program whose import fails because the build left the module out, and the same import unfrozen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import ENVIRONMENT, Freezer, start

PROGRAM = """
import importlib
import importlib.util
import json
import sys
import traceback

import packed_module

def attempt(name):
    try:
        __import__(name)
    except ImportError as error:
        frames = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        return {
            "type": type(error).__name__,
            "args": error.args,
            "text": str(error),
            "name": error.name,
            "notes": getattr(error, "__notes__", []),
            "frames": frames,
            "context": repr(error.__context__),
        }
    return "imported"

def main():
    if len(sys.argv) > 1:
        __import__(sys.argv[1])
    back = lambda text: text[::-1]  # no constant of this program is the name of what it lacks
    unused = back("desunu")
    names = (unused, unused + ".part", "no_such_module", back("tsoh_nigulp"), back("eltrut"))
    answers = {name: attempt(name) for name in names}
    answers["spec"] = importlib.util.find_spec(unused)
    try:
        importlib.import_module("." + "gone", "packed_module")
    except ModuleNotFoundError as error:
        answers["relative"] = getattr(error, "__notes__", [])
    print(json.dumps(answers))
"""


@pytest.fixture(scope="module", params=[contract.ONE_FILE, contract.ONE_DIR])
def program(freezer: Freezer, request: pytest.FixtureRequest) -> Path:
    app = freezer.app(
        f"left-out-{request.param}",
        {"program.py": PROGRAM},
        "program:main",
        excludes=("plugin_host",),
        address="path/to:app",
    )
    return freezer.freeze(app, mode=request.param)


def test_the_error_is_the_same_but_for_a_note(program: Path) -> None:
    done = start(program)
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    for name in ("unused", "unused.part"):
        error = answers[name]
        assert error["notes"] == [
            "unused is in the lock (unused 1.0), but not in this program: nothing that the build saw imports it. "
            'Add hidden_imports=["unused"] to the target path/to:app.'
        ]
        error["notes"] = []
        assert error == {**answers["no_such_module"], **_text("unused")}
    assert answers["no_such_module"]["notes"] == []
    assert answers["spec"] is None
    assert answers["relative"] == []


def _text(name: str) -> dict[str, object]:
    text = f"No module named {name!r}"
    return {"args": [text], "text": text, "name": name}


def test_what_the_target_excludes_and_what_the_library_has(program: Path) -> None:
    answers = json.loads(start(program).stdout)
    assert answers["plugin_host"]["notes"] == [
        "The field excludes of the target path/to:app leaves plugin_host out of this program: take it out of excludes."
    ]
    assert "turtle is in the standard library" in answers["turtle"]["notes"][0]


def test_an_unhandled_error_shows_the_note_and_no_frame_of_ours(program: Path) -> None:
    done = start(program, "unused")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert "ModuleNotFoundError: No module named 'unused'" in lines
    assert 'hidden_imports=["unused"]' in done.stderr
    assert "importlib" not in done.stderr
    assert "_find_spec" not in done.stderr


def test_unfrozen_the_module_imports(freezer: Freezer) -> None:
    """So the note only ever stands where frozen and unfrozen differ already."""
    done = subprocess.run(
        [sys.executable, "-c", "import unused"],
        env={**ENVIRONMENT, "PYTHONPATH": str(freezer.root / "site")},
        cwd=os.sep,
    )
    assert done.returncode == 0
