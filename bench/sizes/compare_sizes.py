"""Freezes ten programs over one large lock, by the freezer and by PyInstaller alone, and compares their sizes.

    make bench-sizes PYTHON=python3.13          all programs
    make bench-sizes ONLY=rich_table,hello      these alone

The Python has PyInstaller of 3rdparty/python/pyinstaller.lock and uv of 3rdparty/python/uv.lock. Each program has to
print the same unfrozen and in all four bundles. Exit status 1 if one of ours is larger than PyInstaller's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pants_pyinstaller.driver import contract
from pants_pyinstaller.testing.freezer import Freezer, PlainPyInstaller, start

HERE: Final = Path(__file__).resolve().parent
PROGRAMS: Final = HERE / "programs"
LOCK: Final = HERE / "sizes.lock"
MODES: Final = (contract.ONE_FILE, contract.ONE_DIR)


@dataclass(frozen=True)
class Size:
    """Bytes of a program's bundle in one mode; those of one-dir are the files', a hard link counted once."""

    program: str
    mode: str
    ours: int
    plain: int

    @property
    def within(self) -> bool:
        return self.ours <= self.plain

    def line(self) -> str:
        ratio = self.ours / self.plain
        mark = "" if self.within else "  larger"
        return f"{self.program:20} {self.mode:9} {self.ours / 1e6:8.1f} {self.plain / 1e6:8.1f} {ratio:6.2f}{mark}"


def measure(root: Path, names: Sequence[str]) -> Iterator[Size]:
    """Freeze the named programs below ``root``, which keeps the installed lock and its layer.

    :raises SystemExit: a program does not print what it prints unfrozen.
    """
    freezer = Freezer(root)
    if not (root / "ready").exists():
        install(root / "site")
        say("analysing the lock (some minutes)")
        freezer.prepare()
        (root / "ready").touch()
    for name in names:
        work = root / name
        shutil.rmtree(work, ignore_errors=True)
        source = (PROGRAMS / f"{name}.py").read_text()
        want = unfrozen(root / "site", PROGRAMS / f"{name}.py")
        request = freezer.app(name, {f"{name}.py": source}, f"{name}.py")
        freezer.must(contract.APP, request)
        plain = PlainPyInstaller(root, work / "plain")
        for mode in MODES:
            ours = freezer.finish(request, mode=mode, output=f"{name}/{mode}")
            theirs = plain.freeze_file(
                PROGRAMS / f"{name}.py", f"--{mode.replace('-', '')}", name=f"{mode}/{name}"
            )
            for maker, executable in (("ours", ours), ("PyInstaller", theirs)):
                done = start(executable, HOME=str(work), PATH=os.defpath)
                if (done.returncode, done.stdout) != (0, want):
                    sys.exit(
                        f"{name}, {mode} by {maker}: {done.returncode}, {done.stdout!r}, not {want!r}\n{done.stderr}"
                    )
            yield Size(name, mode, *(bundle_size(path, mode) for path in (ours, theirs)))
        shutil.rmtree(work)


def install(site: Path) -> None:
    """Install the lock's wheels into ``site``."""
    say("installing the lock")
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "--no-deps",
    ]
    subprocess.run([*command, "--python", sys.executable, "--target", site, "-r", LOCK], check=True)


def unfrozen(site: Path, script: Path) -> str:
    environment = {"PATH": os.defpath, "HOME": str(site.parent), "PYTHONPATH": str(site)}
    command = [sys.executable, "-s", "-B", str(script)]
    return subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def bundle_size(executable: Path, mode: str) -> int:
    """Bytes of a one-file executable, or of all files of a one-dir bundle."""
    if mode == contract.ONE_FILE:
        return executable.stat().st_size
    files = {(stat.st_dev, stat.st_ino): stat.st_size for stat in _stats(executable.parent)}
    return sum(files.values())


def _stats(directory: Path) -> Iterator[os.stat_result]:
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            yield path.stat()


def say(text: str) -> None:
    print(f"bench-sizes: {text}", file=sys.stderr, flush=True)


def main() -> int:
    known = sorted(path.stem for path in PROGRAMS.glob("*.py"))
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", default=",".join(known), help=f"comma-separated: {', '.join(known)}"
    )
    parser.add_argument(
        "--root", type=Path, help="directory that keeps the installed lock between runs"
    )
    arguments = parser.parse_args()
    names = [name for name in arguments.only.split(",") if name]
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"no program named {', '.join(unknown)}; there are {', '.join(known)}")
    with tempfile.TemporaryDirectory(prefix="bench-sizes-") as scratch:
        root: Path = arguments.root or Path(scratch)
        root.mkdir(parents=True, exist_ok=True)
        print(f"{'program':20} {'mode':9} {'ours MB':>8} {'plain MB':>8} {'ratio':>6}")
        larger = 0
        for size in measure(root.resolve(), names):
            print(size.line(), flush=True)
            larger += not size.within
    return 1 if larger else 0


if __name__ == "__main__":
    sys.exit(main())
