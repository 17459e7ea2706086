"""Build agent-runner with plain PyInstaller and with ./pants, and compare the cost.

    make bench                                  all scenarios, three runs: about an hour
    make bench RUNS=1 ONLY=clean,body           only these, once
    PYTHONPATH=bench:tests python3 bench/compare.py --help

Each run takes new clones of HEAD with their own home directory, local store, caches and daemon;
only wheels come from warm caches. The medians go to the terminal and, with every measurement, to
dist/bench/compare.json.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from comparison import ours, starts
from comparison.command_line import can_measure, launcher_cache, say, some_of, write
from comparison.ours import Ours
from comparison.plain import Plain
from comparison.processes import CommandFailed, Usage
from comparison.report import OURS, PLAIN, SCENARIOS, Measurements, Verdict, document, rows, table
from comparison.workspaces import (
    BUMPED,
    LOCK,
    PYINSTALLER_LOCK,
    SURROUNDINGS,
    BenchError,
    Clone,
    Surroundings,
)
from support.temporal_server import TemporalServer

REPOSITORY: Final = Path(__file__).resolve().parent.parent
RESULT: Final = Path("dist/bench/compare.json")

GROUPS: Final = ("clean", "nothing", "body", "line", "bump", "version", "start", "onedir", "ten")
"""The choices of --only; `start` measures sizes and starts, of one-dir too if `onedir` is
chosen."""

_STARTS_PER_RUN: Final = 5


class Bench:
    """The measurements of one invocation.

    folder: for the clones; must be empty. kept: for warm caches; may exist already.
    """

    def __init__(self, folder: Path, kept: Path, only: Sequence[str]) -> None:
        self.measured = Measurements()
        self.phases: list[dict[str, Usage]] = []
        self.tools: dict[str, str] = {}
        self._folder = folder
        self._kept = kept
        self._only = only
        self._caches = kept / "caches"
        self._pip_cache = kept / "pip-cache"
        self._launcher_cache = launcher_cache()
        self._commit = git("rev-parse", "HEAD")  # a later one must not reach the clones
        self._bumped = (REPOSITORY / BUMPED).read_text()

    @property
    def _pin(self) -> str:
        lines = self._bumped.splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("#"))

    def warm(self) -> None:
        """Fill the wheel caches of both sides and make the launcher's installation."""
        done = self._kept / "warmed"
        locks = (REPOSITORY / LOCK, REPOSITORY / PYINSTALLER_LOCK, REPOSITORY / BUMPED)
        content = "\n".join(hashlib.sha256(lock.read_bytes()).hexdigest() for lock in locks)
        if done.exists() and done.read_text() == content:
            return
        say("warming the wheel caches")
        # With the caller's HOME, where the launcher may find interpreters.
        subprocess.run(
            ["./pants", "--no-pantsd", "--version"],
            cwd=REPOSITORY,
            env={**os.environ, "PANTS_SETUP_CACHE": str(self._launcher_cache)},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        clone = self._clone("warm-ours", SURROUNDINGS[0])
        ours.warm(clone, self._launcher_cache, self._caches, self._bumped)
        plain_clone = self._clone("warm-plain", SURROUNDINGS[0])
        plain = Plain(plain_clone, self._python, self._pip_cache)
        plain.make_venv()
        plain.install()
        plain_clone.bump(self._pin)
        plain.install()
        done.write_text(content)

    @property
    def _python(self) -> Path:
        return ours.interpreter(self._launcher_cache)

    def _clone(self, name: str, surroundings: Surroundings) -> Clone:
        return Clone(self._commit, self._folder / name, surroundings)

    @contextmanager
    def _ours(self, name: str, surroundings: Surroundings) -> Iterator[tuple[Ours, Clone]]:
        clone = self._clone(name, surroundings)
        side = Ours(clone, self._launcher_cache, self._caches)
        try:
            self._add(OURS, "daemon", side.start_daemon)
            yield side, clone
        finally:
            side.stop()

    def _add(self, side: str, scenario: str, work: Callable[[], Usage]) -> None:
        usage = work()
        say(f"{scenario}, {side}: {usage.cpu_s:.1f} s of CPU, {usage.wall_s:.1f} s")
        self.measured.add(side, scenario, usage)

    def _part(self, name: str, work: Callable[[], None]) -> None:
        """Do one part, if it is chosen. If it fails the others still count."""
        if name not in self._only:
            return
        try:
            work()
        except (BenchError, CommandFailed) as error:
            say(f"{name} failed: {error}")
            self.measured.failed.append(f"{name}: {error}")

    def run(self, number: int) -> None:
        """One run of all chosen scenarios, the two sides in turn.

        Raises CommandFailed or BenchError if a clean build fails, from which the others start.
        """
        surroundings = SURROUNDINGS[number % len(SURROUNDINGS)]
        if set(self._only) - {"ten"}:
            with self._ours(f"ours-{number}", surroundings) as (our, our_clone):
                clone = self._clone(f"plain-{number}", surroundings)
                plain = Plain(clone, self._python, self._pip_cache)
                # It counts in any case.
                self._add(OURS, "clean", our.build)
                self.measured.digests.append(our.digest())
                self._add(PLAIN, "clean", plain.clean)
                self.phases.append(plain.phases)
                self.tools = plain.versions()
                self._changes(number, our, our_clone, plain, clone)
        if "ten" in self._only:
            with self._ours(f"ten-{number}", surroundings) as (our, _):
                self._part("ten", lambda: self._add(OURS, "ten", our.build_ten))

    def _changes(
        self, number: int, our: Ours, our_clone: Clone, plain: Plain, clone: Clone
    ) -> None:
        """The scenarios after a clean build, each with the state that the previous one left."""

        def nothing() -> None:
            self._add(OURS, "nothing", our.build)
            self._add(PLAIN, "nothing", plain.build)

        def body() -> None:
            our_clone.change_body(number)
            clone.change_body(number)
            self._add(OURS, "body", our.build)
            self._add(PLAIN, "body", plain.build)

        def line() -> None:
            our_clone.change_line(number)
            clone.change_line(number)
            self._add(OURS, "line", our.build)
            self._add(PLAIN, "line", plain.build)

        def version() -> None:
            self._add(OURS, "version", lambda: our.build(version="99.0.1"))
            self._add(PLAIN, "version", lambda: plain.build(version="99.0.1"))

        def one_dir() -> None:
            self._add(OURS, "onedir", our.build_one_dir)
            self._add(PLAIN, "onedir", plain.build_one_dir)

        def bump() -> None:
            our_clone.bump(self._pin)
            clone.bump(self._pin)
            self._add(OURS, "bump", our.build)
            self._add(PLAIN, "bump", lambda: plain.install().then(plain.build()))

        self._part("start", lambda: self._starts("", our.one_file, plain.one_file))
        self._part("nothing", nothing)
        self._part("body", body)
        self._part("line", line)
        self._part("bump", bump)
        self._part("version", version)
        self._part("onedir", one_dir)
        if our.one_dir.exists() and plain.one_dir.exists():
            self._part("start", lambda: self._starts("-onedir", our.one_dir, plain.one_dir))

    def _starts(self, suffix: str, our: Path, plain: Path) -> None:
        log = self._folder / "starts.log"
        os.environ["TEMPORAL_CLI"] = str(self._temporal_cli())
        sides = ((OURS, our), (PLAIN, plain))
        for side, path in sides:
            self.measured.add_size(side, f"size{suffix}", starts.size(path))
        programs = [
            (side, path / "agent-runner" if path.is_dir() else path) for side, path in sides
        ]
        for _, program in programs:  # the first start reads the file from the disk
            starts.to_error(program, log)
        with TemporalServer() as temporal:
            for _ in range(_STARTS_PER_RUN):
                for side, program in programs:
                    self.measured.add(side, f"error{suffix}", starts.to_error(program, log))
                    self.measured.add(
                        side, f"polling{suffix}", starts.to_polling(program, temporal.address)
                    )

    def _temporal_cli(self) -> Path:
        lock = REPOSITORY / "3rdparty/python/temporal-server.lock"
        return starts.temporal_cli(self._python, lock, self._kept / "temporal")

    def about(self) -> dict[str, object]:
        """What is needed to repeat the measurement."""
        return {
            "commit": self._commit,
            "machine": {
                "platform": platform.platform(),
                "processors": os.cpu_count(),
                "load_average": os.getloadavg(),
            },
            "tools": self.tools,
            "plain_clean_build_alone_cpu_s": [
                round(phases["build"].cpu_s, 3) for phases in self.phases
            ],
        }


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()


def positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of runs")
    return int(text)


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="compare.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=positive, default=3, help="default: 3")
    parser.add_argument(
        "--only",
        type=some_of("scenario", GROUPS),
        default=GROUPS,
        metavar="LIST",
        help=f"some of {','.join(GROUPS)}",
    )
    parser.add_argument(
        "--work",
        type=lambda text: Path(text).resolve(),
        metavar="FOLDER",
        help="where to put the clones; the warm caches stay there",
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 if a bar is missed")
    return parser.parse_args(argv)


def show(bench: Bench) -> bool:
    """Print the table and write the file; returns whether every bar was met."""
    found = rows(bench.measured)
    write(REPOSITORY / RESULT, document(bench.measured, bench.about()))
    print(table(found))
    print("\nmedians; MB is peak memory, the daemon's included, or size; clean installs wheels too")
    for scenario in SCENARIOS:
        if scenario.bar is not None and scenario.key not in {row.scenario.key for row in found}:
            print(f"not measured: {scenario.title}")
    print(f"written: {RESULT}")
    for failure in bench.measured.failed:
        print(f"failed: {failure.splitlines()[0]}")
    return all(row.verdict is not Verdict.MISSED for row in found)


def main(argv: Sequence[str] | None = None) -> int:
    options = arguments(argv)
    if not can_measure():
        return 1
    if options.work:
        options.work.mkdir(parents=True, exist_ok=True)
    if git("status", "--porcelain"):
        say("uncommitted changes are not measured: the clones are of HEAD")
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.work) as folder:
        bench = Bench(Path(folder), (options.work or Path(folder)) / "kept", options.only)
        try:
            bench.warm()
            for number in range(options.runs):
                bench.run(number)
        except (BenchError, CommandFailed) as error:
            say(str(error))
            bench.measured.failed.append(str(error))
        kept = show(bench)
    if bench.measured.failed:
        return 1
    return 1 if options.strict and not kept else 0


if __name__ == "__main__":
    sys.exit(main())
