"""Interrupt or kill a build for the emulated platforms: what is left, and what the next build
makes.

Pants runs in a separate workplace, on a tiny monorepo, with qemu and Wine as they are. Needs Linux, root or user
namespaces, and the packages that docs/platforms.md lists; `make test-interrupted`, since a build inside of Pants' own
test would wait for it.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from support import process_table
from support.cache_builds import BOUND_S, Workplace
from support.process_table import Entry

EXECUTABLES: Final = ("linux-arm64/service-0", "windows-amd64/service-0.exe")
PROGRAMS: Final = {
    "qemu-aarch64-static": "qemu-user-static",
    "wine": "wine wine64",
    "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64",
}
MOMENTS: Final = {
    "qemu": re.compile(r"qemu-aarch64-static /usr/bin/python"),
    "template": re.compile(r"wineboot|rundll32"),
    "wine": re.compile(r"windows_python[/\\]python\.exe"),
}
"""What runs at a moment of a build, by the command lines of its processes."""

GONE_S: Final = 30.0
_POLL_S: Final = 0.05
_PR_SET_CHILD_SUBREAPER: Final = 36

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="qemu and Wine run on Linux")


def descendants() -> list[Entry]:
    """All live processes of the builds: this process adopts their orphans."""
    return sorted(
        process_table.family({os.getpid()}, process_table.snapshot()), key=lambda one: one.pid
    )


class Builds:
    """Builds of one small program for both platforms, all with the same stores."""

    def __init__(self, folder: Path, launcher: Path) -> None:
        self._caches = folder / "caches"
        self._sandboxes = folder
        self._folder = folder
        self._servers: set[Path] = set()
        self.place = Workplace(folder, launcher, self._caches)

    def start(self, settings: Mapping[str, str], *, daemon: bool = False) -> subprocess.Popen[str]:
        """Its sandboxes get a separate folder, because a killed Pants leaves them."""
        shutil.rmtree(self.place.root / "dist", ignore_errors=True)
        self._sandboxes = Path(tempfile.mkdtemp(prefix="sandboxes-", dir=self._folder))
        return self.place.start(
            None,
            {
                "pyinstaller_platforms": f"{[path.partition('/')[0] for path in EXECUTABLES]}",
                "local_execution_root_dir": str(self._sandboxes),
                **settings,
            },
            daemon=daemon,
        )

    def wait_for(self, moment: str, build: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + BOUND_S
        while not any(MOMENTS[moment].search(one.command) for one in descendants()):
            assert build.poll() is None, build.communicate()[0]
            assert time.monotonic() < deadline, f"no {moment} in {BOUND_S:g} s"
            self._note_servers()
            time.sleep(_POLL_S)
        self._note_servers()

    def finish(self, **settings: str) -> dict[str, str]:
        """A whole build: the SHA-256 of each executable."""
        build = self.start(settings)
        output, _ = build.communicate(timeout=BOUND_S)
        assert build.returncode == 0, output
        dist = self.place.root / "dist/services.service_0"
        return {
            path: hashlib.sha256((dist / path).read_bytes()).hexdigest() for path in EXECUTABLES
        }

    def change(self, line: str) -> None:
        """Change the program, so that it is rebuilt."""
        source = self.place.root / "services/service_0/main.py"
        source.write_text(f"{source.read_text()}\n{line}\n")

    def remove_templates(self) -> None:
        """Delete the template, so that Wine's next launch makes one."""
        for path in self._caches.glob("pyinstaller_wine/prefix-*/"):
            shutil.rmtree(path)

    def _note_servers(self) -> None:
        """Where Wine's servers have their sockets, outside of all that is ours."""
        for path in self._caches.glob("pyinstaller_wine/run-*/prefix/wineserver"):
            with contextlib.suppress(OSError):
                if name := path.read_text().strip():
                    self._servers.add(Path("/tmp", name))

    def places(self) -> list[Path]:
        """Prefixes of Wine that launches have made and not removed."""
        return list(self._caches.glob("pyinstaller_wine/run-*"))

    def remains(self, but: frozenset[Entry] = frozenset()) -> list[str]:
        """Processes, mounts and directories of builds that have ended.

        Pants leaves one directory itself at every end, also in order: `immutable_inputs…`.
        """
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        return [
            *(f"{one.pid} {one.command}" for one in descendants() if one not in but),
            *(line for line in mounts if str(self._folder) in line),
            *map(str, self._sandboxes.glob("pants-sandbox-*")),
            *map(str, self.places()),
            *(str(path) for path in self._servers if path.exists()),
            *map(str, (self.place.root / "dist").glob("*")),
        ]

    def assert_nothing_remains(self, but: frozenset[Entry] = frozenset()) -> float:
        """Wait for the end; returns the seconds it took."""
        began = time.monotonic()
        while (left := self.remains(but)) and time.monotonic() < began + GONE_S:
            time.sleep(_POLL_S)
        assert left == []
        return time.monotonic() - began


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builds]:
    for name, packages in PROGRAMS.items():
        if shutil.which(name) is None:
            pytest.fail(f"there is no {name}: apt-get install {packages}", pytrace=False)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    launcher = Path(os.environ.get("PANTS_SETUP_CACHE") or Path(cache, "pants/setup"))
    yield Builds(tmp_path_factory.mktemp("builds"), launcher)
    kill(descendants())


def kill(processes: list[Entry]) -> None:
    """Send SIGKILL to them and their process groups, except that of the tests."""
    for one in processes:
        with contextlib.suppress(ProcessLookupError):
            group = os.getpgid(one.pid)
            if group != os.getpgid(0):
                os.killpg(group, signal.SIGKILL)


def interrupt(build: subprocess.Popen[str], number: signal.Signals = signal.SIGINT) -> None:
    """Send the signal as a terminal does at Ctrl-C, or the system when it shuts down."""
    os.killpg(build.pid, number)
    build.communicate(timeout=BOUND_S)
    assert build.returncode != 0


def test_whatever_is_interrupted_or_killed_the_next_build_is_right(builds: Builds) -> None:
    """From empty stores on: interrupts, a kill of everything, then a whole build; the same bytes as one that nobody
    disturbed."""
    for moment in MOMENTS:
        builds.change(f"SIGINT = {moment!r}")
        if moment == "template":
            builds.remove_templates()
        build = builds.start({})
        builds.wait_for(moment, build)
        began = time.monotonic()
        interrupt(build)
        ended = time.monotonic() - began
        print(f"SIGINT at {moment}: {ended:.1f} s", end=", ", flush=True)
        print(f"nothing left {builds.assert_nothing_remains():.1f} s later", flush=True)

    builds.change("SIGKILL = True")
    build = builds.start({})
    builds.wait_for("wine", build)
    kill(descendants())
    build.communicate(timeout=BOUND_S)
    while descendants():
        time.sleep(_POLL_S)

    disturbed = builds.finish()
    assert builds.places() == []
    undisturbed = builds.finish(local_store_dir=str(builds.place.root.parent / "other store"))
    assert disturbed == undisturbed


@pytest.mark.parametrize(("moment", "number"), [("qemu", signal.SIGINT), ("wine", signal.SIGTERM)])
def test_an_interrupted_client_ends_what_the_daemon_runs_for_it(
    builds: Builds, moment: str, number: signal.Signals
) -> None:
    """Without a daemon Pants obeys SIGTERM only when its build is done, so the test above doesn't
    try that."""
    builds.change(f"{number.name} = {moment!r}")
    build = builds.start({}, daemon=True)
    builds.wait_for(moment, build)
    daemon = frozenset(one for one in descendants() if one.command.startswith("pantsd ["))
    assert len(daemon) == 1

    interrupt(build, number)

    builds.assert_nothing_remains(but=daemon)
    kill(list(daemon))
