"""Ad-hoc signatures of Mach-O images, made and verified; no package index has a library that does it.

arm64 Macs start no program and load no library without a signature. An ad-hoc one names nobody: it is a table of
hashes (the CodeDirectory) over the pages of the file, as Apple's linker appends it to whatever it links. Numbers
are those of ``kern/cs_blobs.h``.
"""

from __future__ import annotations

import hashlib
import struct

from . import image as macho
from .image import MachOError

_SUPER_BLOB, _CODE_DIRECTORY = 0xFADE0CC0, 0xFADE0C02
_AD_HOC, _LINKER_SIGNED = 0x2, 0x20000
_MAIN_BINARY = 1
_VERSION = 0x20400
_PAGE_BITS = 12
_SHA1, _SHA256 = 1, 2
_HASHES = {_SHA1: hashlib.sha1, _SHA256: hashlib.sha256}
_DIRECTORY = struct.Struct(">9I4B4I4Q")
_SIGNATURE = struct.Struct("<IIII")


def _place(image: bytes) -> tuple[int, int] | None:
    """Offset and size of the signature."""
    for command in macho.commands(image):
        if command.number == macho.LC_CODE_SIGNATURE:
            offset, size = struct.unpack_from("<II", command.content, 8)
            return offset, size
    return None


def _with_linkedit(image: bytes, end: int) -> bytes:
    """The image whose segment __LINKEDIT reaches to ``end``."""
    segment = next((item for item in macho.segments(image) if item.name == "__LINKEDIT"), None)
    if segment is None:
        raise MachOError("has no segment __LINKEDIT")
    changed = bytearray(image)
    size = end - segment.offset
    page = macho.PAGE[macho.cpu(image)]
    struct.pack_into("<Q", changed, segment.command + 32, -(-size // page) * page)
    struct.pack_into("<Q", changed, segment.command + 48, size)
    return bytes(changed)


def unsigned(image: bytes) -> bytes:
    """The image without its signature."""
    place = _place(image)
    if place is None:
        return image

    def change(command: macho.Command) -> bytes:
        return b"" if command.number == macho.LC_CODE_SIGNATURE else command.content

    return _with_linkedit(macho.with_commands(image, change)[: place[0]], place[0])


def signed(image: bytes, identifier: str) -> bytes:
    """The image with an ad-hoc signature in place of the one that it has.

    :param identifier: what the signature calls it; no part of any check.
    :raises MachOError: there is no room for the load command, or nothing that could be signed.
    """
    image = unsigned(image)
    image += bytes(-len(image) % 16)
    limit = len(image)
    name = identifier.encode() + b"\0"
    pages = (limit + (1 << _PAGE_BITS) - 1) >> _PAGE_BITS
    length = _DIRECTORY.size + len(name) + 32 * pages
    total = -(-(20 + length) // 16) * 16
    command = _SIGNATURE.pack(macho.LC_CODE_SIGNATURE, _SIGNATURE.size, limit, total)
    image = macho.with_commands(image, lambda command: command.content, command)
    image = _with_linkedit(image, limit + total)
    text = next((item for item in macho.segments(image) if item.name == "__TEXT"), None)
    if text is None:
        raise MachOError("has no segment __TEXT")
    directory = _DIRECTORY.pack(
        *(_CODE_DIRECTORY, length, _VERSION, _AD_HOC | _LINKER_SIGNED),
        *(_DIRECTORY.size + len(name), _DIRECTORY.size, 0, pages, limit),
        *(hashlib.sha256().digest_size, _SHA256, 0, _PAGE_BITS),
        *(0, 0, 0, 0),
        *(0, text.offset, text.size),
        _MAIN_BINARY if macho.file_type(image) == macho.EXECUTE else 0,
    )
    view = memoryview(image)
    hashes = [
        hashlib.sha256(view[start : start + (1 << _PAGE_BITS)]).digest()
        for start in range(0, limit, 1 << _PAGE_BITS)
    ]
    blob = struct.pack(">IIIII", _SUPER_BLOB, 20 + length, 1, 0, 20) + directory + name
    return image + (blob + b"".join(hashes)).ljust(total, b"\0")


def verify(image: bytes) -> int:
    """Check every hash of the image's signature; returns how many pages it covers.

    :raises MachOError: no signature, one that does not end where the file does, or a hash that is wrong.
    """
    place = _place(image)
    if place is None:
        raise MachOError("is not signed")
    offset, size = place
    if offset + size != len(image):
        raise MachOError("does not end with its signature")
    data = image[offset:]
    kind, _, count = struct.unpack_from(">III", data)
    if kind != _SUPER_BLOB:
        raise MachOError("its signature is of an unknown kind")
    blobs = {}
    for position in range(count):
        slot, start = struct.unpack_from(">II", data, 12 + 8 * position)
        blobs[slot] = data[start : start + struct.unpack_from(">I", data, start + 4)[0]]
    directories = [
        blob for blob in blobs.values() if struct.unpack_from(">I", blob)[0] == _CODE_DIRECTORY
    ]
    if not directories:
        raise MachOError("its signature has no table of hashes")
    pages = [_verify(image, offset, blob, blobs) for blob in directories]
    return pages[0]


def _verify(image: bytes, end: int, directory: bytes, blobs: dict[int, bytes]) -> int:
    _, _, _, _, first, _, special, count, limit, size, kind, _, bits = struct.unpack_from(
        ">9I4B", directory
    )
    if limit > end or count != (limit + (1 << bits) - 1) >> bits or kind not in _HASHES:
        raise MachOError("its signature does not cover the file")
    view = memoryview(image)
    for page in range(count):
        found = _HASHES[kind](view[page << bits : min((page + 1) << bits, limit)]).digest()[:size]
        if found != directory[first + page * size : first + (page + 1) * size]:
            raise MachOError(f"page {page} of {count} is not the one that was signed")
    for slot in range(1, special + 1):
        wanted = directory[first - slot * size : first - (slot - 1) * size]
        if slot in blobs and any(wanted) and _HASHES[kind](blobs[slot]).digest()[:size] != wanted:
            raise MachOError(f"part {slot} of the signature is not the one that was signed")
    return int(count)
