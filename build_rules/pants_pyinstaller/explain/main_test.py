"""``pyinstaller-explain`` on finished executables, as a process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.explain import document, inventory
from pants_pyinstaller.explain.conftest import Frozen, freeze
from pants_pyinstaller.testing.freezer import Freezer


def ask(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pants_pyinstaller.explain", *map(str, arguments)],
        env={"PYTHONPATH": str(Path(contract.__file__).parents[2])},
        capture_output=True,
        text=True,
    )


def answer(*arguments: object) -> dict[str, object]:
    done = ask(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def shipped(frozen: Frozen, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The executable as it is downloaded: beside it its manifest."""
    folder = tmp_path_factory.mktemp("shipped")
    shutil.copy(frozen.executable, folder / "program")
    shutil.copy(frozen.manifest, folder / "program.manifest.json")
    return folder / "program"


@pytest.fixture(scope="module")
def explanation(explained: document.Document, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("explanation") / "program.explanation.json"
    path.write_text(document.dump(explained))
    return path


@pytest.fixture(scope="module")
def smaller(lock: Freezer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build without ``heavy``, under the name of the whole one."""
    made = freeze(lock, "smaller", excludes=("heavy",))
    folder = tmp_path_factory.mktemp("smaller")
    shutil.copy(made.executable, folder / "program")
    shutil.copy(made.manifest, folder / "program.manifest.json")
    return folder / "program"


def test_an_executable_tells_its_summary_alone(shipped: Path) -> None:
    found = answer(shipped)
    assert found["shipped"] == shipped.stat().st_size
    assert "heavy" in {row["name"] for row in found["distributions"]}  # type: ignore[attr-defined]
    assert "heavy 1.0" in ask(shipped).stdout


def test_the_largest_things_of_an_executable(shipped: Path) -> None:
    found = answer(shipped, "--largest", 5)
    assert len(found["things"]) == 5  # type: ignore[arg-type]
    assert "libpython" in ask(shipped, "--largest", 5).stdout


def test_files_that_stay_packed_are_listed(shipped: Path, explained: document.Document) -> None:
    found = inventory.read(str(shipped))
    known = inventory.of_document(explained, "program")
    assert found.files is not None
    assert known.files is not None
    assert {name for name in found.files if name.endswith(".so")} == {
        name for name in known.files if name.endswith(".so")
    }
    native = next(name for name in found.files if "unicodedata" in name)
    assert native in json.loads(Path(f"{shipped}.manifest.json").read_text())["lazy_files"]


def test_an_executable_without_its_manifest(shipped: Path, tmp_path: Path) -> None:
    shutil.copy(shipped, tmp_path / "alone")
    found = answer(tmp_path / "alone", "--largest", 3)
    assert any(row["name"] == inventory.LAZY for row in found["things"])  # type: ignore[attr-defined]
    assert "not recorded" in ask(tmp_path / "alone").stdout


def test_two_executables_are_compared(shipped: Path, smaller: Path) -> None:
    found = answer(shipped, "--diff", smaller)
    assert [row["name"] for row in found["added"]] == ["heavy", "private-helper"]  # type: ignore[attr-defined]
    added = {row["name"] for row in found["modules"]["added"]}  # type: ignore[index]
    assert {"heavy", "heavy.engine", "private_helper"} <= added
    change = found["bytes"]["shipped"]["change"]  # type: ignore[index]
    assert change == shipped.stat().st_size - smaller.stat().st_size
    text = ask(shipped, "--diff", smaller).stdout
    assert "Distributions added:" in text
    assert "heavy 1.0" in text
    assert "No difference" in ask(shipped, "--diff", shipped).stdout


def test_a_diff_names_who_brought_the_bytes(
    shipped: Path, smaller: Path, explanation: Path
) -> None:
    arguments = (shipped, "--document", explanation, "--diff", smaller)
    found = answer(*arguments)
    assert found["largest"][0]["name"] == "heavy"  # type: ignore[index]
    text = ask(*arguments, "--markdown").stdout
    assert "| `heavy` | new, 1.0 | +" in text
    assert "- imports `heavy.engine` (front/core.py:1)" in text
    assert "front/core.py:1" in ask(*arguments).stdout
    assert "Nothing." in ask(explanation, "--diff", explanation, "--markdown").stdout
    assert "--markdown goes with --diff" in ask(explanation, "--markdown").stderr


def test_manifests_alone_are_compared(shipped: Path, smaller: Path) -> None:
    found = answer(f"{smaller}.manifest.json", "--diff", f"{shipped}.manifest.json")
    assert [row["name"] for row in found["removed"]] == ["heavy", "private-helper"]  # type: ignore[attr-defined]
    assert found["modules"] is None


def test_a_directory_is_a_bundle(lock: Freezer, tmp_path: Path) -> None:
    made = freeze(lock, "directory", contract.ONE_DIR)
    shutil.copytree(made.executable.parent, tmp_path / "program")
    shutil.copy(made.manifest, tmp_path / "program.manifest.json")
    found = answer(tmp_path / "program", "--largest", 3)
    assert any("libpython" in row["name"] for row in found["things"])  # type: ignore[attr-defined]


def test_chains_come_from_the_explanation(shipped: Path, explanation: Path) -> None:
    refused = ask(shipped, "--why", "heavy.engine")
    assert refused.returncode == 1
    assert "--document" in refused.stderr
    assert "Traceback" not in refused.stderr
    done = ask(shipped, "--document", explanation, "--why", "heavy.engine")
    assert "app/work.py:7" in done.stdout
    assert ask(explanation, "--why", "heavy.engine").stdout == done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("missing.json",), "no such file"),
        (("--why", "a", "--without", "b"), "one at a time"),
        (("--all",), "--all goes with --why"),
        (("--why", "nothing_of_that_name"), "nothing_of_that_name"),
        (("--largest", "0"), "at least 1"),
    ],
)
def test_mistakes(explanation: Path, arguments: tuple[str, ...], message: str) -> None:
    file = () if arguments[0] == "missing.json" else (explanation,)
    done = ask(*file, *arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(b"x" * 200000)
    assert "neither a JSON file nor an executable" in ask(path).stderr
