"""The script with the pinned uv, which takes an archive of this machine for one of its downloads."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().with_name("standalone_python.py")
VERSION = platform.python_version()


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    """A list of downloads as uv knows them, with this interpreter as the only one."""
    tree = tmp_path / "python"
    library = tree / f"lib/python{VERSION.rpartition('.')[0]}"
    library.mkdir(parents=True)
    for data in Path(sysconfig.get_path("stdlib")).glob("_sysconfigdata_*.py"):
        shutil.copy(data, library)  # uv writes the new place into it
    (tree / "bin").mkdir()
    python = tree / f"bin/python{VERSION.rpartition('.')[0]}"
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    archive = tmp_path / "python.tar.gz"
    with tarfile.open(archive, "w:gz") as out:
        out.add(tree, "python")
    major, minor, patch = map(int, VERSION.split("."))
    linux = sys.platform == "linux"
    machine = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    entry = {
        "name": "cpython",
        "arch": {"family": machine, "variant": None},
        "os": sys.platform,
        "libc": "gnu" if linux else "none",
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": archive.as_uri(),
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "variant": None,
    }
    listed = tmp_path / "downloads.json"
    name = f"cpython-{VERSION}-{sys.platform}-{machine}-{entry['libc']}"
    listed.write_text(json.dumps({name: entry}))
    return listed


def run(version: str, downloads: Path, home: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    return subprocess.run(
        [sys.executable, str(PROGRAM), version],
        env={**kept, "HOME": str(home), "UV_PYTHON_DOWNLOADS_JSON_URL": str(downloads)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_installs_a_python_and_names_its_directory(downloads: Path, tmp_path: Path) -> None:
    done = run(VERSION, downloads, tmp_path / "home")
    assert done.returncode == 0, done.stderr
    name, _, folder = done.stdout.strip().partition("=")
    assert name == "PANTS_PYTHONS"
    assert Path(folder).is_relative_to(tmp_path / "home")
    assert Path(folder, f"python{VERSION.rpartition('.')[0]}").exists()


def test_a_version_that_there_is_not(downloads: Path, tmp_path: Path) -> None:
    done = run("3.99", downloads, tmp_path / "home")
    assert done.returncode == 1
    assert "installing Python 3.99 failed" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
