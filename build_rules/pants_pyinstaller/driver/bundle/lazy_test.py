"""Native files that stay packed cannot be told from unpacked ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer, start

PROGRAM = """
import os, sys

def place():
    import packed_module
    folder = os.path.dirname(packed_module.__file__)
    [name] = [name for name in os.listdir(folder) if name.startswith("unicodedata")]
    return folder, os.path.join(folder, name)

def is_empty(path):
    return os.stat(path).st_blocks == 0

def never():
    import packed_module.unicodedata

def main():
    what = sys.argv[1]
    folder, path = place()
    packed = is_empty(path)
    good = b"\\x7fELF"
    if what == "list":
        print(os.path.getsize(path) > 1 << 16, os.access(path, os.X_OK), sorted(map(type, sys.meta_path), key=str)[:1])
        packed = False
        print(is_empty(path) == ("_MEI" in path))
    elif what == "name":
        never()
        print(sys.modules["packed_module.unicodedata"].name("x"))
    elif what == "path":
        import importlib.util
        spec = importlib.util.spec_from_file_location("packed_module.unicodedata", path)
        print(importlib.util.module_from_spec(spec).name("x"))
    elif what == "folder":
        sys.modules.pop("unicodedata", None)
        sys.path.insert(0, folder)
        import unicodedata
        print(os.path.samefile(unicodedata.__file__, path), unicodedata.name("x"))
    elif what == "ctypes":
        import ctypes
        print(ctypes.CDLL(path).PyInit_unicodedata is not None)
    elif what == "read":
        print(open(path, "rb").read(4) == good, os.read(os.open(os.fsencode(path), os.O_RDONLY), 4) == good)
    elif what == "relative":
        os.chdir(folder)
        print(open(os.path.basename(path), "rb").read(4) == good)
    elif what == "copy":
        import pathlib, shutil
        print(pathlib.Path(shutil.copy(path, sys.argv[2])).read_bytes()[:4] == good)
    elif what == "link":
        os.symlink(path, sys.argv[2])
        print(open(sys.argv[2], "rb").read(4) == good)
    elif what == "child":
        import subprocess
        print(subprocess.run(["/usr/bin/head", "-c", "4", path], capture_output=True).stdout == good)
    elif what == "system":
        print(os.system(f"cp '{path}' '{sys.argv[2]}'"), open(sys.argv[2], "rb").read(4) == good)
    elif what == "folder of a child":
        import subprocess
        command = "head -c 4 unicodedata*"
        print(subprocess.run(["/bin/sh", "-c", command], cwd=folder, capture_output=True).stdout == good)
    elif what == "own child":
        import subprocess
        print(subprocess.run([sys.executable, "read"], capture_output=True).stdout)
    elif what == "fork":
        if not os.fork():
            never()
            os._exit(0)
        print(os.wait()[1], open(path, "rb").read(4) == good)
    elif what == "threads":
        import threading
        found = []
        def read():
            with open(path, "rb") as file:
                found.append(len(file.read().lstrip(b"\\0")))
        threads = [threading.Thread(target=read) for _ in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        print(set(found) == {os.path.getsize(path)})
    elif what == "removed":
        os.remove(path)
        never()
        print("imported")
    if what not in ("list", "removed"):
        print("was packed", packed, is_empty(path))
"""
EXPECTED = {
    "list": "True True",
    "name": "LATIN SMALL LETTER X",
    "path": "LATIN SMALL LETTER X",
    "folder": "True LATIN SMALL LETTER X",
    "ctypes": "True",
    "read": "True True",
    "relative": "True",
    "copy": "True",
    "link": "True",
    "child": "True",
    "system": "0 True",
    "folder of a child": "True",
    "fork": "0 True",
    "threads": "True",
}


@pytest.fixture(scope="module")
def programs(freezer: Freezer) -> dict[str, Path]:
    return {
        mode: freezer.freeze(
            freezer.app(f"lazy_{mode}", {"lazyapp.py": PROGRAM}, "lazyapp:main"), mode=mode
        )
        for mode in (contract.ONE_FILE, contract.ONE_DIR)
    }


@pytest.mark.parametrize("what", EXPECTED)
def test_packed_file_is_whole(programs: dict[str, Path], tmp_path: Path, what: str) -> None:
    for mode, program in programs.items():
        done = start(program, what, str(tmp_path / mode), TMPDIR=str(tmp_path))
        assert done.stderr == ""
        first, *rest = done.stdout.splitlines()
        assert first.startswith(EXPECTED[what])
        if what != "list":
            assert rest == [f"was packed {mode == contract.ONE_FILE} False"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("_MEI")]


def test_child_of_the_program_unpacks_itself(programs: dict[str, Path]) -> None:
    for program in programs.values():
        assert start(program, "own child").stdout.startswith("b'True True\\n")


def test_removed_file_is_imported_from_the_archive(programs: dict[str, Path]) -> None:
    """The bootloader may remove the bundle of a program that has gone into the background at any moment."""
    done = start(programs[contract.ONE_FILE], "removed")
    assert done.stdout == "imported\n", done.stderr
