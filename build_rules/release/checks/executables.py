"""What kind of executable a file is, read from its headers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import lief

from release.errors import ReleaseError
from release.manifest import Floor

# The callers of this module report damaged files.
lief.logging.disable()

_ELF_ARCHITECTURES = {lief.ELF.ARCH.X86_64: "amd64", lief.ELF.ARCH.AARCH64: "arm64"}
_MACHO_ARCHITECTURES = {
    lief.MachO.Header.CPU_TYPE.X86_64: "amd64",
    lief.MachO.Header.CPU_TYPE.ARM64: "arm64",
}
_PE_ARCHITECTURES = {
    lief.PE.Header.MACHINE_TYPES.AMD64: "amd64",
    lief.PE.Header.MACHINE_TYPES.ARM64: "arm64",
}
_ELF_PROGRAMS = (lief.ELF.Header.FILE_TYPE.EXEC, lief.ELF.Header.FILE_TYPE.DYN)


@dataclass(frozen=True)
class ExecutableFacts:
    """`format` is "ELF", "Mach-O" or "PE"; `floor` the oldest system that the file itself can run
    on."""

    format: str
    arch: str
    floor: Floor | None


def _newest(versions: list[str]) -> str | None:
    return max(versions, key=lambda v: tuple(map(int, v.split("."))), default=None)


def _elf(binary: lief.ELF.Binary) -> tuple[str | None, Floor | None]:
    if binary.header.file_type not in _ELF_PROGRAMS:
        return None, None
    needed = [
        str(symbol.name).removeprefix("GLIBC_")
        for library in binary.symbols_version_requirement
        for symbol in library.get_auxiliary_symbols()
        if str(symbol.name).removeprefix("GLIBC_").replace(".", "").isdigit()
    ]
    newest = _newest(needed)
    return (
        _ELF_ARCHITECTURES.get(binary.header.machine_type),
        Floor("glibc", newest) if newest else None,
    )


def _macho(binary: lief.MachO.Binary) -> tuple[str | None, Floor | None]:
    if binary.header.file_type != lief.MachO.Header.FILE_TYPE.EXECUTE:
        return None, None
    version: list[int] | None = None
    if binary.has_build_version and binary.build_version is not None:
        version = list(binary.build_version.minos)
    elif binary.has_version_min and binary.version_min is not None:
        version = list(binary.version_min.version)
    floor = None if version is None else Floor("macOS", ".".join(map(str, version[:2])))
    return _MACHO_ARCHITECTURES.get(binary.header.cpu_type), floor


def _pe(binary: lief.PE.Binary) -> tuple[str | None, Floor | None]:
    optional = binary.optional_header
    floor = Floor(
        "Windows",
        f"{optional.major_operating_system_version}.{optional.minor_operating_system_version}",
    )
    return _PE_ARCHITECTURES.get(binary.header.machine), floor


def inspect_executable(path: Path) -> ExecutableFacts:
    """Read a program's headers; raises ReleaseError for an unknown kind of file."""
    binary = lief.parse(path)
    if isinstance(binary, lief.ELF.Binary):
        name, (arch, floor) = "ELF", _elf(binary)
    elif isinstance(binary, lief.MachO.Binary):
        name, (arch, floor) = "Mach-O", _macho(binary)
    elif isinstance(binary, lief.PE.Binary):
        name, (arch, floor) = "PE", _pe(binary)
    else:
        raise ReleaseError(f"{path.name} is not an ELF, Mach-O or PE file")
    if arch is None:
        raise ReleaseError(f"{path.name} is a {name} file, but not for amd64 or arm64")
    return ExecutableFacts(name, arch, floor)
