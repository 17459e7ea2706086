"""Builds monorepos of N services over M locks with and without a remote cache.

    make bench-cache                             1 and 3 services over one lock
    make bench-cache SERVICES=1,10,100 LOCKS=1   and as many as there is time for
    PYTHONPATH=bench:tests python3 bench/cache.py --help

Each size has a cache server of its own, reached through a proxy that counts bytes. Steps: `cold`
(nothing stored, no cache), `fill` (nothing stored, an empty cache), `local` (again, all stored),
`line` (one line of one service changed), `remote` (another clone elsewhere, nothing stored), `down`
(as `cold`, but a cache is set that nobody serves). Clones have homes, local stores and daemons of
their own; the start of a daemon is not counted. The results go to dist/bench/cache.json.
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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from comparison.growth import Growth, Step, bars, document, table, verdicts
from comparison.processes import CommandFailed, measure
from comparison.workspaces import SURROUNDINGS, builder_environment
from support import monorepo
from support.cache_server import CacheServer, make_python
from support.ports import free_port
from support.tcp_proxy import TcpProxy

REPOSITORY: Final = Path(__file__).resolve().parent.parent
RESULT: Final = Path("dist/bench/cache.json")
STEPS: Final = ("cold", "fill", "local", "line", "remote", "down")
_STOP_S: Final = 30.0


class Clone:
    """A monorepo with a home of its own. cache: HOST:PORT of a server, or None."""

    def __init__(self, folder: Path, launcher: Path, size: tuple[int, int]) -> None:
        self.root = folder / "clone"
        self._folder = folder
        home = folder / "home"
        home.mkdir(parents=True)
        self._environment = builder_environment(os.environ, home, SURROUNDINGS[0]) | {
            "PANTS_SETUP_CACHE": str(launcher),
            "PANTS_PANTSRC": "false",
            "PANTS_CACHE_REPORT_FILE": str(folder / "report.json"),
        }
        monorepo.make(REPOSITORY, self.root, *size)

    @contextlib.contextmanager
    def daemon(self, cache: str | None) -> Iterator[int]:
        """A daemon whose builds use this cache. Raises CommandFailed."""
        self._use(cache)
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

    def _use(self, cache: str | None) -> None:
        settings = {
            "PANTS_REMOTE_STORE_ADDRESS": f"grpc://{cache}",
            "PANTS_REMOTE_INSTANCE_NAME": "main",
            "PANTS_REMOTE_CACHE_READ": "true",
            "PANTS_REMOTE_CACHE_WRITE": "true",
            "PANTS_REMOTE_CACHE_RPC_TIMEOUT_MILLIS": "10000",
            "PANTS_SESSION_END_TASKS_TIMEOUT": "120.0",
        }
        for name, value in settings.items():
            if cache is None:
                self._environment.pop(name, None)
            else:
                self._environment[name] = value

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

    def executables(self) -> dict[str, str]:
        """SHA-256 of each executable, by name."""
        return {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((self.root / "dist").glob("*/*"))
            if not path.suffix
        }

    def change_line(self) -> None:
        """One line more in the first service."""
        with (self.root / "services/service_0/main.py").open("a") as file:
            file.write("CHANGED_BY_BENCHMARK = 1\n")


def peak_bytes(pid: int) -> int:
    """The largest resident set so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"/proc/{pid}/status has no VmHWM")


def kept_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measure_size(
    size: tuple[int, int], folder: Path, launcher: Path, python: Path, only: Sequence[str]
) -> Growth:
    """All steps of one size. Raises CommandFailed."""
    steps: dict[str, Step] = {}
    made: list[dict[str, str]] = []

    def add(name: str, step: Step) -> None:
        steps[name] = step
        say(
            f"{size[0]} services, {size[1]} locks, {name}: {step.usage.cpu_s:.1f} s of CPU, "
            f"{step.usage.wall_s:.1f} s, {step.hits} hits, {step.ran} ran"
        )

    def one(name: str, cache: str | None) -> None:
        if name not in only:
            return
        clone = Clone(folder / name, launcher, size)
        with clone.daemon(cache) as daemon:
            add(name, clone.build(daemon))
            made.append(clone.executables())

    one("cold", None)
    one("down", f"127.0.0.1:{free_port()}")
    first = Clone(folder / "fill", launcher, size)
    with (
        CacheServer(python, REPOSITORY, folder / "cache") as server,
        TcpProxy(server.target) as proxy,
    ):
        with first.daemon(proxy.address) as daemon:
            add("fill", first.build(daemon, proxy))
            made.append(first.executables())
            binary = next((first.root / "dist").glob("services.service_0/service-0"))
            binary_bytes = binary.stat().st_size
            if "local" in only:
                add("local", first.build(daemon, proxy))
                made.append(first.executables())
            if "line" in only:
                first.change_line()
                add("line", first.build(daemon, proxy))
        if "remote" in only:
            other = Clone(folder / "else" / "where", launcher, size)
            with other.daemon(proxy.address) as daemon:
                add("remote", other.build(daemon, proxy))
                made.append(other.executables())
        server_bytes = peak_bytes(server.pid)
    return Growth(
        *size,
        steps,
        binary_bytes,
        server_bytes,
        kept_bytes(folder / "cache"),
        same=all(found == made[0] and len(found) == size[0] for found in made),
    )


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def numbers(text: str) -> tuple[int, ...]:
    """The value of --services and --locks."""
    parts = text.split(",")
    if not all(part.isdecimal() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of numbers, such as 1,10,100")
    return tuple(map(int, parts))


def chosen(text: str) -> tuple[str, ...]:
    """The value of --only."""
    names = tuple(filter(None, text.split(",")))
    unknown = sorted(set(names) - set(STEPS))
    if unknown:
        raise argparse.ArgumentTypeError(
            f"no step named {', '.join(unknown)}; there are {', '.join(STEPS)}"
        )
    return names


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="cache.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--services", type=numbers, default=(1, 3), metavar="LIST")
    parser.add_argument("--locks", type=numbers, default=(1,), metavar="LIST")
    parser.add_argument("--only", type=chosen, default=STEPS, help=f"some of {','.join(STEPS)}")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a bar is missed")
    return parser.parse_args(argv)


def write(path: Path, content: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    temporary.replace(path)


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(argv)
    if not sys.platform.startswith("linux"):
        say("needs Linux: the daemon's CPU time is read from /proc")
        return 1
    # So that the daemons end with the benchmark.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    launcher = Path(os.environ.get("PANTS_SETUP_CACHE") or Path(cache_home, "pants/setup"))
    measured: list[Growth] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="bench-cache-") as work:
        folder = Path(work)
        python = make_python(REPOSITORY, folder / "server")
        # The launcher's installation is no part of a build.
        subprocess.run(
            ["./pants", "--no-pantsd", "--version"],
            cwd=REPOSITORY,
            env={**os.environ, "PANTS_SETUP_CACHE": str(launcher)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        for size in itertools.product(options.services, options.locks):
            if size[1] > size[0]:
                continue  # a lock that no service uses
            place = folder / f"{size[0]}-{size[1]}"
            try:
                measured.append(measure_size(size, place, launcher, python, options.only))
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
