"""Builds of a small monorepo by Pants, each with its own local store."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support import monorepo
from support.cache_server import CacheServer
from support.clones import REPOSITORY, builder_environment

BOUND_S: Final = 900.0
"""Time limit of a build, whatever its cache does, in seconds."""


def remote_cache_settings(address: str) -> dict[str, str]:
    """Variables with which Pants reads and writes the cache at HOST:PORT."""
    return {
        "PANTS_REMOTE_STORE_ADDRESS": f"grpc://{address}",
        "PANTS_REMOTE_INSTANCE_NAME": "main",
        "PANTS_REMOTE_CACHE_READ": "true",
        "PANTS_REMOTE_CACHE_WRITE": "true",
        "PANTS_REMOTE_CACHE_RPC_TIMEOUT_MILLIS": "10000",
        "PANTS_SESSION_END_TASKS_TIMEOUT": "120.0",
    }


@dataclass(frozen=True)
class Build:
    """One run of Pants. counters: Pants' own; sha256: of the executable, None without one."""

    exit_code: int
    output: str
    counters: Mapping[str, int]
    processes: tuple[Mapping[str, str], ...]
    sha256: str | None

    @property
    def hits(self) -> int:
        return self.counters.get("remote_cache_requests_cached", 0)

    @property
    def ran(self) -> list[str]:
        """The cacheable processes that ran here."""
        return [
            one["description"]
            for one in self.processes
            if one["source"] == "Ran" and one["cacheable"]
        ]


class Workplace:
    """A clone at `folder` with a home directory, a local store and caches.

    launcher: where the launcher `pants` has its installations. caches: Pants' named caches, for
    builds that need not be without them; None: new ones. data_bytes: what the program carries.
    """

    def __init__(
        self, folder: Path, launcher: Path, caches: Path | None = None, data_bytes: int = 0
    ) -> None:
        self.root = folder / "clone"
        self._home = folder / "home"
        self._home.mkdir(parents=True)
        self._launcher = launcher
        self._caches = caches
        monorepo.make(REPOSITORY, self.root, data_bytes=data_bytes)

    def build(self, cache: str | None, *, prefix: tuple[str, ...] = (), **settings: str) -> Build:
        """`./pants package`. cache: the server's HOST:PORT. settings: more of Pants' options.

        prefix: a command that runs another.

        Raises subprocess.TimeoutExpired after BOUND_S.
        """
        shutil.rmtree(self.root / "dist", ignore_errors=True)
        report = self._home / "report.json"
        report.unlink(missing_ok=True)
        process = self.start(cache, settings, prefix=prefix)
        try:
            output, _ = process.communicate(timeout=BOUND_S)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        found = json.loads(report.read_text()) if report.exists() else {}
        executable = self.root / "dist/services.service_0/service-0"
        return Build(
            process.returncode,
            output,
            found.get("counters", {}),
            tuple(found.get("processes", ())),
            hashlib.sha256(executable.read_bytes()).hexdigest() if executable.exists() else None,
        )

    def start(
        self,
        cache: str | None,
        settings: Mapping[str, str],
        *,
        prefix: tuple[str, ...] = (),
        daemon: bool = False,
    ) -> subprocess.Popen[str]:
        """Start the same in a separate session, without waiting; both streams share one pipe."""
        return subprocess.Popen(
            [*prefix, "./pants", *(() if daemon else ("--no-pantsd",)), "package", "::"],
            cwd=self.root,
            env=self._environment(cache, settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def _environment(self, cache: str | None, settings: Mapping[str, str]) -> dict[str, str]:
        environment = builder_environment(os.environ, self._home) | {
            "PANTS_SETUP_CACHE": str(self._launcher),
            "PANTS_PANTSRC": "false",
            "PANTS_CACHE_REPORT_FILE": str(self._home / "report.json"),
        }
        if self._caches is not None:
            environment["PANTS_NAMED_CACHES_DIR"] = str(self._caches)
        if cache is not None:
            environment |= remote_cache_settings(cache)
        return environment | {f"PANTS_{name.upper()}": value for name, value in settings.items()}


@dataclass(frozen=True)
class Filled:
    """A cache's folder after the build `first`, and the Python for another server over it."""

    python: Path
    folder: Path
    first: Build

    def copy(self, folder: Path) -> Path:
        """A copy of the folder, for a test that damages it."""
        shutil.copytree(self.folder, folder)
        return folder


StartServer = Callable[..., CacheServer]
