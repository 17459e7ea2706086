"""`agent-runner check` tests every component separately, and names each failure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.agent_runner import AgentRunner, python_environment
from support.fake_backend import CLIENT_SECRET, FakeBackend
from support.fake_daytona import FakeDaytona
from support.loopback import closed_port
from support.mcp_servers import http_server, stdio_server
from support.process import RunningProcess
from support.redis_server import RedisServer
from support.workers import API_KEY

COMPONENTS = ["configuration", "temporal", "model", "sandbox", "redis", "mcp", "backend"]
FAST = {"TEMPORAL_CONNECT_TIMEOUT_SECONDS": "1"}


def report(process: RunningProcess) -> dict[str, Any]:
    """The JSON document on stdout."""
    found = json.loads(process.stdout)
    assert isinstance(found, dict)
    assert [check["name"] for check in found["checks"]] == COMPONENTS
    assert "Traceback" not in process.output
    return found


def details(found: dict[str, Any]) -> dict[str, str]:
    return {check["name"]: check["detail"] for check in found["checks"]}


def test_a_local_worker_that_would_work(program: AgentRunner, environment: dict[str, str]) -> None:
    process = program.run("check", "--json", **environment)
    assert process.returncode == 0, process.output
    found = report(process)
    assert found["ok"] is True
    assert found["failed"] == []
    status = {check["name"]: check["status"] for check in found["checks"]}
    assert status == dict.fromkeys(COMPONENTS[:4], "ok") | dict.fromkeys(COMPONENTS[4:], "skipped")
    assert environment["TEMPORAL_SERVICE_ADDRESS"] in details(found)["temporal"]
    process.assert_none_left()
    assert program.unpacked() == []


def test_a_cloud_worker_that_would_work(
    program: AgentRunner, environment: dict[str, str], redis_server: RedisServer
) -> None:
    with FakeBackend() as backend, FakeDaytona() as daytona, http_server() as mcp:
        process = program.run(
            "check",
            **environment
            | backend.environment
            | {
                "DAYTONA_API_URL": daytona.api_url,
                "DAYTONA_API_KEY": daytona.api_key,
                "REDIS_URL": redis_server.url,
                "AGENT_RUNNER_MCP_SERVERS": json.dumps(
                    {"far": mcp.configuration, "near": stdio_server(python_environment())}
                ),
            },
        )
        assert daytona.sandboxes == {}
        assert daytona.unexpected == []
    assert process.returncode == 0, process.output
    lines = [line.split()[:2] for line in process.stdout.splitlines()]
    assert lines == [["ok", name] for name in COMPONENTS]
    assert process.stderr == ""
    for secret in ("redis-secret-42", CLIENT_SECRET, API_KEY):
        assert secret not in process.output
    process.assert_none_left()


def test_each_component_that_fails_is_named(
    program: AgentRunner, environment: dict[str, str]
) -> None:
    with closed_port() as port:
        nobody = f"127.0.0.1:{port}"
        process = program.run(
            "check",
            "--json",
            **environment
            | FAST
            | {
                "TEMPORAL_SERVICE_ADDRESS": nobody,
                "OPENAI_BASE_URL": f"http://{nobody}/v1",
                "AGENT_RUNNER_SANDBOX": "daytona",
                "DAYTONA_API_URL": f"http://{nobody}/api",
                "DAYTONA_API_KEY": "dtn_0123456789",
                "AGENT_RUNNER_STATE": "redis",
                "REDIS_URL": f"redis://:redis-secret-42@{nobody}/0",
                "AGENT_RUNNER_MCP_SERVERS": json.dumps({"gone": {"command": "no-such-program"}}),
            },
        )
    assert process.returncode == 1, process.output
    found = report(process)
    assert found["ok"] is False
    assert found["failed"] == ["temporal", "model", "sandbox", "redis", "mcp"]
    said = details(found)
    assert [
        name for name in ("temporal", "model", "sandbox", "redis") if nobody not in said[name]
    ] == []
    assert "gone" in said["mcp"]
    assert "redis-secret-42" not in process.output
    assert "dtn_0123456789" not in process.output


@pytest.mark.parametrize(
    ("wrong", "failed", "words"),
    [
        ({"OPENAI_API_KEY": "sk-wrong-987654"}, "model", ["401"]),
        ({"AGENT_RUNNER_MODEL": "openai:no-such-model"}, "model", ["no-such-model"]),
        ({"AGENT_RUNNER_SANDBOX_ROOT": "/proc/nowhere"}, "sandbox", ["/proc/nowhere"]),
        ({"AGENT_RUNNER_MODEL": "wrong"}, "configuration", ["AGENT_RUNNER_MODEL"]),
    ],
)
def test_one_wrong_value_fails_its_component_alone(
    program: AgentRunner,
    environment: dict[str, str],
    wrong: dict[str, str],
    failed: str,
    words: list[str],
) -> None:
    process = program.run("check", "--json", **environment | wrong)
    assert process.returncode == 1, process.output
    found = report(process)
    assert found["failed"] == [failed]
    assert [word for word in words if word not in details(found)[failed]] == []
    assert "sk-wrong-987654" not in process.output


def test_without_configuration_it_says_what_is_missing(program: AgentRunner) -> None:
    process = program.run("check", "--json")
    assert process.returncode == 1, process.output
    found = report(process)
    assert found["failed"][0] == "configuration"
    said = details(found)["configuration"]
    assert "TEMPORAL_SERVICE_ADDRESS" in said
    assert "AGENT_RUNNER_MODEL" in said
