"""Stand-ins for release files, for tests: readers find in them what a release has.

Their executables are little more than headers, valid for whoever reads headers; those for Linux
answer `--version`. The notices in each say that it is a stand-in.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from release.describe.licenses import EMPTY
from release.describe.provenance import provenance
from release.describe.sbom import sbom
from release.describe.subject import Subject
from release.platforms import (
    CHECKSUM_SUFFIX,
    DEFAULT_SOURCE_DATE_EPOCH,
    Platform,
    checksum_line,
)
from release.project import NOTICES_NAME, Project
from release.typed_json import parse

NOTICES = b"THIRD-PARTY NOTICES\n\nThis archive is a stand-in for tests: it holds no program.\n"

COMPLAINT = "TEMPORAL_SERVICE_ADDRESS: is missing\n"
"""What the Linux x86-64 stand-in prints when its variables are missing."""


def elf(machine: int, code: bytes) -> bytes:
    """A static 64-bit little-endian program that runs `code` from the start."""
    size = 64 + 56 + len(code)
    identification = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, size, size, 0x1000)
    return identification + header + segment + code


def linux_amd64(says: str, complains: str = "") -> bytes:
    """A program for Linux on x86-64: with arguments it prints `says`; without, it prints
    `complains` and exits with 2 if there is any, else it prints `says`."""
    texts = (says.encode(), (complains or says).encode())
    code = (
        b"\x48\x83\x3c\x24\x01"  # cmp qword [rsp], 1 (the number of arguments, its name one)
        b"\x0f\x94\xc3"  # sete bl
        b"\x48\x8d\x35" + struct.pack("<i", 51) +  # lea rsi, [rip + 51] (what it says)
        b"\xba" + struct.pack("<I", len(texts[0])) +  # mov edx, its length
        b"\x84\xdb\x74\x0c"  # test bl, bl; jz +12
        b"\x48\x81\xc6" + struct.pack("<I", len(texts[0])) +  # add rsi, length: what it complains
        b"\xba" + struct.pack("<I", len(texts[1])) +  # mov edx, its length
        b"\xb8\x01\0\0\0\xbf\x01\0\0\0\x0f\x05"  # write(1, rsi, edx)
        b"\x31\xff\x84\xdb\x74\x05"  # xor edi, edi; test bl, bl; jz +5
        b"\xbf" + struct.pack("<I", 2 if complains else 0) +  # mov edi, 2
        b"\xb8\x3c\0\0\0\x0f\x05"  # exit(edi)
    )  # fmt: skip
    return elf(62, code + texts[0] + texts[1])


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
    """A console program for Windows 6.0 that exits at once; its code is for x86-64, 0x8664."""
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    coff = struct.pack("<HHIIIHH", machine, 1, 0, 0, 0, 240, 0x22)
    optional = struct.pack("<HBBIIIIIQIIHHHHHHIIIIHHQQQQII", 0x20B, 14, 0, 0x200, 0, 0, 0x1000,
                           0x1000, 0x140000000, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, 0x2000, 0x200,
                           0, 3, 0, 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)  # fmt: skip
    text = struct.pack("<8s6I2HI", b".text", 3, 0x1000, 0x200, 0x200, 0, 0, 0, 0, 0x60000020)
    headers = dos + b"PE\0\0" + coff + optional + bytes(128) + text
    code = b"\x31\xc0\xc3"  # xor eax, eax; ret
    return headers.ljust(0x200, b"\0") + code.ljust(0x200, b"\0")


def executable(platform: Platform, program: str, version: str) -> bytes:
    """A program for that platform; those for Linux answer `--version`."""
    says = f"{program} {version}\n"
    return {
        "darwin-arm64": macho(0x0100000C),
        "darwin-amd64": macho(0x01000007),
        "linux-amd64": linux_amd64(says, COMPLAINT),
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
    with (
        path.open("wb") as stream,
        gzip.GzipFile("", "wb", fileobj=stream, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as tar,
    ):
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
    rebuilt: bool = True,
) -> Path:
    """Lay a platform's archive and checksum into `directory`, and its evidence into `evidence`.

    `rebuilt`: with the verdict of a second build. Equal arguments give equal bytes.
    """
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
            "source_date_epoch": DEFAULT_SOURCE_DATE_EPOCH,
            "archive": {"name": path.name, "sha256": sha256, "size": len(packed)},
            "executables": [inside],
        }
        rebuild = {"schema": 1, "archive": path.name, "sha256": sha256, "rebuilt_sha256": sha256}
        base = project.base(version, platform)
        (evidence / f"{base}.json").write_text(json.dumps(about))
        origin = {"target": "stand-in", "materials": [], "tools": {}}
        subject = parse(Subject, path.name, json.dumps({**about, **origin}).encode())
        (evidence / f"{base}.cdx.json").write_text(json.dumps(sbom(subject, {}, EMPTY)))
        (evidence / f"{base}.intoto.json").write_text(json.dumps(provenance(subject)))
        if rebuilt:
            (evidence / f"{base}.rebuild.json").write_text(json.dumps(rebuild))
    return path
