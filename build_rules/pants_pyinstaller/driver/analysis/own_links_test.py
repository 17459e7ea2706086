"""Symbolic links among data files are in the bundle what they are in the sandbox, where that has a meaning."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.driver.analysis import own_links
from pants_pyinstaller.testing.freezer import Freezer, start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links are copies on Windows")

LINKS = {
    "model/v2/weights": None,
    "model/v2/twin": "weights",
    "model/current": "v2/weights",
    "model/latest": "current",
    "model/v2/up": "../current",
    "elsewhere/weights": "../model/v2/weights",
    "model/outside": "../../outside",
    "model/round": "round",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "outside").write_text("of the machine")
    root = tmp_path / "root"
    for name, target in LINKS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if target is None:
            path.write_text("numbers")
        else:
            path.symlink_to(target)
    (root / "model/absolute").symlink_to(root / "model/v2/weights")
    return root


def found(root: Path, *names: str, **renamed: str) -> dict[str, str]:
    files = {name: str(root / name) for name in names}
    return own_links.find({**files, **{new: str(root / old) for new, old in renamed.items()}})


def test_a_link_leads_to_the_next_file_of_the_bundle(tree: Path) -> None:
    assert found(tree, "model/v2/weights", "model/v2/twin") == {"model/v2/twin": "weights"}
    assert found(tree, "model/v2/weights", "model/current", "model/latest", "model/v2/up") == {
        "model/current": "v2/weights",
        "model/latest": "current",
        "model/v2/up": "../current",
    }


def test_links_that_are_not_in_the_bundle_are_passed_over(tree: Path) -> None:
    assert found(tree, "model/v2/weights", "model/latest", "model/v2/up") == {
        "model/latest": "v2/weights",
        "model/v2/up": "weights",
    }


def test_a_link_without_its_file_becomes_a_copy(tree: Path) -> None:
    assert found(tree, "model/v2/twin", "model/current", "elsewhere/weights") == {}
    assert found(tree, "model/v2/weights", "model/outside", "model/absolute", "model/round") == {}
    assert found(tree, "model/v2/weights", twin="model/v2/twin") == {}


def test_another_file_in_the_place_of_the_target_is_not_taken_for_it(tree: Path) -> None:
    other = {"v2/weights": str(tree.parent / "outside"), "current": str(tree / "model/current")}
    assert own_links.find(other) == {}


@pytest.mark.parametrize("mode", [contract.ONE_FILE, contract.ONE_DIR])
def test_the_program_sees_links(freezer: Freezer, mode: str) -> None:
    name = f"linked-{mode}"
    source = (
        "import json, os, pathlib\n\nroot = pathlib.Path(__file__).parent / 'store'\n"
        "print(json.dumps({\n"
        "    path.relative_to(root).as_posix(): [os.readlink(path) if path.is_symlink() else None, path.read_text()]\n"
        "    for path in sorted(root.rglob('*')) if path.is_file()\n"
        "}))\n"
    )
    app = freezer.app(name, {"linked.py": source}, "linked.py")
    root = freezer.root / name / "src" / "store"
    (root / "v1").mkdir(parents=True)
    (root / "v1/table").write_text("one")
    (root / "now").symlink_to("v1/table")
    (root / "v1/older").symlink_to("../now")
    (freezer.root / name / "apart").write_text("apart")
    (root / "apart").symlink_to("../../apart")
    (root / "nowhere").symlink_to("gone")
    done = start(freezer.freeze(app, mode=mode))
    assert json.loads(done.stdout) == {
        "apart": [None, "apart"],
        "now": ["v1/table", "one"],
        "v1/older": ["../now", "one"],
        "v1/table": [None, "one"],
    }
