"""Make and check the locks, most of them in 3rdparty/python: NAME.in lists requirements, NAME.lock
pins them.

    ./pants run build_support:lock                        make every lock, keeping pins that fit
    ./pants run build_support:lock -- agent-runner        only this one
    ./pants run build_support:lock -- --upgrade certifi   upgrade one distribution in every lock
    ./pants run build_support:lock -- --upgrade-all       upgrade everything
    ./pants run build_support:lock -- --check             exit 1 if an .in and its lock disagree

A lock is a requirements file with hashes, without the URL of any index: the same lock serves the
public index, a mirror or a wheelhouse. After resolving, it checks that each distribution has a
wheel for every platform of its lock, and names those without.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uv import find_uv_bin

FOLDER = Path("3rdparty/python")

# Our platform names -> uv's.
PLATFORMS = {
    "darwin-arm64": "aarch64-apple-darwin",
    "darwin-amd64": "x86_64-apple-darwin",
    "linux-amd64": "x86_64-manylinux_2_28",
    "linux-arm64": "aarch64-manylinux_2_28",
    "windows-amd64": "x86_64-pc-windows-msvc",
}
UNIX = tuple(name for name in PLATFORMS if not name.startswith("windows"))

CORES = tuple(name for name in PLATFORMS if not name.startswith("linux"))


@dataclass(frozen=True)
class Lock:
    """One resolve: its minimum Python, and the platforms it must cover.

    `built` names distributions that may be built from source if they have no wheel.
    """

    name: str
    python: str
    platforms: tuple[str, ...] = UNIX
    built: tuple[str, ...] = ()
    folder: Path = FOLDER

    @property
    def source(self) -> Path:
        return self.folder / f"{self.name}.in"

    @property
    def target(self) -> Path:
        return self.folder / f"{self.name}.lock"

    @property
    def overrides(self) -> Path:
        return self.folder / f"{self.name}.override"


LOCKS = (
    Lock("agent-runner", "3.13", tuple(PLATFORMS)),
    Lock("buildgrid", "3.13"),
    Lock("cyclonedx", "3.13"),
    Lock("docs-site", "3.13"),
    Lock("mypy", "3.13"),
    # Pants 2.17 pins releases from before there were wheels for arm64 Macs.
    Lock("pants", "3.9", built=("ijson", "setproctitle", "psutil")),
    Lock("pants-plugins", "3.9", built=("ijson", "setproctitle", "psutil")),
    Lock("pex", "3.9"),
    Lock("pyinstaller", "3.13", tuple(PLATFORMS)),
    Lock("pytest", "3.9"),
    Lock("redis-server", "3.13"),
    Lock("release", "3.13"),
    Lock("ruff", "3.9"),
    Lock("temporal-server", "3.13"),
    Lock("uv", "3.9", tuple(PLATFORMS)),
    # Beside what reads them: no resolves of Pants', which could install them on this platform alone.
    *(
        Lock(version, "3.13", CORES, folder=Path("build_rules/pants_pyinstaller/toolchains/cores"))
        for version in ("3.13.0", "3.13.11")
    ),
    Lock("workflows", "3.13"),
)


class LockError(Exception):
    """A lock that cannot be made or is out of date; the message says what to do."""


def compile_args(lock: Lock, output: Path, upgrade: Sequence[str], upgrade_all: bool) -> list[str]:
    """uv's arguments that resolve `lock` into `output`; pins already in `output` are kept."""
    args = [
        *("pip", "compile", "--quiet", "--universal", "--generate-hashes"),
        *("--no-emit-index-url", "--no-header", "--python-version", lock.python),
        *(str(lock.source), "--output-file", str(output)),
    ]
    if lock.overrides.exists():
        args += ["--override", str(lock.overrides)]
    if upgrade_all:
        args.append("--upgrade")
    for name in upgrade:
        args += ["--upgrade-package", name]
    return args


def wheel_args(lock: Lock, locked: Path, platform: str) -> list[str]:
    """Arguments with which uv fails unless everything in `locked` has a wheel for `platform`."""
    wheels = sorted(pinned(locked.read_text()) - set(lock.built))
    return [
        *("pip", "compile", "--quiet", "--no-deps"),
        *(arg for name in wheels for arg in ("--only-binary", name)),
        *("--python-platform", PLATFORMS[platform], "--python-version", lock.python),
        str(locked),
    ]


def uv(args: Sequence[str], doing: str) -> None:
    done = subprocess.run([find_uv_bin(), *args], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LockError(f"{doing}:\n{done.stderr.strip()}")


def resolve(lock: Lock, upgrade: Sequence[str] = (), upgrade_all: bool = False) -> str:
    """The text that `lock` should have; the file is only read.

    Raises LockError if its requirements have no solution or a wheel is missing.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, lock.target.name)
        if lock.target.exists():
            output.write_bytes(lock.target.read_bytes())
        uv(compile_args(lock, output, upgrade, upgrade_all), f"{lock.source} has no solution")
        for platform in lock.platforms:
            uv(wheel_args(lock, output, platform), f"{lock.target}: no wheel for {platform}")
        return output.read_text()


def selected(names: Sequence[str]) -> list[Lock]:
    known = {lock.name: lock for lock in LOCKS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise LockError(f"no lock named {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names] or list(LOCKS)


def pinned(text: str) -> set[str]:
    """The names that a lock's text pins."""
    return {
        line.split("==")[0] for line in text.splitlines() if "==" in line and line[:1].isalnum()
    }


def run(options: argparse.Namespace) -> int:
    stale = []
    for lock in selected(options.names):
        if not lock.source.exists():
            raise LockError(f"{lock.source} is missing")
        before = lock.target.read_text() if lock.target.exists() else ""
        upgrade = [name for name in options.upgrade if name in pinned(before)]
        if options.upgrade and not upgrade:
            continue
        after = resolve(lock, upgrade, options.upgrade_all)
        if after == before:
            print(f"{lock.name}: in step")
        elif options.check:
            stale.append(lock)
            print(f"{lock.name}: {lock.source} and {lock.target} disagree")
        else:
            temporary = lock.target.with_suffix(".tmp")
            temporary.write_text(after)
            temporary.replace(lock.target)
            print(f"{lock.name}: wrote {lock.target}")
    if stale:
        names = " ".join(lock.name for lock in stale)
        raise LockError(f"remake them: ./pants run build_support:lock -- {names}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="./pants run build_support:lock --",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="locks; default: all")
    parser.add_argument("--upgrade", action="append", default=[], metavar="DISTRIBUTION")
    parser.add_argument("--upgrade-all", action="store_true")
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args(argv)
    if options.check and (options.upgrade or options.upgrade_all):
        parser.error("--check changes nothing, so it cannot be combined with --upgrade")
    try:
        return run(options)
    except LockError as error:
        print(f"lock: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
