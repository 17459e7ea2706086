"""A proof kit repeats the proof on whatever machine it is started, and says what differs there."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer

SOURCES = {
    "main.py": "import place, dynamic_host\n\n\ndef main():\n    print(place.HERE)\n",
    # What a machine may lack: the build's has it, and a user's does not.
    "place.py": "from pathlib import Path\n\nHERE = Path('MARKER').read_text()\n",
    "broken.py": "import absent_everywhere\n",
}


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("machine") / "marker"
    path.write_text("here")
    return path


@pytest.fixture(scope="module")
def kit(freezer: Freezer, marker: Path) -> Path:
    files = {**SOURCES, "place.py": SOURCES["place.py"].replace("MARKER", str(marker))}
    request = freezer.app("kit", files, "main:main", hidden_imports=("dynamic_backend",))
    freezer.freeze(request)
    made = contract.KitRequest(
        layer="layer",
        app=request.output,
        site="site",
        tool="tool",
        pack="pack",
        check="kit/check",
        output="kit/kit",
        name="program",
    )
    freezer.must(contract.KIT, made)
    return freezer.root / "kit/kit/program-proof"


def prove(kit: Path, report: Path) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    script = Path(contract.__file__).resolve().parents[3] / "build_support/prove.sh"
    command = (
        ["sh", str(script), str(kit), str(report)] if script.is_file() else [str(kit), str(report)]
    )
    done = subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(report.read_text())
    return done, found


def test_the_report_is_about_the_executable_and_passes_where_it_was_built(
    freezer: Freezer, kit: Path, tmp_path: Path
) -> None:
    done, report = prove(kit, tmp_path / "report.json")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((freezer.root / "kit/dist/manifest.json").read_text())
    assert manifest["proof"] == {"state": contract.PROOF_PASSED, "content": report["content"]}
    assert report["platform"] == manifest["platform"]
    assert report["passed"] is True
    assert report["failures"] == {}, "broken.py fails unfrozen too"


def test_a_fault_of_the_machine_is_found_and_named(kit: Path, marker: Path, tmp_path: Path) -> None:
    marker.rename(marker.with_name("gone"))
    try:
        done, report = prove(kit, tmp_path / "report.json")
    finally:
        marker.with_name("gone").rename(marker)
    assert done.returncode == 1
    assert "place: FileNotFoundError" in done.stderr
    assert report["passed"] is False
    assert sorted(report["failures"]) == ["main", "place"]  # main imports it


def test_another_change_is_another_content(freezer: Freezer, kit: Path, tmp_path: Path) -> None:
    first = json.loads((freezer.root / "kit/dist/manifest.json").read_text())["proof"]["content"]
    request = freezer.app("kit2", {"main.py": "def main():\n    print(1)\n"}, "main:main")
    freezer.freeze(request)
    second = json.loads((freezer.root / "kit2/dist/manifest.json").read_text())["proof"]["content"]
    assert first != second
