"""The number of processors decides how long a program takes, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pants_pyinstaller.driver import contract, cores
from pants_pyinstaller.testing.freezer import DRIVER, ENVIRONMENT, Freezer


def run(root: Path, program: str, request: contract.Request, number: str) -> None:
    path = root / f"{program}-cores.json"
    path.write_text(request.to_json())
    command = [sys.executable, *contract.INTERPRETER_FLAGS, str(DRIVER / "__main__.py")]
    done = subprocess.run(
        [*command, program, path.name, number],
        cwd=root,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def contents(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_results_are_the_same_bytes(freezer: Freezer) -> None:
    made = []
    for number in ("1", "3"):
        layer, pack = f"layer-{number}", f"pack-{number}"
        run(freezer.root, contract.LAYER, contract.LayerRequest("site", "tool", layer), number)
        run(freezer.root, contract.PACK, contract.PackRequest(layer, pack), number)
        made.append((contents(freezer.root / layer), contents(freezer.root / pack)))
    assert made[0][0].keys() == made[1][0].keys()
    assert made[0] == made[1]
    assert contract.LAYER_MODULES in made[0][0]


def test_a_template_that_nobody_filled_in_is_no_number() -> None:
    try:
        cores.grant("7")
        assert cores.count() == 7
        cores.grant("{pants_concurrency}")
        assert 1 <= cores.count() <= 2
    finally:
        cores.grant("")
