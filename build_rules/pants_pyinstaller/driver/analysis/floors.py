"""The oldest system that a bundle runs on: read from every native file, never assumed.

A floor is the newest version that any file asks for: of glibc by the versions of the symbols that an ELF file needs,
of macOS by the minimum that a Mach-O file's load commands state.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import contract, outputs
from ..errors import DriverError
from ..macho.image import CPU

GLIBC = "glibc"
MACOS = "macOS"

_RELR = "GLIBC_ABI_DT_RELR"
_RELR_VERSION = "2.36"
"""The first glibc that understands DT_RELR relocations; files that have them need this version without a symbol."""
_LC_VERSION_MIN_MACOSX, _LC_BUILD_VERSION = 0x24, 0x32  # mach-o/loader.h
_NATIVE = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")


@dataclass(frozen=True)
class Floor:
    """A system and a version of it, such as glibc 2.36."""

    system: str
    version: str

    @property
    def order(self) -> tuple[int, ...]:
        """For comparison: 2.9 comes before 2.28."""
        return tuple(map(int, self.version.split(".")))

    def __str__(self) -> str:
        return f"{self.system} {self.version}"


def highest(floors: list[Floor]) -> Floor | None:
    """The floor of several files together."""
    return max(floors, key=lambda floor: floor.order, default=None)


def read(path: str) -> Floor | None:
    """What a file needs; None when it is not a native file, or needs nothing in particular.

    The readers must be importable (``pyinstaller.load``).
    """
    with open(path, "rb") as file:
        magic = file.read(4)
    if magic == b"\x7fELF":
        return highest([Floor(GLIBC, version) for version in elf_versions(path)])
    if magic in _NATIVE:
        return highest([Floor(MACOS, version) for version in macho_versions(path)])
    return None


def _reader(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise DriverError(
            "the resolve that holds PyInstaller lacks what reads the floors of native files. Add\n"
            "  macholib>=1.16\n  pyelftools>=0.32\nto its input and make its lock again."
        ) from None


def _glibc_version(name: str) -> str | None:
    if name == _RELR:
        return _RELR_VERSION
    match = re.fullmatch(r"GLIBC_(\d+(?:\.\d+)+)", name)
    return match[1] if match else None


def elf_versions(path: str) -> set[str]:
    """Versions of glibc's symbols that an ELF file needs."""
    ELFFile = _reader("elftools.elf.elffile").ELFFile
    with open(path, "rb") as file:
        found = {_glibc_version(name) for name in _needed(ELFFile(file)).values()}
    return {version for version in found if version}


def _needed(elf: Any) -> dict[int, str]:
    """Versions of symbols that a file needs, by their number in it."""
    section: Any = elf.get_section_by_name(".gnu.version_r")
    if section is None:
        return {}
    return {
        int(entry["vna_other"]): str(entry.name)
        for _, entries in section.iter_versions()
        for entry in entries
    }


def elf_symbol(path: str, floor: Floor) -> str:
    """A symbol of the version ``floor`` that the file needs, such as ``pow@GLIBC_2.29``."""
    ELFFile = _reader("elftools.elf.elffile").ELFFile
    with open(path, "rb") as file:
        elf: Any = ELFFile(file)
        wanted = {n: v for n, v in _needed(elf).items() if _glibc_version(v) == floor.version}
        versions = elf.get_section_by_name(".gnu.version")
        for number, symbol in enumerate(elf.get_section_by_name(".dynsym").iter_symbols()):
            version = wanted.get(versions.get_symbol(number)["ndx"])
            if version:
                return f"{symbol.name}@{version}"
    return next(iter(wanted.values()))


def macho_versions(path: str) -> set[str]:
    """Minimum versions of macOS that a Mach-O file states for this architecture, if it has it, else for all."""
    MachO = _reader("macholib.MachO").MachO
    found = set()
    headers = MachO(path).headers
    own = [item for item in headers if item.header.cputype == CPU.get(platform.machine())]
    for header in own or headers:
        for command, content, _ in header.commands:
            if command.cmd == _LC_BUILD_VERSION:
                packed = int(content.minos)
            elif command.cmd == _LC_VERSION_MIN_MACOSX:
                packed = int(content.version)
            else:
                continue
            found.add(f"{packed >> 16}.{packed >> 8 & 0xFF}")
    return found


# --- A layer's and a bundle's ---------------------------------------------------------------------------------------


def write(output: str, files: Mapping[str, str], bootloader: str) -> None:
    """Write LAYER_FLOORS: what each native file needs, by destination; the bootloader's under the empty name."""
    found = {}
    for dest, path in {**files, "": bootloader}.items():
        floor = read(path)
        if floor is not None:
            found[dest] = [floor.system, floor.version]
    outputs.write_json(output, contract.LAYER_FLOORS, found)


def of_layer(layer: str) -> dict[str, Floor]:
    """What ``write`` wrote."""
    with open(os.path.join(layer, contract.LAYER_FLOORS), encoding="utf-8") as file:
        return {dest: Floor(*floor) for dest, floor in json.load(file).items()}


@dataclass(frozen=True)
class Native:
    """A native file of a bundle.

    :param dest: its place in the bundle, "" for the bootloader.
    :param path: where it lies now.
    :param origin: what brought it, in words: a distribution, the interpreter, a package of the host.
    """

    dest: str
    path: str
    origin: str
    floor: Floor


def limit(request: contract.AssembleRequest) -> tuple[str, Floor] | None:
    """The option's name and the floor that the request sets on this platform.

    :raises DriverError: no version.
    """
    system, option, value = (
        (MACOS, "macos_floor", request.macos_floor)
        if sys.platform == "darwin"
        else (GLIBC, "glibc_floor", request.glibc_floor)
    )
    if not value or sys.platform == "win32":
        return None
    if not re.fullmatch(r"\d+\.\d+", value):
        raise DriverError(f"{option}: {value!r} is not a version; write it as in 2.28")
    return option, Floor(system, value)


def enforce(natives: list[Native], limited: tuple[str, Floor] | None) -> Floor | None:
    """The floor of a bundle.

    :raises DriverError: files that need more than the request allows, each with a symbol, its origin and the remedy.
    """
    measured = highest([native.floor for native in natives])
    if limited is None or measured is None:
        return measured
    option, floor = limited
    offenders = [native for native in natives if native.floor.order > floor.order]
    if offenders:
        offenders.sort(key=lambda native: ([-n for n in native.floor.order], native.dest))
        raise DriverError(
            f"{option} is {floor.version}, but {len(offenders)} files of the bundle need a newer {floor.system}:\n"
            + "\n".join(_describe(native) for native in offenders[:20])
            + ("\n  ..." if len(offenders) > 20 else "")
            + f"\nThis bundle runs on {measured} and newer: set [pyinstaller].{option} to {measured.version}, or\n"
            "  for a file of a distribution, pin a release that has a wheel for the older system;\n"
            "  for a file of the interpreter or of this machine, build with an interpreter that was made for the\n"
            "  older system and brings its own libraries (python-build-standalone, or a source build on an old\n"
            "  release)."
        )
    return measured


def _describe(native: Native) -> str:
    symbol = f" ({elf_symbol(native.path, native.floor)})" if native.floor.system == GLIBC else ""
    name = native.dest or "the bootloader"
    return f"  {name}: {native.floor}{symbol}, from {native.origin}"
