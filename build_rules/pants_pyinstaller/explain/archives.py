"""What the tables of contents of a frozen executable say: names and sizes, nothing is unpacked.

Formats: PyInstaller's CArchive and PYZ, as of 6.22.
"""

from __future__ import annotations

import marshal
import struct
from dataclasses import dataclass
from typing import BinaryIO

from pants_pyinstaller.explain.errors import ExplainError

_MAGIC = b"MEI\014\013\012\013\016"
_COOKIE = struct.Struct("!8sIIII64s")
_ENTRY = struct.Struct("!IIIIBc")
_TAIL = 1 << 16
"""Bytes at the end of a file in which the cookie must lie: a signature may follow it."""


@dataclass
class Contents:
    """Names and bytes.

    :param modules: packed module -> bytes in the archive.
    :param files: destination -> (bytes in the archive, bytes unpacked).
    :param lazy: bytes of files that stay packed behind the modules until they are needed.
    """

    modules: dict[str, int]
    files: dict[str, tuple[int, int]]
    lazy: int = 0


def read(path: str) -> Contents:
    """The contents of an executable.

    :raises ExplainError: no executable that PyInstaller's bootloader starts.
    """
    with open(path, "rb") as file:
        start, table = _table(file, path)
        contents = Contents({}, {})
        for name, kind, offset, length, size in table:
            if kind == "z":
                contents.modules, used = _pyz(file, start + offset, path)
                contents.lazy = length - used
            elif kind in "bxn":
                contents.files[name.replace("\\", "/")] = (length, size)
    return contents


def _table(file: BinaryIO, path: str) -> tuple[int, list[tuple[str, str, int, int, int]]]:
    end = file.seek(0, 2)
    while end > 0:
        begin = max(0, end - _TAIL)
        file.seek(begin)
        block = file.read(end - begin + _COOKIE.size)
        found = block.rfind(_MAGIC)
        if found >= 0 and len(block) - found >= _COOKIE.size:
            break
        end = begin
    else:
        raise ExplainError(
            f"{path} is neither a JSON file nor an executable that PyInstaller's bootloader starts"
        )
    _, total, position, length, _, _ = _COOKIE.unpack_from(block, found)
    start = begin + found + _COOKIE.size - total
    file.seek(start + position)
    table = file.read(length)
    rows = []
    place = 0
    while place < len(table):
        entry, offset, packed, size, _, kind = _ENTRY.unpack_from(table, place)
        name = table[place + _ENTRY.size : place + entry].rstrip(b"\0").decode("utf-8", "replace")
        rows.append((name, kind.decode(), offset, packed, size))
        place += entry
    return start, rows


def _pyz(file: BinaryIO, start: int, path: str) -> tuple[dict[str, int], int]:
    """Modules, and how many bytes of the entry the PYZ itself takes."""
    file.seek(start)
    head = file.read(12)
    if head[:4] != b"PYZ\0":
        raise ExplainError(f"{path}: its archive of modules is damaged")
    position = struct.unpack("!i", head[8:12])[0]
    file.seek(start + position)
    # marshal's format of lists, tuples, texts and numbers is the same in every Python that freezes.
    table = marshal.load(file)
    used = file.tell() - start
    return {name: row[2] for name, row in table}, used
