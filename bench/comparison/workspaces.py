"""What both sides share: a clone of the repository, an environment, changes to measure."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from comparison.processes import Usage, measure
from support.clones import builder_environment, clone

LOCK: Final = Path("3rdparty/python/agent-runner.lock")
PYINSTALLER_LOCK: Final = Path("3rdparty/python/pyinstaller.lock")
BUMPED: Final = Path("bench/bumped.lock")
CHANGED_FUNCTION: Final = (
    Path("backend/services/agent-runner/agent_runner/main.py"),
    "    try:\n        code = command_line()\n",
)
"""Lines of a function that starts the program, and that neither its imports nor its exercises call."""
CHANGED_MODULE: Final = Path("backend/services/agent-runner/agent_runner/settings.py")


class BenchError(Exception):
    """A problem that the user can fix; the text says what and how."""


@dataclass(frozen=True)
class Surroundings:
    """What a clone's builds see of the machine. It differs between runs of clean builds."""

    umask: int
    time_zone: str


SURROUNDINGS: Final = (
    Surroundings(0o022, "UTC"),
    Surroundings(0o077, "Asia/Kathmandu"),
    Surroundings(0o002, "America/St_Johns"),
)


def share_wheel_caches(folder: Path, shared: Path) -> None:
    """Make `folder` for Pants' named caches: wheel caches are those in `shared`, the others are new."""
    folder.mkdir(parents=True)
    for name in ("pex_root", "pyinstaller_uv"):
        (shared / name).mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(shared / name)


def replace_pin(lock: str, pin: str) -> str:
    """The text of a lock with one distribution's entry replaced by `pin`, an entry of a lock.

    Raises ValueError if the lock has no such distribution, or has this version already.
    """
    name, _, version = pin.split(maxsplit=1)[0].partition("==")
    block = re.compile(rf"^{re.escape(name)}==(\S+)[^\n]*\n(?:[ \t]+--hash=[^\n]*\n)+", re.M)
    match = block.search(lock)
    if match is None:
        raise ValueError(f"{LOCK} pins no {name}")
    if match[1] == version:
        raise ValueError(f"{LOCK} pins {name} {version} already")
    return lock[: match.start()] + pin.rstrip("\n") + "\n" + lock[match.end() :]


class Clone:
    """A clone of the repository with its own home directory, and a log of what ran in it."""

    def __init__(self, commit: str, folder: Path, surroundings: Surroundings) -> None:
        self.root = folder / "clone"
        self.log = folder / "log"
        self.surroundings = surroundings
        home = folder / "home"
        home.mkdir(parents=True)
        self.environment = builder_environment(os.environ, home) | {"TZ": surroundings.time_zone}
        # Not measured: both sides need the clone, and it is not part of a build.
        clone(commit, self.root)

    def run(
        self,
        *command: str | Path,
        daemon: int | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> Usage:
        """Raises CommandFailed."""
        return measure(
            command,
            environment={**self.environment, **(extra or {})},
            cwd=self.root,
            log=self.log,
            daemon=daemon,
            umask=self.surroundings.umask,
        )

    def change_line(self, number: int) -> None:
        """Append one line of code to a module of the program, a different one for each number."""
        with (self.root / CHANGED_MODULE).open("a") as module:
            module.write(f"CHANGED_BY_BENCHMARK = {number}\n")

    def change_body(self, number: int) -> None:
        """Make one line of code the first of a function, a different one for each number.

        Raises BenchError if the program no longer has the function.
        """
        path, head = CHANGED_FUNCTION
        module = self.root / path
        before, found, after = module.read_text().partition(head)
        if not found:
            raise BenchError(
                f"{path} has no line {head.strip()!r}: name another function to change"
            )
        module.write_text(f"{before}{head}    changed_by_benchmark = {number}\n{after}")

    def bump(self, pin: str) -> None:
        """Replace one distribution's version in the lock.

        Raises BenchError if that is no change.
        """
        lock = self.root / LOCK
        try:
            lock.write_text(replace_pin(lock.read_text(), pin))
        except ValueError as error:
            raise BenchError(
                f"{error}: write another distribution or version, with its hashes, into {BUMPED}"
            ) from None
