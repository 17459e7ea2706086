"""The repository's own remote cache as a process, for tests and benchmarks that run Pants.

CACHE_SERVER_PYTHON names an interpreter that has what 3rdparty/python/buildgrid.lock pins; where it
is not set a virtual environment is made.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from support.process import RunningProcess

START_TIMEOUT_S: Final = 180.0


def make_python(repository: Path, folder: Path) -> Path:
    """An interpreter with the lock installed, in `folder` or as CACHE_SERVER_PYTHON says."""
    named = os.environ.get("CACHE_SERVER_PYTHON")
    if named:
        return Path(named)
    python = folder / "bin/python"
    if not python.exists():
        lock = repository / "3rdparty/python/buildgrid.lock"
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run(
            [
                *(str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"),
                *("--require-hashes", "--no-deps", "-r", str(lock)),
            ],
            check=True,
        )
    return python


class CacheServer:
    """`serve` on a free port, over `folder`. Raises RuntimeError if it does not come up.

    prefix: a command that becomes the server.
    """

    def __init__(
        self,
        python: Path,
        repository: Path,
        folder: Path,
        *options: str,
        prefix: tuple[str, ...] = (),
    ) -> None:
        self.folder = folder
        self._command = [
            *prefix,
            *(str(python), "-m", "remote_cache.server", "serve", "--folder", str(folder)),
            *("--listen", "127.0.0.1:0", "--keep-free", "100M", *options),
        ]
        self._environment: Mapping[str, str] = {
            "PATH": os.defpath,
            "HOME": str(folder.parent),
            "PYTHONPATH": str(repository / "build_rules"),
        }
        self._process: RunningProcess | None = None
        self.port = 0

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server was not started"
        return self._process.pid

    @property
    def target(self) -> tuple[str, int]:
        return ("127.0.0.1", self.port)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def output(self) -> str:
        return self._process.output if self._process else ""

    def __enter__(self) -> Self:
        self._process = RunningProcess(self._command, self._environment, outlives_tests=False)
        try:
            line = self._process.wait_for_line("ready: ", START_TIMEOUT_S)
        except BaseException:
            self._process.kill()
            raise
        self.port = int(line.split(",")[0].rpartition(":")[2])
        return self

    def __exit__(self, *error: object) -> None:
        if self._process is not None:
            self._process.kill()
