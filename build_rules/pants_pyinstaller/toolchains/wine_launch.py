"""Runs a Windows program under Wine, in a prefix of its own that is gone when it ends:

    PYTHON -I wine_launch.py --templates FOLDER --system32 FOLDER [--prefixes FOLDER] [--pass-signals]
        -- PROGRAM.exe ARGUMENT...

A prefix is what Wine calls its disk C: and its registry. Making one takes seconds and 700 MB, so it is made
once into `--templates` (a cache that processes share) and each run gets its own registry and user folders,
with links to the rest. `--system32` holds DLLs for C:\\windows\\system32, some in the place of Wine's own.

Nothing is left behind: the processes of a run belong to a Wine server of its own, which is told to end at the
program's end and at SIGINT, SIGTERM and SIGHUP, and this process is the reaper of all of them (Linux). If it is
killed outright, so is the program, and the server ends a few seconds later by itself. A half-made template has
another name than a finished one, and the next run makes it anew.

With `--pass-signals` each of these signals is a Ctrl-C in the program's console instead, for the program and its
children alike, as far as these did not ask for a group of their own.

The program's three standard streams are pipes, whatever this process has: Wine 8 gives a program that inherits a
file or /dev/null an invalid handle, over which Python falls. Its standard input is at its end.

The exit code is the program's; 128 + signal if it was ended by one.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import IO

RECIPE = "2"
"""Part of a template's name: to be raised when the steps that make one change."""

WINDOWS_VERSION = "win10"
"""What programs take Wine for: the oldest version that Python 3.13 supports."""

LINKED = "windows"
"""The folder of disk C: that is linked from a prefix into its template: Wine's own DLLs, which no run changes."""

_SERVER = "wineserver"
"""The program; and, in a prefix of Debian's Wine, the file that holds the name of its server's folder."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class WineError(Exception):
    """Wine is missing or makes no prefix; its text says what to do."""


class Ended(Exception):
    """A signal asked this process to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def environment(prefix: Path) -> dict[str, str]:
    """What Wine needs to know, besides what the caller's environment says to the program."""
    # Where this system keeps temporary files is no path for a Windows program; Wine gives it TEMP and TMP.
    inherited = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
    return {
        **inherited,
        "WINEPREFIX": str(prefix),
        "WINEDEBUG": "-all",
        # No offer to download Mono or Gecko, no menu entries on the user's desktop, no debugger for
        # a program that crashes.
        "WINEDLLOVERRIDES": "mscoree,mshtml,winedbg.exe,winemenubuilder.exe=",
        "DISPLAY": "",
    }


def template_name(version: str, additions: Sequence[Path]) -> str:
    """The name of the template for a version of Wine and the DLLs to add."""
    state = hashlib.sha256(f"{RECIPE}\0{version}\0{WINDOWS_VERSION}\0".encode())
    for path in sorted(additions):
        state.update(f"{path.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return f"prefix-{state.hexdigest()[:16]}"


def _run(command: Sequence[str], env: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        env=env,
        input="",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise WineError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout.strip()}")
    return done.stdout.strip()


def version_of(loader: str) -> str:
    """What the loader says of its version, such as `wine-8.0 (Debian 8.0~repack-4)`."""
    try:
        return _run([loader, "--version"], dict(os.environ))
    except OSError as error:
        raise WineError(
            f"{loader} cannot be run: {error.strerror}. "
            "Install Wine for 64-bit programs (Debian: apt-get install wine wine64)."
        ) from None


def make_template(prefix: Path, loader: str, additions: Sequence[Path]) -> None:
    """Make a complete prefix at `prefix`."""
    env = environment(prefix)
    try:
        _run([loader, "wineboot", "--init"], env)
        _run([loader, "winecfg", "-v", WINDOWS_VERSION], env)
    finally:
        end_server(prefix)
    # Wine must not "update" copies of this prefix whenever its own files are newer.
    (prefix / ".update-timestamp").write_text("disable\n")
    system32 = prefix / "drive_c/windows/system32"
    for path in additions:
        shutil.copyfile(path, system32 / path.name)


def template(templates: Path, loader: str, additions: Sequence[Path]) -> Path:
    """The template in the folder `templates`, made where it is missing; one process makes it, others wait."""
    ready = templates / template_name(version_of(loader), additions)
    if ready.is_dir():
        return ready
    templates.mkdir(parents=True, exist_ok=True)
    with (templates / f"{ready.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if ready.is_dir():
            return ready
        unfinished = templates / f"{ready.name}.new"
        shutil.rmtree(unfinished, ignore_errors=True)  # of a process that was killed
        unfinished.mkdir()
        make_template(unfinished, loader, additions)
        unfinished.rename(ready)
    return ready


def instantiate(source: Path, prefix: Path) -> None:
    """Make `prefix` from a template: its own registry, drives and folders, Windows itself by a link."""
    disk = prefix / "drive_c"
    disk.mkdir(parents=True)
    for path in source.iterdir():
        if path.name == "dosdevices":
            shutil.copytree(path, prefix / path.name, symlinks=True)
        elif path.is_file() and path.name != _SERVER:
            shutil.copyfile(path, prefix / path.name)
    for path in (source / "drive_c").iterdir():
        if path.name == LINKED:
            (disk / path.name).symlink_to(path.resolve())
        else:
            shutil.copytree(path, disk / path.name, symlinks=True)


def end_server(prefix: Path) -> None:
    """End every process of a prefix, and wait until they and their server are gone."""
    env = environment(prefix)
    for option in ("-k", "-w"):
        subprocess.run(
            [_SERVER, option],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    with contextlib.suppress(OSError):
        folder = (prefix / _SERVER).read_text().strip()
        if folder.startswith("wine-"):
            shutil.rmtree(Path(tempfile.gettempdir(), folder))


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _end(number: int, _frame: FrameType | None) -> None:
    raise Ended(number)


@contextlib.contextmanager
def private_prefix(source: Path, folder: Path | None) -> Iterator[Path]:
    """A prefix for one run below `folder`; afterwards its processes have ended and it is gone."""
    place = Path(tempfile.mkdtemp(prefix="wine-", dir=folder))
    prefix = place / "prefix"
    try:
        instantiate(source, prefix)
        yield prefix
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        end_server(prefix)
        shutil.rmtree(place, ignore_errors=True)


def _pass_on(source: IO[bytes], target: IO[bytes]) -> threading.Thread:
    """A thread that copies a stream to its end, each part as soon as it is there."""

    def copy() -> None:
        while part := os.read(source.fileno(), 1 << 16):
            with contextlib.suppress(BrokenPipeError):
                target.write(part)
                target.flush()

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    return thread


def _start_group() -> None:
    os.setpgid(0, 0)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run(command: Sequence[str], prefix: Path, loader: str, pass_signals: bool) -> int:
    """The exit code of a program in a prefix; what it prints is passed on."""
    process = subprocess.Popen(
        [loader, *command],
        env=environment(prefix),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=_start_group,
    )
    if pass_signals:
        for number in SIGNALS:
            # Wine makes a Ctrl-C event of SIGINT; Windows knows no process groups, but consoles.
            signal.signal(number, lambda *_: os.killpg(process.pid, signal.SIGINT))
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.close()
    copies = [
        _pass_on(process.stdout, sys.stdout.buffer),
        _pass_on(process.stderr, sys.stderr.buffer),
    ]
    try:
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    for copy in copies:
        copy.join(timeout=10)  # a child of the program may hold the pipe for longer
    return code if code >= 0 else 128 - code


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="wine_launch.py")
    parser.add_argument("--templates", type=Path, required=True)
    parser.add_argument("--system32", type=Path, required=True)
    parser.add_argument("--prefixes", type=Path)
    parser.add_argument("--loader", default="wine")
    parser.add_argument("--pass-signals", action="store_true")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    for number in SIGNALS:
        signal.signal(number, _end)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        additions = sorted(options.system32.resolve().glob("*.dll"))
        ready = template(options.templates.resolve(), options.loader, additions)
        with private_prefix(ready, options.prefixes) as prefix:
            return run(options.command, prefix, options.loader, options.pass_signals)
    except WineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Ended as ended:
        return 128 + ended.number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
