"""Check the archives in a directory as a user would: checksum, unpack, start.

    python smoke.py dist/release [PROGRAM]

Plain Python, so that the same check runs on every platform, even one without Pants. Archives for
other platforms are checked and unpacked, not started. Exit codes: 0 success; 1 something is wrong,
or no archive is for this platform.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

PROGRAM = "agent-runner"
MISSING = "TEMPORAL_SERVICE_ADDRESS"
"""The variable that the program must report as missing when it starts without any."""
TIMEOUT = 120.0  # seconds; a virus scanner may slow the first start on a new machine


ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class Failure(Exception):
    """A problem that a user would notice."""


def environment(home: Path) -> dict[str, str]:
    """Almost empty: what the system itself needs, and a folder for temporary files."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    places = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP"), str(home))
    return {**kept, **places}


def check_checksum(checksum: Path) -> Path:
    """The archive of a checksum file, after checking its digest."""
    digest, _, name = checksum.read_bytes().decode().removesuffix("\n").partition("  ")
    archive = checksum.with_name(name)
    if not archive.is_file():
        raise Failure(f"{checksum.name} is about {name!r}, which is not beside it")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != digest:
        raise Failure(f"{name} has the SHA-256 {found}, but {checksum.name} says {digest}")
    return archive


def unpack(archive: Path, target: Path) -> None:
    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as opened:
                opened.extractall(target)
        else:
            with tarfile.open(archive) as opened:
                # Before Python 3.12 there is no such filter, and the attribute means nothing.
                opened.extraction_filter = getattr(tarfile, "data_filter", None)
                opened.extractall(target)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise Failure(f"{archive.name} can't be unpacked: {error}") from error


def start(program: Path, *arguments: str) -> tuple[int, str]:
    """Exit code and output of a start; raises Failure if it doesn't end."""
    try:
        done = subprocess.run(
            [str(program), *arguments],
            env=environment(program.parent),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(f"{program.name} can't be started: {error}") from error
    return done.returncode, done.stdout.decode("utf-8", "replace")


def is_for_this_platform(archive: Path) -> bool:
    """Whether an archive's name, `...-OS-ARCH.tar.gz` or `.zip`, tells this machine's platform."""
    machine = platform.machine()
    here = f"{platform.system().lower()}-{ARCHITECTURES.get(machine, machine)}"
    return archive.name.removesuffix(".zip").removesuffix(".tar.gz").endswith(f"-{here}")


def check_archive(archive: Path, name: str) -> Iterator[str]:
    """Unpack an archive, and start what it holds if it can be started here; yields what was seen."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(archive, Path(folder))
        program = Path(folder, f"{name}.exe" if archive.suffix == ".zip" else name)
        if not program.is_file():
            raise Failure(f"{archive.name} holds no {program.name}")
        if not is_for_this_platform(archive):
            yield f"{archive.name}: whole; for another platform than this one"
            return
        code, output = start(program, "--version")
        if code != 0:
            raise Failure(f"{archive.name}: `--version` ended with {code}:\n{output}")
        yield f"{archive.name}: {output.strip()}"
        code, output = start(program)
        if code != 2 or MISSING not in output:
            raise Failure(
                f"{archive.name}: without variables it ended with {code}, not with 2 and a list "
                f"of what is missing:\n{output}"
            )
        yield f"{archive.name}: it starts, and names what is missing"


def main(arguments: list[str]) -> int:
    if not 1 <= len(arguments) <= 2:
        print("usage: smoke.py DIRECTORY [PROGRAM]", file=sys.stderr)
        return 2
    for stream in (sys.stdout, sys.stderr):  # a pipe on Windows may know no more than cp1252
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    directory = Path(arguments[0])
    name = arguments[1] if len(arguments) == 2 else PROGRAM
    try:
        checksums = sorted(directory.glob("*.sha256"))
        if not checksums:
            raise Failure(f"{directory} holds no archive with a checksum")
        archives = [check_checksum(checksum) for checksum in checksums]
        for archive in archives:
            for line in check_archive(archive, name):
                print(line, flush=True)
        if not any(map(is_for_this_platform, archives)):
            raise Failure(f"{directory} holds no archive for this platform")
    except Failure as failure:
        print(f"smoke test failed: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
