"""A proof's executable behaves as the shipped one, in both modes."""

from __future__ import annotations

import marshal
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.driver.bundle import archive, shape
from pants_pyinstaller.driver.bundle.contents import load_layers
from pants_pyinstaller.driver.outputs import Additions
from pants_pyinstaller.testing.freezer import Freezer, start

SOURCE = """
import os, sys, needs_data, needs_native
def main():
    print(needs_data.TEXT, needs_native.load() is not None, getattr(sys, "noted", "nothing"))
    print(os.path.basename(sys._MEIPASS)[:4])
"""


@pytest.mark.parametrize("mode", [contract.ONE_FILE, contract.ONE_DIR])
def test_a_proof_has_the_shape_that_ships(freezer: Freezer, tmp_path: Path, mode: str) -> None:
    request = freezer.app(f"shape_{mode}", {"shapeapp/cli.py": SOURCE}, "shapeapp.cli:main")
    shipped = start(freezer.freeze(request, mode=mode), TMPDIR=str(tmp_path))
    layers = load_layers(str(freezer.root / "layer"), str(freezer.root / request.output))
    note = marshal.dumps(compile("import sys\nsys.noted = 'first'\n", "note.py", "exec"))
    path = shape.for_proof(
        layers,
        str(tmp_path / "probe"),
        mode,
        str(freezer.root / "pack"),
        first=[archive.packed("note", "s", note)],
    )
    proved = start(Path(path), TMPDIR=str(tmp_path))
    assert (shipped.returncode, shipped.stderr) == (0, "")
    assert (proved.returncode, proved.stderr) == (0, "")
    assert shipped.stdout.startswith("forty-two True nothing\n")
    assert proved.stdout == shipped.stdout.replace("nothing", "first")
    assert shipped.stdout.endswith("_MEI\n" if mode == contract.ONE_FILE else "_int\n")


@pytest.mark.parametrize("mode", [contract.ONE_FILE, contract.ONE_DIR])
def test_a_selection_may_name_any_file_of_the_lock(
    freezer: Freezer, tmp_path: Path, mode: str
) -> None:
    """A header and a source, neither of which the layer keeps a copy of."""
    code = (
        "import os, sys\n"
        "def main():\n"
        "    for name in ('needs_header/api.h', 'plugin_one.py'):\n"
        "        print(open(os.path.join(sys._MEIPASS, name)).read())\n"
    )
    request = freezer.app(f"others_{mode}", {"otherapp/cli.py": code}, "otherapp.cli:main")
    freezer.must(contract.APP, request)
    layers = load_layers(
        str(freezer.root / "layer"),
        str(freezer.root / request.output),
        str(freezer.root / "site"),
    )
    layers.refine(Additions(files={"needs_header/api.h", "plugin_one.py"}), {})

    path = shape.for_proof(layers, str(tmp_path / "probe"), mode, str(freezer.root / "pack"))

    done = start(Path(path), TMPDIR=str(tmp_path))
    assert (done.stderr, done.stdout) == ("", "int answer(void);\nNAME = 'one'\n\n")
