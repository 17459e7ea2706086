"""Runs a Windows program under Wine, in its own prefix that is gone when it ends:

    PYTHON -I wine_launch.py --cache FOLDER --system32 FOLDER [--pass-signals] -- PROGRAM.exe ARGUMENT...

A prefix is what Wine calls its disk C: and its registry. Making one takes seconds and 700 MB, so a template is
made once into `--cache`, a folder that processes share, and each run gets its own registry and user folders
there, with links to the rest. `--system32` holds DLLs for C:\\windows\\system32, some in the place of Wine's own.

Nothing is left behind, whatever signal comes when. All that a run makes, a template too, is made in a place of its
own, `FOLDER/run-*`. Before anything is in it a janitor is forked: a process in its own session, which no signal
but SIGKILL reaches. It waits for the end of this process, of which the kernel tells it in any case; then it
kills every process that has the place's prefix in its environment, as all of Wine's have, and removes the place. So
there is one way to end, in order or by SIGKILL. Where the janitor was killed as well, or the machine went down, the
place is found by the next run: a place is locked for as long as a process looks after it, and one without a lock is a
remain. When the caller ends without a word, killed, this process ends within a second.

SIGINT, SIGTERM and SIGHUP end a run. With `--pass-signals` each of them is a Ctrl-C in the program's console instead,
for the program and its children alike, as far as these did not ask for a group of their own.

The program's three standard streams are pipes, whatever this process has: Wine 8 gives a program that inherits a
file or /dev/null an invalid handle, over which Python falls. Its standard input is at its end.

The exit code is the program's; 128 + signal if it was ended by one.

Linux only; standard library only; runs on the building machine's Python 3.9 or newer.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import hashlib
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NoReturn

RECIPE = "2"
"""Part of a template's name: to be raised when the steps that make one change."""

WINDOWS_VERSION = "win10"
"""What programs take Wine for: the oldest version that Python 3.13 supports."""

LINKED = "windows"
"""The folder of disk C: that is linked from a prefix into its template: Wine's own DLLs, which no run changes."""

_PLACE = "run-"
_PREFIX = "prefix"
_SERVER = "wineserver"
"""The program; and, in a prefix of Debian's Wine, the file that holds the name of its server's folder."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1
_LOOK_S = 1.0
_LOCK_LOOK_S = 0.2
_KILL_PATIENCE_S = 30.0  # a killed process ends at once, but for one that waits for a disk


class WineError(Exception):
    """Wine is missing or makes no prefix; its text says what to do."""


class Ended(Exception):
    """A signal asked this process to end, or its caller ended without a word."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


# --- Signals ----------------------------------------------------------------------------------------


class Watch:
    """From now on signals wait until this process looks for them: nothing is ever half done."""

    def __init__(self) -> None:
        self._caller = os.getppid()
        signal.pthread_sigmask(signal.SIG_BLOCK, (*SIGNALS, signal.SIGCHLD))

    def wait(self, timeout_s: float) -> int | None:
        """Wait for a signal or the end of a child; returns one of SIGNALS, if it was one.

        Raises Ended if the caller has ended.
        """
        found = signal.sigtimedwait((*SIGNALS, signal.SIGCHLD), timeout_s)
        if os.getppid() != self._caller:  # it was killed and can't say that it waits no more
            raise Ended(signal.SIGKILL)
        return found.si_signo if found and found.si_signo in SIGNALS else None

    def wait_or_end(self, timeout_s: float) -> None:
        """The same; a signal raises Ended."""
        number = self.wait(timeout_s)
        if number is not None:
            raise Ended(number)


# --- Places -----------------------------------------------------------------------------------------


def _processes(prefix: Path) -> Iterator[int]:
    """The processes, of those that this user may look at, that were started for a prefix."""
    mark = f"WINEPREFIX={prefix}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it ended, or is another user's
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name)


def end_processes(prefix: Path) -> None:
    """Kill the processes of a prefix and wait until they are gone."""
    looks, deadline = 0, time.monotonic() + _KILL_PATIENCE_S
    while (
        looks < 2 and time.monotonic() < deadline
    ):  # one may have been started behind the first look
        looks += 1
        for pid in _processes(prefix):
            looks = 0
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if looks == 0:
            time.sleep(0.01)


def _server_folders(prefix: Path) -> Iterator[Path]:
    """Where a prefix' server has its socket: outside, since a socket's path must be short."""
    with contextlib.suppress(OSError):
        name = (prefix / _SERVER).read_text(errors="replace").strip()
        if re.fullmatch(r"wine-\w+", name):
            yield Path("/tmp", name)
    with contextlib.suppress(OSError):  # where Wine has no such file
        found = prefix.stat()
        yield Path(f"/tmp/.wine-{os.getuid()}/server-{found.st_dev:x}-{found.st_ino:x}")


def clear_prefix(prefix: Path) -> None:
    """End what runs in a prefix, and remove what its server left elsewhere."""
    end_processes(prefix)
    for folder in list(_server_folders(prefix)):
        shutil.rmtree(folder, ignore_errors=True)


def remove(place: Path) -> None:
    """Remove a place with all that runs in it."""
    clear_prefix(place / _PREFIX)
    shutil.rmtree(place, ignore_errors=True)


def repair(cache: Path) -> None:
    """Remove the places that nobody looks after any more."""
    for place in cache.glob(f"{_PLACE}*"):
        try:
            lock = os.open(place, os.O_RDONLY)
        except OSError:  # it is gone, or another user's
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(place)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)


def _make_place(cache: Path) -> tuple[Path, int]:
    """A new folder in the cache and the descriptor that holds its lock."""
    while True:
        place = Path(tempfile.mkdtemp(prefix=_PLACE, dir=cache))
        # Before it is locked another launch may take it for a remain and remove it.
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(place, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if place.is_dir():
                return place, lock
            os.close(lock)


def _keep_clean(place: Path, launcher: int) -> NoReturn:
    """Be the janitor: remove the place when the other end of the pipe `launcher` is closed."""
    code = 1
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(nothing, stream)
        os.read(launcher, 1)
        remove(place)
        code = 0
    finally:
        os._exit(code)


@contextlib.contextmanager
def private_place(cache: Path) -> Iterator[Path]:
    """A folder in the cache; afterwards it is gone, and so are the processes of the prefix in it."""
    place, lock = _make_place(cache)
    launcher, held = os.pipe()
    janitor = os.fork()
    if janitor == 0:
        os.close(held)
        _keep_clean(place, launcher)
    try:
        yield place
    finally:
        os.close(held)
        if os.waitpid(janitor, 0)[1]:
            remove(place)  # somebody killed it
        os.close(launcher)
        os.close(lock)


# --- Wine -------------------------------------------------------------------------------------------


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


def _start_group(launcher: int) -> None:
    """In the child, before Wine: end with the launcher; have a group and no signal blocked."""
    os.setpgid(0, 0)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != launcher:  # it was killed before: the janitor may have looked already
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def execute(
    command: Sequence[str],
    env: dict[str, str],
    streams: tuple[IO[bytes], IO[bytes]],
    watch: Watch,
    on_signal: Callable[[int], None] | None = None,
) -> int:
    """The exit code of a command, whose output is copied to `streams`; 128 + N for signal N.

    on_signal: called with the command's process group for each signal that comes, instead of
    Ended being raised. Raises OSError if it can't be started.
    """
    launcher = os.getpid()
    process = subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: _start_group(launcher),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.close()
    copies = [_pass_on(*pair) for pair in zip((process.stdout, process.stderr), streams)]
    while (code := process.poll()) is None:
        if on_signal is None:
            watch.wait_or_end(_LOOK_S)
        elif watch.wait(_LOOK_S) is not None:
            on_signal(process.pid)
    for copy in copies:
        copy.join(timeout=10)  # a child of the program may hold the pipe for longer
    return code if code >= 0 else 128 - code


def _ask(command: Sequence[str], env: dict[str, str], watch: Watch) -> str:
    said = io.BytesIO()
    code = execute(command, env, (said, said), watch)
    text = said.getvalue().decode(errors="replace").strip()
    if code:
        raise WineError(f"{' '.join(command)} ended with {code}:\n{text}")
    return text


def version_of(loader: str, watch: Watch) -> str:
    """What the loader says of its version, such as `wine-8.0 (Debian 8.0~repack-4)`."""
    try:
        return _ask([loader, "--version"], {**os.environ, "WINEDEBUG": "-all"}, watch)
    except OSError as error:
        raise WineError(
            f"{loader} cannot be run: {error.strerror}. "
            "Install Wine for 64-bit programs (Debian: apt-get install wine wine64)."
        ) from None


def template_name(version: str, additions: Sequence[Path]) -> str:
    """The name of the template for a version of Wine and the DLLs to add."""
    state = hashlib.sha256(f"{RECIPE}\0{version}\0{WINDOWS_VERSION}\0".encode())
    for path in sorted(additions):
        state.update(f"{path.name}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return f"prefix-{state.hexdigest()[:16]}"


def make_template(prefix: Path, loader: str, additions: Sequence[Path], watch: Watch) -> None:
    """Make a complete prefix at `prefix`."""
    env = environment(prefix)
    prefix.mkdir()
    _ask([loader, "wineboot", "--init"], env, watch)
    _ask([loader, "winecfg", "-v", WINDOWS_VERSION], env, watch)
    # The server writes the registry when it is told to end.
    for option in ("-k", "-w"):
        with contextlib.suppress(WineError):  # "no server": it ended by itself
            _ask([_SERVER, option], env, watch)
    clear_prefix(prefix)
    # Wine must not "update" copies of this prefix whenever its own files are newer.
    (prefix / ".update-timestamp").write_text("disable\n")
    system32 = prefix / "drive_c/windows/system32"
    for path in additions:
        shutil.copyfile(path, system32 / path.name)


def template(cache: Path, loader: str, additions: Sequence[Path], watch: Watch) -> Path:
    """The template in the cache, made where it is missing; one process makes it, others wait."""
    ready = cache / template_name(version_of(loader, watch), additions)
    if ready.is_dir():
        return ready
    with (cache / f"{ready.name}.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                watch.wait_or_end(_LOCK_LOOK_S)
        if not ready.is_dir():
            with private_place(cache) as place:
                make_template(place / _PREFIX, loader, additions, watch)
                (place / _PREFIX).rename(ready)
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


def _control_c(group: int) -> None:
    # Wine makes a Ctrl-C event of SIGINT; Windows knows no process groups, but consoles.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGINT)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="wine_launch.py")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--system32", type=Path, required=True)
    parser.add_argument("--loader", default="wine")
    parser.add_argument("--pass-signals", action="store_true")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    watch = Watch()
    try:
        additions = sorted(options.system32.resolve().glob("*.dll"))
        cache = options.cache.resolve()
        cache.mkdir(parents=True, exist_ok=True)
        repair(cache)
        ready = template(cache, options.loader, additions, watch)
        with private_place(cache) as place:
            prefix = place / _PREFIX
            instantiate(ready, prefix)
            return execute(
                [options.loader, *options.command],
                environment(prefix),
                (sys.stdout.buffer, sys.stderr.buffer),
                watch,
                _control_c if options.pass_signals else None,
            )
    except WineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except Ended as ended:
        return 128 + ended.number


if __name__ == "__main__":
    # Not sys.exit: a thread may still hold an output stream whose reader does not read.
    os._exit(main(sys.argv[1:]))
