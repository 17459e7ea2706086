"""PyInstaller's two archive formats, written from parts that are compressed already.

Formats: PYZ (``PyInstaller.archive.writers.ZlibArchiveWriter``) and CArchive (``CArchiveWriter``), as of 6.22.
"""

from __future__ import annotations

import importlib.util
import marshal
import struct
import sys
import zlib
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

PYZ_MODULE, PYZ_PACKAGE, PYZ_NAMESPACE = 0, 1, 3
PYZ_KINDS = {"module": PYZ_MODULE, "package": PYZ_PACKAGE, "namespace": PYZ_NAMESPACE}

_PYZ_HEADER = 12 + 5
_COOKIE = struct.Struct("!8sIIII64s")
_MAGIC = b"MEI\014\013\012\013\016"
_ENTRY = struct.Struct("!IIIIBc")


class PyzEntry(NamedTuple):
    """One module: its PYZ kind and compressed code (empty for a namespace)."""

    name: str
    kind: int
    blob: bytes | memoryview


def pyz(entries: Iterable[PyzEntry]) -> bytes:
    """A PYZ archive of ``entries``, sorted by name."""
    parts: list[bytes | memoryview] = []
    toc = []
    position = _PYZ_HEADER
    for name, kind, blob in sorted(entries):
        toc.append((name, (kind, position, len(blob))))
        parts.append(blob)
        position += len(blob)
    header = b"PYZ\0" + importlib.util.MAGIC_NUMBER + struct.pack("!i", position) + bytes(5)
    return b"".join([header, *parts, marshal.dumps(toc)])


class Part(NamedTuple):
    """One entry of a CArchive.

    :param kind: type code: m module, s script, z PYZ, b binary, x data, n symbolic link, o option.
    :param data: bytes as stored.
    :param size: bytes once unpacked.
    :param compressed: whether ``data`` is a zlib stream.
    """

    name: str
    kind: str
    data: bytes | memoryview
    size: int
    compressed: bool


def plain(name: str, kind: str, data: bytes) -> Part:
    """An entry stored as it is."""
    return Part(name, kind, data, len(data), False)


def packed(name: str, kind: str, data: bytes, level: int = 9) -> Part:
    """An entry compressed here."""
    return Part(name, kind, zlib.compress(data, level), len(data), True)


def write_carchive(out: BinaryIO, parts: Iterable[Part], python_library: str) -> None:
    """Write ``parts`` in the given order; ``python_library`` is the file name of libpython in the bundle."""
    start = out.tell()
    toc = []
    for part in parts:
        position = out.tell() - start
        out.write(part.data)
        name = part.name.encode()
        length = len(name) + 1
        length += (
            -(_ENTRY.size + length) % 16
        )  # entries are aligned, so that C code may read them on any machine
        toc.append(
            _ENTRY.pack(
                _ENTRY.size + length,
                position,
                len(part.data),
                part.size,
                int(part.compressed),
                part.kind.encode(),
            )
            + name.ljust(length, b"\0")
        )
    table = b"".join(toc)
    position = out.tell() - start
    out.write(table)
    version = sys.version_info[0] * 100 + sys.version_info[1]
    total = position + len(table) + _COOKIE.size
    out.write(
        _COOKIE.pack(_MAGIC, total, position, len(table), version, python_library.encode("ascii"))
    )
