"""What a signature changes in a Windows executable (PE): three places, and nothing else.

They are the checksum in the optional header, the entry of the certificate table in the data
directories, and the table itself, which is appended at a multiple of eight bytes. Authenticode's
digest covers everything else, including data after the last section: PyInstaller's archive.

https://learn.microsoft.com/windows/win32/debug/pe-format
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator

from release.errors import ReleaseError

_PE_OFFSET = 0x3C
_OPTIONAL_HEADER = 24  # from "PE\0\0"
_CHECKSUM = _OPTIONAL_HEADER + 64
_DIRECTORIES = {0x10B: _OPTIONAL_HEADER + 96, 0x20B: _OPTIONAL_HEADER + 112}
_CERTIFICATES = 4 * 8  # the fifth entry
_ALIGNMENT = 8


def _offsets(data: bytes | bytearray) -> tuple[int, int]:
    """Offsets of the checksum and the certificate table's entry; ReleaseError if this is not a PE
    file."""
    try:
        (start,) = struct.unpack_from("<I", data, _PE_OFFSET)
        (magic,) = struct.unpack_from("<H", data, start + _OPTIONAL_HEADER)
        directories = start + _DIRECTORIES[magic]
        struct.unpack_from("<II", data, directories + _CERTIFICATES)
    except (struct.error, KeyError) as error:
        raise ReleaseError("it is not a Windows executable (PE)") from error
    return start + _CHECKSUM, directories + _CERTIFICATES


def checksum(data: bytes | bytearray) -> int:
    """The optional header's checksum: 16-bit words summed with end-around carry, the checksum
    itself counted as zero, plus the file's length."""
    where, _ = _offsets(data)
    content = bytearray(data)
    content[where : where + 4] = bytes(4)
    if len(content) % 2:
        content.append(0)
    words = array("H", bytes(content))
    if sys.byteorder == "big":
        words.byteswap()
    total = sum(words)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total + len(data)


def is_signed(data: bytes | bytearray) -> bool:
    _, entry = _offsets(data)
    return struct.unpack_from("<II", data, entry) != (0, 0)


def unsigned_forms(signed: bytes, size: int) -> Iterator[bytes]:
    """The executables of `size` bytes that this one can have been made from: with a checksum, as
    PyInstaller and linkers write it, or with none.

    Raises ReleaseError if it is not signed, or not made from a file of that size.
    """
    where, entry = _offsets(signed)
    start, length = struct.unpack_from("<II", signed, entry)
    padded = -(-size // _ALIGNMENT) * _ALIGNMENT
    if length == 0:
        raise ReleaseError("it has no signature")
    if start != padded or start + length != len(signed) or any(signed[size:padded]):
        raise ReleaseError(f"it is not a file of {size} bytes followed by a signature")
    data = bytearray(signed[:size])
    data[entry : entry + 8] = bytes(8)
    for value in (checksum(data), 0):
        data[where : where + 4] = struct.pack("<I", value)
        yield bytes(data)
