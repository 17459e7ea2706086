"""Read archives from elsewhere, which may be damaged or malicious."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from release.errors import ReleaseError

_CHUNK = 1 << 20
_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError)


@dataclass(frozen=True)
class ArchiveMember:
    """One member; `kind` is "file", "link", "folder" or "other", `sha256` a file's digest."""

    name: str
    kind: str
    mode: int
    size: int
    sha256: str | None


def file_sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _stream_sha256(stream: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


@contextmanager
def _as_release_error(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise ReleaseError(f"{path.name} cannot be read as an archive: {error}") from error


def _tar_members(path: Path) -> Iterator[ArchiveMember]:
    with gzip.open(path) as stream:
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for info in archive:
                digest = None
                kind = "other"
                if info.isfile():
                    content = archive.extractfile(info)
                    assert content is not None
                    kind, digest = "file", _stream_sha256(content)
                elif info.issym() or info.islnk():
                    kind = "link"
                elif info.isdir():
                    kind = "folder"
                yield ArchiveMember(info.name, kind, info.mode, info.size, digest)
        # tarfile stops at the end of the tar, before the stream's checksum.
        while stream.read(_CHUNK):
            pass


def _zip_members(path: Path) -> Iterator[ArchiveMember]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            mode = info.external_attr >> 16
            kind = "folder" if info.is_dir() else "link" if stat.S_ISLNK(mode) else "file"
            with archive.open(info) as content:
                digest = _stream_sha256(content)
            yield ArchiveMember(
                info.filename,
                kind,
                stat.S_IMODE(mode),
                info.file_size,
                digest if kind == "file" else None,
            )


def read_members(path: Path) -> list[ArchiveMember]:
    """Read a `.tar.gz` or `.zip` to its last byte; raises ReleaseError for a damaged one."""
    read = _zip_members if path.suffix == ".zip" else _tar_members
    with _as_release_error(path):
        return list(read(path))


def _extract_from_zip(path: Path, name: str, sink: IO[bytes]) -> None:
    with zipfile.ZipFile(path) as archive, archive.open(name) as source:
        shutil.copyfileobj(source, sink, _CHUNK)


def _extract_from_tar(path: Path, name: str, sink: IO[bytes]) -> None:
    with tarfile.open(path, "r:gz") as archive:
        source = archive.extractfile(name)
        if source is None:
            raise ReleaseError(f"{name} in {path.name} is not a file")
        shutil.copyfileobj(source, sink, _CHUNK)


def extract_member(path: Path, name: str, target: Path) -> None:
    """Write the content of the file `name` to `target`, as an executable file."""
    extract = _extract_from_zip if path.suffix == ".zip" else _extract_from_tar
    with _as_release_error(path), target.open("wb") as sink:
        extract(path, name, sink)
    target.chmod(0o755)
