from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from release.pack import archiver
from release.pack.archiver import ArchiveError, Member, create

MTIME = 1_700_000_000
LONG = "/".join(["lib", "n" * 100, "n" * 100, "n" * 100])


def _tree(folder: Path, *, names: list[str], umask: int = 0o022, when: int = MTIME) -> Path:
    """Lay the same files in another order, under another umask, with other times."""
    folder.mkdir()
    previous = os.umask(umask)
    try:
        for name in names:
            path = folder / name
            path.write_bytes(name.encode() * 50_000)
            os.utime(path, (when, when))
        (folder / "lib.so").symlink_to("lib.so.1")
    finally:
        os.umask(previous)
    return folder


def _members(folder: Path, order: int = 1) -> list[Member]:
    members = [
        Member("agent-runner", folder / "agent-runner", 0o755),
        Member("THIRD_PARTY_NOTICES.txt", folder / "notices", 0o644),
        Member("lib/lib.so", folder / "lib.so", 0o777),
        Member(LONG, folder / "notices", 0o600),
    ]
    return members[::order]


@pytest.mark.parametrize("archive_format", ["tar.gz", "zip"])
def test_only_names_modes_and_contents_reach_the_bytes(
    tmp_path: Path, archive_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = _tree(tmp_path / "one", names=["agent-runner", "notices"])
    other = _tree(tmp_path / "two", names=["notices", "agent-runner"], umask=0o077, when=1)

    monkeypatch.setenv("TZ", "Pacific/Auckland")
    create(tmp_path / "a", archive_format, _members(one), mtime=MTIME)
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    previous = os.umask(0o077)
    try:
        create(tmp_path / "b", archive_format, _members(other, order=-1), mtime=MTIME)
    finally:
        os.umask(previous)

    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_tar_holds_fixed_owners_times_and_modes(tmp_path: Path) -> None:
    folder = _tree(tmp_path / "in", names=["agent-runner", "notices"])
    create(tmp_path / "a.tar.gz", "tar.gz", _members(folder), mtime=MTIME)

    assert (tmp_path / "a.tar.gz").read_bytes()[:10] == b"\x1f\x8b\x08\x00\0\0\0\0\x00\xff"
    with tarfile.open(tmp_path / "a.tar.gz") as archive:
        members = archive.getmembers()
        assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {
            (0, 0, "root", "root", MTIME)
        }
        assert {m.name: (m.mode, m.linkname) for m in members} == {
            "THIRD_PARTY_NOTICES.txt": (0o644, ""),
            "agent-runner": (0o755, ""),
            "lib/lib.so": (0o777, "lib.so.1"),
            LONG: (0o600, ""),
        }
        stream = archive.extractfile("agent-runner")
        assert stream is not None
        assert stream.read() == b"agent-runner" * 50_000


def test_the_system_tar_unpacks_what_was_packed(tmp_path: Path) -> None:
    folder = _tree(tmp_path / "in", names=["agent-runner", "notices"])
    create(tmp_path / "a.tar.gz", "tar.gz", _members(folder), mtime=MTIME)
    (tmp_path / "out").mkdir()

    command = ["tar", "-xzpf", "a.tar.gz", "-C", "out"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "out/agent-runner").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/lib/lib.so").readlink() == Path("lib.so.1")
    assert (tmp_path / "out/THIRD_PARTY_NOTICES.txt").read_bytes() == b"notices" * 50_000


@pytest.mark.parametrize("archive_format", ["tar.gz", "zip"])
def test_an_unpacked_program_finds_its_empty_directories(
    tmp_path: Path, archive_format: str
) -> None:
    """As a one-dir program does, the modules of whose packages are all in one file."""
    built = tmp_path / "built"
    (built / "_internal/package").mkdir(parents=True)
    (built / "_internal/kept").mkdir()
    (built / "_internal/kept/data.txt").write_text("data")
    (built / "app").write_text(
        f"#!{sys.executable}\n"
        "import pathlib\n"
        "inside = pathlib.Path(__file__).with_name('_internal')\n"
        "print(sorted(p.relative_to(inside).as_posix() for p in inside.rglob('*')))\n"
    )
    members = [
        Member("app/app", built / "app", 0o755),
        Member("app/_internal/kept", built / "_internal/kept", 0o755),
        Member("app/_internal/kept/data.txt", built / "_internal/kept/data.txt", 0o644),
        Member("app/_internal/package", built / "_internal/package", 0o755),
    ]
    packed = tmp_path / f"a.{archive_format}"
    create(packed, archive_format, members, mtime=MTIME)

    kept: dict[str, Any] = {"filter": "tar"} if archive_format == "tar.gz" else {}
    shutil.unpack_archive(packed, tmp_path / "out", **kept)
    (tmp_path / "out/app/app").chmod(0o755)  # which zipfile doesn't do
    command = [tmp_path / "out/app/app"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed == "['kept', 'kept/data.txt', 'package']\n"


def test_an_empty_directory_has_a_mode_and_a_time(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    for archive_format in ("tar.gz", "zip"):
        members = [Member("lib/package", tmp_path / "package", 0o755)]
        create(tmp_path / f"a.{archive_format}", archive_format, members, mtime=MTIME)

    with tarfile.open(tmp_path / "a.tar.gz") as tar:
        (member,) = tar.getmembers()
        assert (member.isdir(), member.mode, member.mtime) == (True, 0o755, MTIME)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        (info,) = archive.infolist()
        assert (info.filename, info.external_attr) == ("lib/package/", 0o040755 << 16 | 0x10)


def test_a_zip_keeps_modes_links_and_times(tmp_path: Path) -> None:
    folder = _tree(tmp_path / "in", names=["agent-runner", "notices"])
    create(tmp_path / "a.zip", "zip", _members(folder), mtime=MTIME + 1)

    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        info = archive.getinfo("agent-runner")
        assert info.external_attr >> 16 == 0o100755
        assert info.date_time == (2023, 11, 14, 22, 13, 20)
        assert info.compress_size < info.file_size
        assert archive.read("lib/lib.so") == b"lib.so.1"


def test_times_before_1980_fit_into_a_zip(tmp_path: Path) -> None:
    folder = _tree(tmp_path / "in", names=["agent-runner", "notices"])
    create(tmp_path / "a.zip", "zip", _members(folder), mtime=0)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.getinfo("agent-runner").date_time == (1980, 1, 1, 0, 0, 0)


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        (["../escape"], "must stay in the archive"),
        (["/absolute"], "must stay in the archive"),
        ([""], "must stay in the archive"),
        (["a", "a"], "two members have the name 'a'"),
        (["a", "a/b"], "'a' names a file and a folder"),
    ],
)
def test_names_that_would_harm_are_refused(tmp_path: Path, paths: list[str], why: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    members = [Member(path, tmp_path / "file", 0o644) for path in paths]
    with pytest.raises(ArchiveError, match=why):
        create(tmp_path / "a.zip", "zip", members, mtime=0)


@pytest.mark.parametrize("archive_format", ["tar.gz", "zip"])
def test_an_archive_that_differs_from_its_members_is_not_kept(
    tmp_path: Path, archive_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that changes between writing and checking stands for whatever corrupts an archive."""
    (tmp_path / "file").write_bytes(b"before")
    (tmp_path / "other").write_bytes(b"other")
    members = [
        Member("file", tmp_path / "file", 0o755),
        Member("other", tmp_path / "other", 0o644),
    ]
    written = archiver.FORMATS[archive_format]

    def write_and_change(*arguments: object) -> None:
        written.write(*arguments)  # type: ignore[arg-type]
        (tmp_path / "file").write_bytes(b"after")

    changed = archiver._Format(write_and_change, written.read, written.mtime)
    monkeypatch.setitem(archiver.FORMATS, archive_format, changed)
    with pytest.raises(ArchiveError, match=r"a\.out differs from its specification: file is"):
        create(tmp_path / "a.out", archive_format, members, mtime=MTIME)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "other"]


def test_as_a_program_it_names_the_archive_that_it_could_not_write(tmp_path: Path) -> None:
    specification = {
        "output": "out/a.tar.gz",
        "format": "tar.gz",
        "mtime": MTIME,
        "members": [{"path": "a", "source": "a", "mode": 0o644}],
    }
    (tmp_path / "spec.json").write_text(json.dumps(specification))
    command = [sys.executable, "-I", archiver.__file__, "spec.json"]

    failed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert failed.stderr.startswith("out/a.tar.gz was not written: ")
    assert "Traceback" not in failed.stderr
    assert list((tmp_path / "out").iterdir()) == []

    (tmp_path / "a").write_bytes(b"a")
    subprocess.run(command, cwd=tmp_path, check=True)
    with tarfile.open(tmp_path / "out/a.tar.gz") as archive:
        stream = archive.extractfile("a")
        assert stream is not None
        assert hashlib.sha256(stream.read()).hexdigest() == hashlib.sha256(b"a").hexdigest()
