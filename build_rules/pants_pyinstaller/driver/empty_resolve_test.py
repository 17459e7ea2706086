"""A program that uses the standard library alone, over a resolve without a distribution."""

from __future__ import annotations

import os
import sys

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer, start


def test_a_program_without_requirements(tmp_path_factory: pytest.TempPathFactory) -> None:
    freezer = Freezer(tmp_path_factory.mktemp("empty"))
    os.mkdir(freezer.root / "site")
    freezer.prepare()
    files = {"alone.py": "import json\n\ndef main():\n    print(json.dumps([1]))\n"}
    for mode in (contract.ONE_FILE, contract.ONE_DIR):
        app = freezer.app(mode, files, "alone:main")
        name = f"alone@mode={mode}"  # what Pants makes of a target that is parametrized by its mode
        freezer.freeze(app, mode=mode, name=name)
        executable = contract.executable_path(name, mode, sys.platform == "win32")
        done = start(freezer.root / mode / "dist" / executable)
        assert (done.stdout, done.stderr, done.returncode) == ("[1]\n", "", 0)
