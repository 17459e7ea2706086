"""The program as a process: polling, signals, exit codes, children."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from agent_runner import mcp_test_server
from agent_runner.testing_support import MINIMAL, program, program_environment, run
from support.fake_models import FakeModels, call, text
from support.loopback import closed_port
from support.process import RunningProcess
from support.temporal_server import TemporalServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends POSIX signals")


@pytest.fixture(scope="module")
def temporal() -> Iterator[TemporalServer]:
    with TemporalServer() as running:
        yield running


@pytest.fixture(scope="module")
def model_server() -> Iterator[FakeModels]:
    with FakeModels() as running:
        yield running


def worker(
    home: Path, temporal: TemporalServer, model_server: FakeModels, queue: str, **more: str
) -> RunningProcess:
    values = {
        **MINIMAL,
        "TEMPORAL_SERVICE_ADDRESS": temporal.address,
        "TEMPORAL_TASK_QUEUE": queue,
        "OPENAI_BASE_URL": model_server.base_url,
        "AGENT_RUNNER_SANDBOX_ROOT": str(home / "root"),
        **more,
    }
    return RunningProcess(program(), program_environment(values, home), cwd=home)


def events(process: RunningProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.stderr.splitlines()]


def names(process: RunningProcess) -> list[str]:
    return [event["event"] for event in events(process)]


async def start(temporal: TemporalServer, queue: str, model: str) -> Any:
    client = await Client.connect(temporal.address)
    given = {"message": "x", "model": f"openai:{model}"}
    return await client.start_workflow("AgentTurn", given, id=f"{queue}-turn", task_queue=queue)


def wait_for_file(root: Path, pattern: str) -> Path:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for found in root.glob(pattern):
            if found.read_text().strip():
                return found
        time.sleep(0.05)
    raise TimeoutError(pattern)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_worker_stops_at_once(
    number: signal.Signals, temporal: TemporalServer, model_server: FakeModels, tmp_path: Path
) -> None:
    with worker(tmp_path, temporal, model_server, f"idle-{number}") as process:
        polling = json.loads(process.wait_for_line("worker_polling"))
        assert polling["address"] == temporal.address
        process.send(number)
        assert process.wait() == 0
        assert names(process)[-1] == "worker_stopped"
        assert process.stdout == ""
        process.assert_none_left()
    assert list((tmp_path / "root").glob("*")) == []


def test_a_running_turn_may_finish_within_the_grace_period(
    temporal: TemporalServer, model_server: FakeModels, tmp_path: Path
) -> None:
    model_server.play(
        call("execute", command="echo begun > begun; sleep 2; echo ended"),
        text("in time"),
        model="grace",
    )
    with worker(
        tmp_path, temporal, model_server, "grace", AGENT_RUNNER_SHUTDOWN_GRACE_SECONDS="60"
    ) as process:
        process.wait_for_line("worker_polling")
        run(start(temporal, "grace", "grace"))
        wait_for_file(tmp_path / "root", "worker-*/*/begun")
        process.send(signal.SIGTERM)
        assert process.wait(90) == 0
        assert "turn_completed" in names(process)
        process.assert_none_left()


def test_a_turn_that_takes_longer_is_stopped_with_all_its_processes(
    temporal: TemporalServer, model_server: FakeModels, tmp_path: Path
) -> None:
    model_server.play(
        call("execute", command="setsid sleep 300 & echo $$ > begun; sleep 300"), model="long"
    )
    servers = {
        "math": {
            "command": sys.executable,
            "args": [mcp_test_server.__file__],
            "env": {"PYTHONPATH": ":".join(entry for entry in sys.path if entry)},
        }
    }
    with worker(
        tmp_path,
        temporal,
        model_server,
        "long",
        AGENT_RUNNER_SHUTDOWN_GRACE_SECONDS="0.5",
        AGENT_RUNNER_MCP_SERVERS=json.dumps(servers),
    ) as process:
        process.wait_for_line("worker_polling")
        run(start(temporal, "long", "long"))
        wait_for_file(tmp_path / "root", "worker-*/*/begun")
        assert len(process.descendants()) >= 2
        process.send(signal.SIGTERM)
        assert process.wait() == 0
        assert "turn_interrupted" in names(process)
        process.assert_none_left()
    assert list((tmp_path / "root").glob("*")) == []


def test_a_second_signal_ends_at_once(
    temporal: TemporalServer, model_server: FakeModels, tmp_path: Path
) -> None:
    model_server.play(call("execute", command="echo $$ > begun; sleep 300"), model="second")
    with worker(
        tmp_path, temporal, model_server, "second", AGENT_RUNNER_SHUTDOWN_GRACE_SECONDS="600"
    ) as process:
        process.wait_for_line("worker_polling")
        run(start(temporal, "second", "second"))
        wait_for_file(tmp_path / "root", "worker-*/*/begun")
        process.send(signal.SIGTERM)
        process.wait_for_line("worker_draining")
        time.sleep(0.5)  # sooner it would count as a repeat of the first
        process.send(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
        process.assert_none_left()


def test_temporal_unreachable_is_exit_code_3_every_time(
    temporal: TemporalServer, model_server: FakeModels, tmp_path: Path
) -> None:
    with closed_port() as port:
        for _ in range(5):
            with worker(
                tmp_path,
                temporal,
                model_server,
                "unreachable",
                TEMPORAL_SERVICE_ADDRESS=f"127.0.0.1:{port}",
                TEMPORAL_CONNECT_TIMEOUT_SECONDS="0.3",
            ) as process:
                assert process.wait() == 3
                *retries, last = process.stderr.splitlines()
                assert last == (
                    f"agent-runner: Temporal at 127.0.0.1:{port} cannot be reached: "
                    "Connection refused (TEMPORAL_SERVICE_ADDRESS; gave up after 0.3 s)"
                )
                assert {json.loads(line)["event"] for line in retries} == {"temporal_unreachable"}


def test_a_signal_while_connecting_is_an_orderly_stop(
    temporal: TemporalServer, model_server: FakeModels, tmp_path: Path
) -> None:
    with (
        closed_port() as port,
        worker(
            tmp_path,
            temporal,
            model_server,
            "connecting",
            TEMPORAL_SERVICE_ADDRESS=f"127.0.0.1:{port}",
            TEMPORAL_CONNECT_TIMEOUT_SECONDS="600",
        ) as process,
    ):
        process.wait_for_line("temporal_unreachable")
        process.send(signal.SIGTERM)
        assert process.wait() == 0


def test_no_secret_is_in_the_logs(
    temporal: TemporalServer, model_server: FakeModels, tmp_path: Path
) -> None:
    key = "a-key-that-must-not-show"
    with worker(
        tmp_path,
        temporal,
        model_server,
        "secrets",
        OPENAI_API_KEY=key,
        AGENT_RUNNER_LOG_LEVEL="debug",
    ) as process:
        process.wait_for_line("worker_polling")
        client_turn = start(temporal, "secrets", f"not-scripted-{key}")
        run(client_turn)
        process.wait_for_line("activity_failed", count=1)
        process.send(signal.SIGTERM)
        assert process.wait() == 0
        assert key not in process.output
