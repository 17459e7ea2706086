"""Floors are read from files, and a bundle above its floor is refused with all that it takes to mend it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from pants_pyinstaller.driver import contract
from pants_pyinstaller.driver.analysis import floors
from pants_pyinstaller.driver.errors import DriverError
from pants_pyinstaller.testing.freezer import Freezer


def _macho(path: Path, *commands: bytes, magic: int = 0xFEEDFACF) -> str:
    """An arm64 library with load commands and nothing else; see mach-o/loader.h."""
    head = struct.pack(
        "<IIIIIIII", magic, 0x0100000C, 0, 6, len(commands), sum(map(len, commands)), 0, 0
    )
    path.write_bytes(head + b"".join(commands))
    return str(path)


def _packed(version: str) -> int:
    major, minor = map(int, version.split("."))
    return major << 16 | minor << 8


def test_macos_versions_in_both_forms(tmp_path: Path) -> None:
    build = struct.pack("<IIIIII", 0x32, 24, 1, _packed("11.0"), _packed("15.2"), 0)
    old = struct.pack("<IIII", 0x24, 16, _packed("10.13"), _packed("14.0"))
    assert floors.read(_macho(tmp_path / "new", build)) == floors.Floor("macOS", "11.0")
    assert floors.read(_macho(tmp_path / "old", old)) == floors.Floor("macOS", "10.13")
    assert floors.read(_macho(tmp_path / "none")) is None


@pytest.mark.skipif(sys.platform != "linux", reason="reads this system's own ELF files")
def test_glibc_versions_are_those_that_objdump_sees() -> None:
    program = os.path.realpath(sys.executable)
    seen = subprocess.run(["objdump", "-p", program], capture_output=True, text=True, check=True)
    needed = re.findall(r"0x\w+ 0x00 \d+ GLIBC_([\d.]+)$", seen.stdout, re.M)
    assert floors.elf_versions(program) == set(needed) != set()
    floor = floors.read(program)
    assert floor is not None
    symbol, _, version = floors.elf_symbol(program, floor).partition("@")
    assert version == f"GLIBC_{floor.version}"
    table = subprocess.run(["objdump", "-T", program], capture_output=True, text=True, check=True)
    assert re.search(rf"\(GLIBC_{floor.version}\) +{re.escape(symbol)}$", table.stdout, re.M)


def test_relr_counts_as_the_first_glibc_that_reads_it(tmp_path: Path) -> None:
    assert floors._glibc_version("GLIBC_ABI_DT_RELR") == "2.36"
    assert floors._glibc_version("GLIBC_2.2.5") == "2.2.5"
    assert floors._glibc_version("GLIBC_PRIVATE") is None
    (tmp_path / "text").write_text("#!/bin/sh\n")
    assert floors.read(str(tmp_path / "text")) is None


def test_versions_are_compared_as_numbers() -> None:
    natives = [
        floors.Native(name, "", "it", floors.Floor("macOS", version))
        for name, version in (("a", "10.9"), ("b", "10.13"), ("c", "9.0"))
    ]
    assert floors.enforce(natives, None) == floors.Floor("macOS", "10.13")
    with pytest.raises(
        DriverError, match=r"macos_floor is 10\.9, but 1 files.*\n  b: macOS 10\.13"
    ):
        floors.enforce(natives, ("macos_floor", floors.Floor("macOS", "10.9")))


@pytest.mark.skipif(sys.platform != "linux", reason="glibc")
def test_a_bundle_states_its_floor_and_keeps_to_it(freezer: Freezer) -> None:
    app = freezer.app("low", {"low/cli.py": "def main(): pass\n"}, "low.cli:main")
    executable = freezer.freeze(app)
    manifest = json.loads((executable.parent / contract.MANIFEST).read_text())
    assert manifest["floor"]["system"] == "glibc"
    version = manifest["floor"]["version"]
    library = executable.parent.parent.parent / "layer" / contract.LAYER_FILES
    highest = max(
        (floors.read(str(path)) for path in library.rglob("libpython*.so*")),
        key=lambda floor: floor.order if floor else (),
    )
    assert highest is not None
    assert highest.order <= tuple(map(int, version.split(".")))
    request = dataclasses.replace(freezer.assembly(app), glibc_floor="2.9")
    done = freezer.run(contract.ASSEMBLE, request)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    said = re.search(
        r"libpython\S+: glibc [\d.]+ \(\w+@GLIBC_[\d.]+\), from the inter", done.stderr
    )
    assert said, done.stderr
    assert f"set [pyinstaller].glibc_floor to {version}" in done.stderr
    wrong = freezer.run(contract.ASSEMBLE, dataclasses.replace(request, glibc_floor="manylinux"))
    assert "glibc_floor: 'manylinux' is not a version" in wrong.stderr
