"""Measure what a remote cache saves, for this repository and for monorepos of N services over M
locks.

    make bench-cache                             agent-runner; 1 and 3 services over one small lock
    make bench-cache SERVICES=1,10,100 LOCKS=1   and as many as there is time for
    PYTHONPATH=bench:tests python3 bench/cache.py --help

Each has its own cache server, reached through a proxy that counts bytes. Steps: `fill` (nothing
stored, an empty cache), `local` (again, everything stored), `line` (one line of one service
changed), `remote` (another clone elsewhere, nothing stored), `cold` (nothing stored, no cache),
`down` (like `cold`, but a cache is configured that is not running). Each clone has its own home,
local store and daemon; starting the daemon is not counted. Clones share the wheel caches, which
`fill` warms, so `cold` and `down` build without downloads and differ in nothing else. Results go to
dist/bench/cache.json.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import itertools
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from comparison.command_line import (
    can_measure,
    launcher_cache,
    numbers,
    say,
    some_of,
    write,
)
from comparison.growth import Growth, Step, bars, document, table, verdicts
from comparison.processes import CommandFailed, measure
from comparison.subjects import Generated, Subject, ThisRepository
from comparison.workspaces import SURROUNDINGS, share_wheel_caches
from support.cache_builds import remote_cache_settings
from support.cache_server import CacheServer, make_python
from support.clones import REPOSITORY, builder_environment
from support.ports import free_port
from support.tcp_proxy import TcpProxy

RESULT: Final = Path("dist/bench/cache.json")
STEPS: Final = ("fill", "local", "line", "remote", "cold", "down")
_STOP_S: Final = 30.0


class CachedClone:
    """A clone of `subject` with its own home; caches: the shared wheel caches."""

    def __init__(self, folder: Path, launcher: Path, caches: Path, subject: Subject) -> None:
        self.root = folder / "clone"
        self.subject = subject
        self._folder = folder
        home = folder / "home"
        home.mkdir(parents=True)
        self._environment = builder_environment(os.environ, home) | {
            "TZ": SURROUNDINGS[0].time_zone,
            "PANTS_SETUP_CACHE": str(launcher),
            "PANTS_PANTSRC": "false",
            "PANTS_NAMED_CACHES_DIR": str(folder / "caches"),
            "PANTS_CACHE_REPORT_ENABLED": "true",
            "PANTS_CACHE_REPORT_FILE": str(folder / "report.json"),
        }
        share_wheel_caches(folder / "caches", caches)
        subject.make(self.root)

    @contextlib.contextmanager
    def daemon(self, cache: str | None) -> Iterator[int]:
        """A daemon whose builds use the cache at HOST:PORT, or none. Raises CommandFailed."""
        for name in remote_cache_settings(""):
            self._environment.pop(name, None)
        if cache is not None:
            self._environment |= remote_cache_settings(cache)
        self._measure("--version")
        pid = int(next(self.root.glob(".pids/*/pantsd/pid")).read_text())
        try:
            yield pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + _STOP_S
            while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
                time.sleep(0.1)

    def _measure(self, *arguments: str, daemon: int | None = None) -> Step:
        report = self._folder / "report.json"
        report.unlink(missing_ok=True)
        usage = measure(
            ["./pants", *arguments],
            environment=self._environment,
            cwd=self.root,
            log=self._folder / "log",
            daemon=daemon,
        )
        found = json.loads(report.read_text()) if report.exists() else {}
        ran = [
            one for one in found.get("processes", ()) if one["source"] == "Ran" and one["cacheable"]
        ]
        hits = found.get("counters", {}).get("remote_cache_requests_cached", 0)
        return Step(usage, hits=hits, ran=len(ran))

    def build(self, daemon: int, proxy: TcpProxy | None = None) -> Step:
        """`./pants package ::` with the daemon, and what went through the proxy."""
        shutil.rmtree(self.root / "dist", ignore_errors=True)
        before = (proxy.to_server, proxy.to_client) if proxy else (0, 0)
        step = self._measure("package", "::", daemon=daemon)
        after = (proxy.to_server, proxy.to_client) if proxy else (0, 0)
        return Step(
            step.usage, after[0] - before[0], after[1] - before[1], hits=step.hits, ran=step.ran
        )

    @property
    def binary(self) -> Path:
        return self.root / "dist" / self.subject.binary

    def executables(self) -> dict[str, str]:
        """SHA-256 of each executable, by name."""
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((self.root / "dist").glob("*/*"))
            if path.is_file() and os.access(path, os.X_OK)
        }


def peak_bytes(pid: int) -> int:
    """The largest resident set so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"/proc/{pid}/status has no VmHWM")


def kept_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure_all(
    subject: Subject, folder: Path, launcher: Path, python: Path, only: Sequence[str]
) -> Growth:
    """All steps of one subject. Raises CommandFailed."""
    steps: dict[str, Step] = {}
    made: list[dict[str, str]] = []

    def clone(*place: str) -> CachedClone:
        return CachedClone(folder.joinpath(*place), launcher, folder / "caches", subject)

    def add(name: str, step: Step) -> None:
        steps[name] = step
        say(
            f"{subject.title}, {name}: {step.usage.cpu_s:.1f} s of CPU, "
            f"{step.usage.wall_s:.1f} s, {step.hits} hits, {step.ran} ran"
        )

    first = clone("fill")
    with (
        CacheServer(python, REPOSITORY, folder / "cache") as server,
        TcpProxy(server.target) as proxy,
    ):
        with first.daemon(proxy.address) as daemon:
            add("fill", first.build(daemon, proxy))
            made.append(first.executables())
            binary_bytes = first.binary.stat().st_size
            if "local" in only:
                add("local", first.build(daemon, proxy))
                made.append(first.executables())
            if "line" in only:
                subject.change_line(first.root)
                add("line", first.build(daemon, proxy))
        if "remote" in only:
            other = clone("else", "where")
            with other.daemon(proxy.address) as daemon:
                add("remote", other.build(daemon, proxy))
                made.append(other.executables())
        server_bytes = peak_bytes(server.pid)
    for name, cache in (("cold", None), ("down", f"127.0.0.1:{free_port()}")):
        if name in only:
            another = clone(name)
            with another.daemon(cache) as daemon:
                add(name, another.build(daemon))
                made.append(another.executables())
    return Growth(
        subject.title,
        subject.kind,
        subject.services,
        steps,
        binary_bytes,
        server_bytes,
        kept_bytes(folder / "cache"),
        same=all(found == made[0] and len(found) == subject.services for found in made),
    )


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cache.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--agent-runner",
        type=numbers,
        default=(1,),
        metavar="LIST",
        help="numbers of services over agent-runner's lock, including itself; '' for none",
    )
    parser.add_argument(
        "--services", type=numbers, default=(1, 3), metavar="LIST", help="of generated monorepos"
    )
    parser.add_argument("--locks", type=numbers, default=(1,), metavar="LIST")
    parser.add_argument(
        "--only",
        type=some_of("step", STEPS),
        default=STEPS,
        metavar="LIST",
        help=f"some of {','.join(STEPS)}; fill is always done",
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 if a bar is missed")
    return parser.parse_args(argv)


def subjects(options: argparse.Namespace) -> list[Subject]:
    """The subjects to measure, in order."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    return [
        *(ThisRepository(services, commit) for services in options.agent_runner),
        *(
            Generated(services, locks)
            for services, locks in itertools.product(options.services, options.locks)
            if locks <= services  # no service would use the other locks
        ),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(argv)
    if not can_measure():
        return 1
    launcher = launcher_cache()
    measured: list[Growth] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-cache-") as work:
        folder = Path(work)
        python = make_python(REPOSITORY, folder / "server")
        # The launcher's installation is not part of a build.
        subprocess.run(
            ["./pants", "--no-pantsd", "--version"],
            cwd=REPOSITORY,
            env={**os.environ, "PANTS_SETUP_CACHE": str(launcher)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        for number, subject in enumerate(subjects(options)):
            place = folder / str(number)
            try:
                measured.append(measure_all(subject, place, launcher, python, options.only))
            except CommandFailed as error:
                say(str(error))
                failed.append(str(error))
            shutil.rmtree(place, ignore_errors=True)
    about = {
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "load_average": os.getloadavg(),
        "failed": failed,
    }
    write(REPOSITORY / RESULT, document(measured, about))
    found = bars(measured)
    print(table(measured))
    print(f"\n{verdicts(found)}\nwritten: {RESULT}")
    if failed:
        return 1
    return 1 if options.strict and not all(bar.kept for bar in found) else 0


if __name__ == "__main__":
    sys.exit(main())
