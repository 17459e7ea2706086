"""Code and files by Zstandard, in a program that cannot see it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from PyInstaller.archive.readers import CArchiveReader

from pants_pyinstaller.driver import contract, index
from pants_pyinstaller.driver.bundle import zstandard
from pants_pyinstaller.testing.freezer import Freezer, tool_directory
from pants_pyinstaller.testing.wheels import install, make_wheel

PROGRAM = """
import importlib.util
import sys

import many

def main():
    print(sum(many.load(number).VALUE for number in range(1200)))
    for name in ("_zstd", "backports", "compression"):
        print(name, importlib.util.find_spec(name) is None or name in sys.stdlib_module_names)
"""


def _module(number: int) -> str:
    """Modules as alike as those of one package are."""
    methods = "".join(
        f"    def method_{item}(self, first, *, second=None):\n"
        f"        '''Return what {item} and {number} make of ``first``.'''\n"
        f"        if second is None:\n            raise ValueError(f'second of {{first!r}} is missing')\n"
        f"        return [first + {item}, second, {number * item}]\n"
        for item in range(20)
    )
    return f"VALUE = {number}\n\nclass Example{number}:\n{methods}"


@pytest.fixture(scope="module")
def freezer(tmp_path_factory: pytest.TempPathFactory) -> Freezer:
    root = tmp_path_factory.mktemp("zstandard")
    for name in ("site", "wheels"):
        (root / name).mkdir()
    files: dict[str, str | bytes] = {
        f"many/part{number}.py": _module(number) for number in range(1200)
    }
    files["many/__init__.py"] = (
        "import importlib\n\ndef load(number):\n"
        "    return importlib.import_module(f'many.part{number}')\n"
    )
    install(make_wheel(root / "wheels", "many", "1.0", files), root / "site")
    made = Freezer(root)
    made.prepare()
    return made


def _scripts(executable: Path) -> set[str]:
    return {name for name, row in CArchiveReader(str(executable)).toc.items() if row[4] == "b"}


def test_a_large_program_is_packed_by_zstd_and_does_not_know(freezer: Freezer) -> None:
    app = freezer.app("large", {"start.py": PROGRAM}, "start:main")
    executable = freezer.freeze(app, mode=contract.ONE_FILE)
    assert any(zstandard.FOLDER in name for name in _scripts(executable))
    done = subprocess.run([executable], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        str(sum(range(1200))),
        "_zstd True",
        "backports True",
        "compression True",
    ]


def test_a_small_program_takes_no_decompressor_with_it(freezer: Freezer) -> None:
    app = freezer.app("small", {"start.py": "def main():\n    print('small')\n"}, "start:main")
    executable = freezer.freeze(app, mode=contract.ONE_FILE)
    assert not any(zstandard.FOLDER in name for name in _scripts(executable))
    assert subprocess.run([executable], capture_output=True).stdout == b"small\n"


def test_frames_and_dictionary(tmp_path: Path) -> None:
    found = zstandard.install(str(tool_directory()), str(tmp_path), strip=False, cache=None)
    assert isinstance(found, index.Decompressor)
    module = zstandard.load(str(tmp_path), found)
    samples = [_module(number).encode() for number in range(200)]
    dictionary = zstandard.train(module, samples, 10_000)
    assert dictionary is not None
    content = _module(1000).encode()
    plain = zstandard.Compressor(module, 9)(content)
    known = zstandard.Compressor(module, 9, dictionary)
    assert known(content) == known(content)
    assert known(content)[:4] == zstandard.MAGIC
    assert len(known(content)) < len(plain)
    assert (
        module.ZstdDecompressor(module.ZstdDict(dictionary)).decompress(known(content)) == content
    )
    assert zstandard.train(module, [b"few"], 10_000) is None


def test_a_tool_without_zstd(tmp_path: Path) -> None:
    (tmp_path / "tool").mkdir()
    assert zstandard.install(str(tmp_path / "tool"), str(tmp_path), strip=False, cache=None) is None
