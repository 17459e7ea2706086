"""Libraries of the building machine that first-party code loads by name go into the bundle."""

from __future__ import annotations

import ctypes.util
import sys

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer, start

SOURCE = """
import ctypes
import os
import sys


def main():
    library = ctypes.CDLL({name!r})
    print(os.path.isfile(os.path.join(sys._MEIPASS, {name!r})), library is not None)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="names a library as Linux spells it")
@pytest.mark.parametrize("mode", [contract.ONE_FILE, contract.ONE_DIR])
def test_a_library_loaded_by_its_name_is_bundled(freezer: Freezer, mode: str) -> None:
    name = next(filter(None, map(ctypes.util.find_library, ("zstd", "lzma", "bz2"))))
    files = {"loads/__init__.py": "", "loads/cli.py": SOURCE.format(name=name)}
    request = freezer.app(f"ctypes_{mode}", files, "loads.cli:main")

    done = start(freezer.freeze(request, mode=mode))

    assert done.stdout == "True True\n", done.stderr
