"""What a signature changes in a macOS executable (Mach-O, 64 bits, one architecture).

The signature is the end of the file; two load commands hold its length and that of its segment.
Everything else stays, including PyInstaller's archive, which precedes it in that segment.
"""

from __future__ import annotations

import struct
from pathlib import Path

from release.errors import ReleaseError

_MAGIC_64 = 0xFEEDFACF
_HEADER = 32
_SEGMENT_64, _CODE_SIGNATURE = 0x19, 0x1D
_LINKEDIT = b"__LINKEDIT".ljust(16, b"\0")


def outside_signature(path: Path) -> bytes:
    """The content before the signature, with the lengths that depend on it set to zero.

    Raises ReleaseError for another kind of file, or if there is no signature.
    """
    data = bytearray(path.read_bytes())
    end = None
    try:
        magic, _, _, _, commands = struct.unpack_from("<5I", data)
        if magic != _MAGIC_64:
            raise ReleaseError(f"{path.name} is not a macOS executable with one architecture")
        position = _HEADER
        for _ in range(commands):
            command, size = struct.unpack_from("<II", data, position)
            if command == _SEGMENT_64 and data[position + 8 : position + 24] == _LINKEDIT:
                struct.pack_into("<Q", data, position + 32, 0)  # vmsize
                struct.pack_into("<Q", data, position + 48, 0)  # filesize
            elif command == _CODE_SIGNATURE:
                (end,) = struct.unpack_from("<I", data, position + 8)
                struct.pack_into("<I", data, position + 12, 0)  # datasize
            position += size
    except struct.error as error:
        raise ReleaseError(f"{path.name} is not a complete macOS executable") from error
    if end is None:
        raise ReleaseError(f"{path.name} has no signature")
    return bytes(data[:end])
