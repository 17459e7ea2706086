"""Write a deterministic archive, and verify it by reading it back.

Runs as a separate process on whatever Python 3.9+ the machine has: standard library only, no
import from this repository. The bytes depend only on the specification, the content of the files
and their executable bits, and the zlib that compresses them (zlib-ng writes other bytes for the
same content): not on the umask, the owner, the order of the files, their times, the time zone or
the clock.

Usage: archiver.py SPECIFICATION.json

The specification is a JSON object:

    output   path of the archive to write
    format   "tar.gz" or "zip"
    mtime    time of every member, in seconds since 1970-01-01T00:00:00Z
    members  list of {"source": path, "path": name in the archive, "mode": permission bits};
             a `source` that is a symbolic link or a directory becomes one; of a directory's
             content only what the list names is archived
"""

from __future__ import annotations

import calendar
import gzip
import hashlib
import json
import os
import shutil
import stat
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Callable

_CHUNK = 1 << 20
_LEVEL = 6  # zlib's default, the only level that `zipfile` offers for streams on every Python
_ZIP_EPOCH = 315532800  # 1980-01-01T00:00:00Z, the earliest time that a ZIP file can express
_ZIP_END = 4354819198  # 2107-12-31T23:59:58Z, the last one
_ZIP_DIRECTORY = 0x10  # the low byte of the external attributes, as Windows reads it
_ZIP_UNIX = 3  # "version made by": the high half of the external attributes is a Unix mode


class ArchiveError(Exception):
    """The archive cannot be written as specified, or differs from its specification when read back."""


@dataclass(frozen=True, order=True)
class Member:
    """A file, a symbolic link or a directory to archive."""

    path: str
    source: Path
    mode: int


@dataclass(frozen=True)
class Entry:
    """What an archive is expected to hold under a name, and what was found there.

    `kind` is "file", "link" or "directory"; `content` a file's SHA-256, a symbolic link's target, or empty.
    """

    kind: str
    mode: int
    mtime: int
    content: str


def _sha256(stream: BinaryIO) -> str:
    digest = hashlib.sha256()
    for chunk in iter(lambda: stream.read(_CHUNK), b""):
        digest.update(chunk)
    return digest.hexdigest()


def _check_members(members: Iterable[Member]) -> list[Member]:
    """Check the members, and return them in the order to write."""
    ordered = sorted(members)
    seen: set[str] = set()
    for member in ordered:
        parts = member.path.split("/")
        if not member.path or member.path.startswith("/") or {"", ".", ".."} & set(parts):
            raise ArchiveError(
                f"{member.path!r} is not a valid member name: it must stay in the archive"
            )
        if member.path in seen:
            raise ArchiveError(f"two members have the name {member.path!r}")
        seen.add(member.path)
        if member.mode & ~0o777:
            raise ArchiveError(f"{member.path}: {member.mode:#o} has more than permission bits")
    leaves = {member.path for member in ordered if not _is_directory(member)}
    for member in ordered:
        for parent in Path(member.path).parents:
            if parent.as_posix() in leaves:
                raise ArchiveError(f"{parent.as_posix()!r} names a file and a folder")
    return ordered


def _is_directory(member: Member) -> bool:
    return member.source.is_dir() and not member.source.is_symlink()


def _expected(member: Member, mtime: int) -> Entry:
    if member.source.is_symlink():
        return Entry("link", 0o777, mtime, str(member.source.readlink()))
    if _is_directory(member):
        return Entry("directory", member.mode, mtime, "")
    with member.source.open("rb") as stream:
        return Entry("file", member.mode, mtime, _sha256(stream))


def write_tar_gz(members: list[Member], mtime: int, stream: BinaryIO) -> None:
    # No file name and no time in gzip's header; POSIX ustar headers where they suffice, and a pax
    # record only where they don't (a name of more than 256 bytes).
    with (
        gzip.GzipFile("", "wb", _LEVEL, stream, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for member in members:
            info = tarfile.TarInfo(member.path)
            info.mtime = mtime
            info.uid = info.gid = 0
            info.uname = info.gname = "root"
            if member.source.is_symlink():
                info.type = tarfile.SYMTYPE
                info.mode = 0o777
                info.linkname = str(member.source.readlink())
                archive.addfile(info)
                continue
            info.mode = member.mode
            if _is_directory(member):
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
                continue
            info.size = member.source.stat().st_size
            with member.source.open("rb") as source:
                archive.addfile(info, source)


def read_tar_gz(path: Path) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    with tarfile.open(path, "r:gz") as archive:
        for info in archive:
            if info.name in found:
                raise ArchiveError(f"{info.name} is in it twice")
            if info.issym():
                kind, content = "link", info.linkname
            elif info.isdir():
                kind, content = "directory", ""
            else:
                stream = archive.extractfile(info)
                if stream is None:
                    raise ArchiveError(f"{info.name} is neither a file, a link nor a directory")
                kind, content = "file", _sha256(stream)  # type: ignore[arg-type]
            found[info.name] = Entry(kind, info.mode, int(info.mtime), content)
    return found


def write_zip(members: list[Member], mtime: int, stream: BinaryIO) -> None:
    moment = time.gmtime(mtime)[:6]
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            link, directory = member.source.is_symlink(), _is_directory(member)
            info = zipfile.ZipInfo(member.path + "/" * directory, moment)
            info.create_system = _ZIP_UNIX
            if directory:
                info.external_attr = (stat.S_IFDIR | member.mode) << 16 | _ZIP_DIRECTORY
                archive.writestr(info, b"")
                continue
            info.compress_type = zipfile.ZIP_DEFLATED
            mode = stat.S_IFLNK | 0o777 if link else stat.S_IFREG | member.mode
            info.external_attr = mode << 16
            if link:
                archive.writestr(info, str(member.source.readlink()))
                continue
            info.file_size = member.source.stat().st_size
            with member.source.open("rb") as source, archive.open(info, "w") as target:
                shutil.copyfileobj(source, target, _CHUNK)


def read_zip(path: Path) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = info.filename.rstrip("/")
            if name in found:
                raise ArchiveError(f"{name} is in it twice")
            mode = info.external_attr >> 16
            mtime = int(_seconds(info.date_time))
            with archive.open(info) as stream:
                if stat.S_ISLNK(mode):
                    kind, content = "link", os.fsdecode(stream.read())
                elif info.is_dir():
                    kind, content = "directory", ""
                else:
                    kind, content = "file", _sha256(stream)  # type: ignore[arg-type]
            found[name] = Entry(kind, stat.S_IMODE(mode), mtime, content)
    return found


def _seconds(moment: tuple[int, int, int, int, int, int]) -> int:
    return calendar.timegm((*moment, 0, 0, 0))


@dataclass(frozen=True)
class _Format:
    write: Callable[[list[Member], int, BinaryIO], None]
    read: Callable[[Path], dict[str, Entry]]
    mtime: Callable[[int], int]


FORMATS = {
    "tar.gz": _Format(write_tar_gz, read_tar_gz, lambda mtime: mtime),
    # ZIP counts time in steps of two seconds from 1980 on.
    "zip": _Format(
        write_zip, read_zip, lambda mtime: min(max(mtime, _ZIP_EPOCH), _ZIP_END) // 2 * 2
    ),
}


def _differences(expected: dict[str, Entry], found: dict[str, Entry]) -> list[str]:
    problems = [f"{name} is missing" for name in expected if name not in found]
    problems += [f"{name} is unexpected" for name in found if name not in expected]
    problems += [
        f"{name} is {found[name]}, but should be {entry}"
        for name, entry in expected.items()
        if name in found and found[name] != entry
    ]
    return problems


def create(output: Path, archive_format: str, members: Iterable[Member], *, mtime: int) -> None:
    """Write the archive under a temporary name, read it back, and only then rename it.

    Raises ArchiveError, and leaves no file, if the members cannot be archived as specified or the
    written archive differs from them.
    """
    if archive_format not in FORMATS:
        raise ArchiveError(f"unknown format {archive_format!r}: choose one of {', '.join(FORMATS)}")
    if mtime < 0:
        raise ArchiveError(f"times before 1970 ({mtime}) cannot be archived")
    ordered = _check_members(members)
    chosen = FORMATS[archive_format]
    mtime = chosen.mtime(mtime)
    partial = output.with_name(f".{output.name}.partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("wb") as stream:
            chosen.write(ordered, mtime, stream)
        expected = {member.path: _expected(member, mtime) for member in ordered}
        problems = _differences(expected, chosen.read(partial))
        if problems:
            raise ArchiveError(
                f"{output.name} differs from its specification: " + "; ".join(problems)
            )
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: archiver.py SPECIFICATION.json", file=sys.stderr)
        return 2
    specification: dict[str, Any] = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    try:
        create(
            Path(specification["output"]),
            specification["format"],
            [Member(m["path"], Path(m["source"]), m["mode"]) for m in specification["members"]],
            mtime=specification["mtime"],
        )
    except (ArchiveError, OSError) as error:
        print(f"{specification['output']} was not written: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
