from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest
import redis
from temporalio.client import Client

from support.agent_runner import python_environment
from support.executables import ServerMissing, ServerProgram
from support.process import RunningProcess
from support.redis_server import PROGRAM, RedisServer
from support.temporal_server import TemporalServer


def test_the_temporal_server_answers_and_leaves_nothing_behind() -> None:
    async def count() -> int:
        client = await Client.connect(server.address, namespace="extra")
        return (await client.count_workflows()).count

    with TemporalServer(namespaces=("extra",)) as server:
        assert asyncio.run(count()) == 0
    server.process.assert_none_left(timeout_s=0)


def test_the_redis_server_answers_and_asks_for_its_password() -> None:
    with RedisServer(password="secret") as server:
        client = redis.Redis.from_url(server.url)
        client.set("key", "grüße")
        assert client.get("key") == "grüße".encode()
        with pytest.raises(redis.exceptions.AuthenticationError):
            redis.Redis(port=server.port, host="127.0.0.1").ping()


SERVES = """
import sys, time
from support.process import RunningProcess
from support.redis_server import PROGRAM, RedisServer
server = RedisServer().__enter__()
print("serving", server.process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can bind a child to its parent")
def test_a_server_ends_with_killed_tests() -> None:
    environment = {**python_environment(), "PATH": os.defpath, "REDIS_SERVER": str(PROGRAM.find())}
    with RunningProcess([sys.executable, "-c", SERVES], environment) as tests:
        tests.wait_for_line("serving")
        assert len(tests.descendants()) == 1
        tests.send(signal.SIGKILL)
        tests.wait()
        tests.assert_none_left()


def test_a_missing_server_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    program = ServerProgram("no-such-server", "NO_SUCH_SERVER", "install it")
    with pytest.raises(ServerMissing, match="set NO_SUCH_SERVER to one, or install it"):
        program.find()
    monkeypatch.setenv("NO_SUCH_SERVER", "/nonexistent/server")
    with pytest.raises(ServerMissing, match="NO_SUCH_SERVER names /nonexistent/server"):
        program.find()
