"""Small release files for tests: executables that are headers and nothing else, and archives.

The executables of foreign platforms are valid for those who read headers; the one for Linux on
amd64 can also be given a real program.
"""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from release.platforms import CHECKSUM_SUFFIX, Platform, checksum_line
from release.project import NOTICES_NAME, Project

NOTICES = b"THIRD-PARTY NOTICES\n"


def elf(machine: int, code: bytes) -> bytes:
    """A static 64-bit little-endian program that runs `code` from the start."""
    size = 64 + 56 + len(code)
    identification = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, size, size, 0x1000)
    return identification + header + segment + code


def linux_amd64(says: str) -> bytes:
    """A program for Linux on x86-64 that prints a text, whatever its arguments are."""
    text = says.encode()
    code = (
        b"\xb8\x01\0\0\0"  # mov eax, 1 (write)
        b"\xbf\x01\0\0\0"  # mov edi, 1
        b"\x48\x8d\x35\x10\0\0\0"  # lea rsi, [rip + 16]
        b"\xba" + struct.pack("<I", len(text)) + b"\x0f\x05"  # mov edx, length; syscall
        b"\xb8\x3c\0\0\0\x31\xff\x0f\x05"  # mov eax, 60 (exit); xor edi, edi; syscall
    )
    return elf(62, code + text)


def linux_arm64(says: str) -> bytes:
    """The same for Linux on AArch64."""
    text = says.encode()
    code = struct.pack(
        "<8I",
        0xD2800020,  # mov x0, 1
        0x100000E1,  # adr x1, text
        0xD2800002 | len(text) << 5,  # mov x2, length
        0xD2800808,  # mov x8, 64 (write)
        0xD4000001,  # svc 0
        0xD2800000,  # mov x0, 0
        0xD2800BA8,  # mov x8, 93 (exit)
        0xD4000001,  # svc 0
    )
    return elf(183, code + text)


def macho(cpu: int) -> bytes:
    """The header of a program for macOS 11.0; 0x01000007 is x86-64, 0x0100000c is arm64."""
    build_version = struct.pack("<IIIIII", 0x32, 24, 1, 11 << 16, 11 << 16, 0)
    text = struct.pack(
        "<II16sQQQQIIII", 0x19, 72, b"__TEXT", 0x100000000, 0x1000, 0, 0x1000, 5, 5, 0, 0
    )
    commands = text + build_version
    header = struct.pack("<IIIIIIII", 0xFEEDFACF, cpu, 0, 2, 2, len(commands), 0, 0)
    return (header + commands).ljust(0x1000, b"\0")


def pe(machine: int) -> bytes:
    """The headers of a console program for Windows 6.0; 0x8664 is x86-64."""
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    coff = struct.pack("<HHIIIHH", machine, 0, 0, 0, 0, 240, 0x22)
    optional = struct.pack("<HBBIIIIIQIIHHHHHHIIIIHHQQQQII", 0x20B, 14, 0, *[0] * 3, 0x1000, 0x1000,
                           0x140000000, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, 0x1000, 0x200, 0, 3, 0,
                           0x100000, 0x1000, 0x100000, 0x1000, 0, 16)  # fmt: skip
    return (dos + b"PE\0\0" + coff + optional + bytes(128)).ljust(0x400, b"\0")


def executable(platform: Platform, program: str, version: str) -> bytes:
    """A program of that platform; those for Linux do answer to `--version`."""
    says = f"{program} {version}\n"
    return {
        "darwin-arm64": macho(0x0100000C),
        "darwin-amd64": macho(0x01000007),
        "linux-amd64": linux_amd64(says),
        "linux-arm64": linux_arm64(says),
        "windows-amd64": pe(0x8664),
    }[platform.name]


def pack(path: Path, members: Mapping[str, tuple[int, bytes]]) -> None:
    """Write a `.tar.gz` or `.zip` of files with these permissions."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, (mode, content) in members.items():
                info = zipfile.ZipInfo(name)
                info.create_system = 3
                info.external_attr = (0o100000 | mode) << 16
                archive.writestr(info, content)
        return
    with tarfile.open(path, "w:gz") as tar:
        for name, (mode, content) in members.items():
            member = tarfile.TarInfo(name)
            member.mode, member.size = mode, len(content)
            tar.addfile(member, io.BytesIO(content))


def write_checksum(archive: Path) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    checksum = archive.with_name(archive.name + CHECKSUM_SUFFIX)
    checksum.write_bytes(checksum_line(digest, archive.name).encode())


def manifest(platform: Platform, version: str) -> dict[str, Any]:
    """A packager's manifest with all that a release reads."""
    floors = {
        "linux": ("glibc", "2.36"),
        "darwin": ("macOS", "11.0"),
        "windows": ("Windows", "6.0"),
    }
    system, floor = floors[platform.os.name]
    return {
        "schema": 1,
        "platform": platform.name,
        "interpreter": {"version": "3.13.0", "implementation": "CPython", "sha256": "1" * 64},
        "distributions": [
            {
                "name": f"dist-{n}",
                "version": f"{n}.0",
                "license_expression": "MIT",
                "size": n * 1000,
            }
            for n in range(1, 13)
        ],
        "build_info": {"version": version},
        "floor": {"system": system, "version": floor},
        "unpacked_size": 200_000_000,
    }


def write_archive(
    directory: Path,
    project: Project,
    version: str,
    platform: Platform,
    *,
    content: bytes | None = None,
    evidence: Path | None = None,
) -> Path:
    """Lay a platform's archive and checksum into `directory`, and its evidence into `evidence`."""
    if content is None:
        content = executable(platform, project.program, version)
    name = platform.executable_name(project.program)
    path = directory / project.archive(version, platform)
    pack(path, {name: (0o755, content), NOTICES_NAME: (0o644, NOTICES)})
    write_checksum(path)
    if evidence is not None:
        packed = path.read_bytes()
        sha256 = hashlib.sha256(packed).hexdigest()
        inside = {
            "path": name,
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "manifest": manifest(platform, version),
        }
        about = {
            "schema": 1,
            "program": project.program,
            "version": version,
            "commit": None,
            "platform": platform.name,
            "archive": {"name": path.name, "sha256": sha256, "size": len(packed)},
            "executables": [inside],
        }
        rebuild = {"schema": 1, "archive": path.name, "sha256": sha256, "rebuilt_sha256": sha256}
        base = project.base(version, platform)
        (evidence / f"{base}.json").write_text(json.dumps(about))
        (evidence / f"{base}.rebuild.json").write_text(json.dumps(rebuild))
    return path
