"""What a PE file says of itself: version, exported names, libraries that it loads."""

from __future__ import annotations

from pathlib import Path

import pefile

_MACHINES = {0x8664: "amd64", 0xAA64: "arm64", 0x14C: "x86"}


def _open(path: Path, directory: str) -> pefile.PE:
    image = pefile.PE(str(path), fast_load=True)
    image.parse_data_directories([pefile.DIRECTORY_ENTRY[f"IMAGE_DIRECTORY_ENTRY_{directory}"]])
    return image


def machine(path: Path) -> str:
    """The architecture of a PE file, such as `amd64`."""
    number = pefile.PE(str(path), fast_load=True).FILE_HEADER.Machine
    return _MACHINES.get(number, hex(number))


def linker(path: Path) -> tuple[int, int]:
    """Version of the linker that wrote a PE file, such as (14, 44)."""
    header = pefile.PE(str(path), fast_load=True).OPTIONAL_HEADER
    return header.MajorLinkerVersion, header.MinorLinkerVersion


def version_strings(path: Path) -> dict[str, str]:
    """The strings of the version resource, such as `FileVersion` and `CompanyName`; empty where there is none."""
    image = _open(path, "RESOURCE")
    return {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for information in getattr(image, "FileInfo", [])
        for entry in information
        for table in getattr(entry, "StringTable", [])
        for name, value in table.entries.items()
    }


def file_version(path: Path) -> str:
    """`FileVersion` of the version resource, "" where there is none."""
    return version_strings(path).get("FileVersion", "")


def exports(path: Path) -> list[str]:
    """Names that a DLL exports, sorted."""
    image = _open(path, "EXPORT")
    table = getattr(image, "DIRECTORY_ENTRY_EXPORT", None)
    symbols = table.symbols if table is not None else []
    return sorted(symbol.name.decode("ascii") for symbol in symbols if symbol.name)


def imports(path: Path) -> list[str]:
    """File names of the DLLs that a PE file loads at its start, in lower case, sorted."""
    image = _open(path, "IMPORT")
    return sorted(
        {
            entry.dll.decode("ascii").lower()
            for entry in getattr(image, "DIRECTORY_ENTRY_IMPORT", [])
        }
    )
