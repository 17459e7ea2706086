"""One 64-bit Mach-O image: its load commands, read and edited. Names and numbers are those of ``mach-o/loader.h``."""

from __future__ import annotations

import posixpath
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MAGICS = (b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xca\xfe\xba\xbf")
"""How a thin image and the two kinds of universal files begin."""

CPU = {"x86_64": 0x01000007, "arm64": 0x0100000C}
PAGE = {0x01000007: 0x1000, 0x0100000C: 0x4000}
"""Page size in bytes, by CPU type."""

EXECUTE = 2
LC_SYMTAB = 0x2
LC_ID_DYLIB = 0xD
LC_SEGMENT_64 = 0x19
LC_CODE_SIGNATURE = 0x1D
LC_VERSION_MIN_MACOSX = 0x24
LC_BUILD_VERSION = 0x32
LC_RPATH = 0x8000001C
LOADS = (0xC, 0x20, 0x80000018, 0x8000001F, 0x80000023)
"""Commands that load a library: plain, lazy, weak, re-exported, upward."""

_HEADER = struct.Struct("<8I")
_SYSTEM = ("/usr/lib/", "/System/")


class MachOError(ValueError):
    """A file that is no Mach-O image of the wanted kind, or that leaves no room for an edit."""


@dataclass(frozen=True)
class Command:
    """A load command: ``content`` is all of its bytes, the first eight of which are its number and size."""

    number: int
    offset: int
    content: bytes

    def text(self) -> str:
        """The path in a command that has one (libraries, rpaths)."""
        (start,) = struct.unpack_from("<I", self.content, 8)
        return self.content[start:].split(b"\0")[0].decode()


@dataclass(frozen=True)
class Segment:
    """A segment as the file maps it: offsets and sizes in bytes; ``first`` is where its first section begins."""

    name: str
    command: int
    offset: int
    size: int
    first: int | None


def is_macho(data: bytes) -> bool:
    """Whether a file begins as a Mach-O file does; Java's classes share one of the beginnings."""
    if data[:4] == MAGICS[1]:
        return len(data) >= 8 and 0 < struct.unpack_from(">I", data, 4)[0] < 20
    return data[:4] in MAGICS


def slices(data: bytes) -> dict[int, bytes]:
    """CPU type -> image: the images of a universal file, or the one that a thin file is."""
    if data[:4] == MAGICS[0]:
        return {struct.unpack_from("<I", data, 4)[0]: data}
    wide = data[:4] == MAGICS[2]
    if not wide and not is_macho(data):
        raise MachOError("not a 64-bit Mach-O file")
    entry = struct.Struct(">IIQQII" if wide else ">IIIII")
    (count,) = struct.unpack_from(">I", data, 4)
    found = {}
    for position in range(count):
        cpu, _, offset, size, *_ = entry.unpack_from(data, 8 + entry.size * position)
        found[cpu] = data[offset : offset + size]
    return found


def thin(data: bytes, machine: str) -> bytes:
    """The image for ``machine`` (``arm64`` or ``x86_64``).

    :raises MachOError: the file has none.
    """
    found = slices(data)
    if CPU[machine] not in found:
        names = {number: name for name, number in CPU.items()}
        held = ", ".join(names.get(cpu, hex(cpu)) for cpu in found)
        raise MachOError(f"holds code for {held}, none for {machine}")
    return found[CPU[machine]]


def cpu(image: bytes) -> int:
    """CPU type of an image."""
    number: int = struct.unpack_from("<I", image, 4)[0]
    return number


def file_type(image: bytes) -> int:
    """EXECUTE, a library's or a bundle's number."""
    number: int = struct.unpack_from("<I", image, 12)[0]
    return number


def commands(image: bytes) -> Iterator[Command]:
    """The load commands in order.

    :raises MachOError: not a 64-bit image, or commands that run over their space.
    """
    if image[:4] != MAGICS[0] or len(image) < _HEADER.size:
        raise MachOError("not a 64-bit Mach-O image")
    count, size = struct.unpack_from("<II", image, 16)
    offset = _HEADER.size
    for _ in range(count):
        number, length = struct.unpack_from("<II", image, offset)
        if length < 8 or offset + length > _HEADER.size + size:
            raise MachOError("load commands run over their space")
        yield Command(number, offset, image[offset : offset + length])
        offset += length


def segments(image: bytes) -> list[Segment]:
    """The segments in order."""
    found = []
    for command in commands(image):
        if command.number == LC_SEGMENT_64:
            name = command.content[8:24].rstrip(b"\0").decode()
            offset, size = struct.unpack_from("<QQ", command.content, 40)
            (count,) = struct.unpack_from("<I", command.content, 64)
            starts = [
                struct.unpack_from("<I", command.content, 72 + 80 * position + 48)[0]
                for position in range(count)
            ]
            first = min((start for start in starts if start), default=None)
            found.append(Segment(name, command.offset, offset, size, first))
    return found


def libraries(image: bytes) -> list[str]:
    """Paths of the libraries that the image loads, as it spells them."""
    return [command.text() for command in commands(image) if command.number in LOADS]


def rpaths(image: bytes) -> list[str]:
    """Where the image looks for ``@rpath``."""
    return [command.text() for command in commands(image) if command.number == LC_RPATH]


def defined_symbols(image: bytes) -> list[str]:
    """Names that the image defines for others, as C spells them, sorted."""
    found = set()
    for command in commands(image):
        if command.number == LC_SYMTAB:
            start, count, strings, _ = struct.unpack_from("<4I", command.content, 8)
            for position in range(count):
                name, kind = struct.unpack_from("<IB", image, start + 16 * position)
                if (
                    kind & 0xE0 == 0 and kind & 0x01 and kind & 0x0E
                ):  # external, defined, no debug entry
                    at = strings + name
                    found.add(image[at : image.index(b"\0", at)].decode().removeprefix("_"))
    return sorted(found)


def is_of_system(path: str) -> bool:
    """Whether macOS itself brings a library.

    >>> is_of_system("/usr/lib/libSystem.B.dylib"), is_of_system("/usr/local/lib/libz.dylib")
    (True, False)
    """
    return path.startswith(_SYSTEM)


def minimum_macos(image: bytes) -> tuple[int, int] | None:
    """The oldest macOS that the image states, None where it states none."""
    for command in commands(image):
        if command.number in (LC_BUILD_VERSION, LC_VERSION_MIN_MACOSX):
            at = 12 if command.number == LC_BUILD_VERSION else 8
            (packed,) = struct.unpack_from("<I", command.content, at)
            return packed >> 16, packed >> 8 & 0xFF
    return None


def with_commands(image: bytes, change: Callable[[Command], bytes], extra: bytes = b"") -> bytes:
    """The image with each load command as ``change`` gives it (empty: none) and ``extra`` ones after them.

    :raises MachOError: the commands would reach into the first section.
    """
    found = [change(command) for command in commands(image)] + [extra]
    room = min((item.first for item in segments(image) if item.first is not None), default=None)
    count, size = struct.unpack_from("<II", image, 16)
    content = b"".join(found)
    end = _HEADER.size + len(content)
    if end > _HEADER.size + size and (room is None or end > room):
        raise MachOError(
            f"no room for {end - _HEADER.size - size} bytes more of load commands before the first section"
        )
    added, position = 0, 0
    while position < len(extra):
        position += struct.unpack_from("<I", extra, position + 4)[0]
        added += 1
    count = sum(bool(item) for item in found[:-1]) + added
    changed = bytearray(image)
    # What is left of the old commands is cleared; nothing between them and the first section is in use.
    changed[_HEADER.size : max(end, _HEADER.size + size)] = content.ljust(size, b"\0")
    struct.pack_into("<II", changed, 16, count, len(content))
    return bytes(changed)


def _with_text(command: Command, text: str) -> bytes:
    (start,) = struct.unpack_from("<I", command.content, 8)
    data = text.encode() + b"\0"
    size = -(-(start + len(data)) // 8) * 8
    head = struct.pack("<II", command.number, size) + command.content[8:start]
    return (head + data).ljust(size, b"\0")


def relocated(image: bytes, rpath: str) -> bytes:
    """The image as a part of a bundle: every library but the system's is looked for at ``rpath``, by its name alone.

    As PyInstaller's ``set_dylib_dependency_paths`` has ``install_name_tool`` do it.

    :param rpath: the bundle's directory as seen from the image, ``@loader_path/..``.
    """
    outside = [path for path in libraries(image) if not is_of_system(path)]
    kept = rpath in rpaths(image)

    def change(command: Command) -> bytes:
        if command.number == LC_RPATH:
            return command.content if command.text() == rpath else b""
        if command.number == LC_ID_DYLIB or (
            command.number in LOADS and not is_of_system(command.text())
        ):
            wanted = f"@rpath/{posixpath.basename(command.text())}"
            return command.content if command.text() == wanted else _with_text(command, wanted)
        return command.content

    extra = b""
    if outside and not kept:
        empty = Command(LC_RPATH, 0, struct.pack("<III", LC_RPATH, 12, 12))
        extra = _with_text(empty, rpath)
    return with_commands(image, change, extra)
