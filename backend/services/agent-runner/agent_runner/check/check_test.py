from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent_runner import mcp_test_server
from agent_runner.backend.backend_test import Backend, TokenServer
from agent_runner.testing_support import CLOUD, MINIMAL, program, program_environment
from support.fake_daytona import FakeDaytona
from support.fake_models import FakeModels
from support.redis_server import RedisServer
from support.temporal_server import TemporalServer

KEY = MINIMAL["OPENAI_API_KEY"]
NAMES = ["configuration", "temporal", "model", "sandbox", "redis", "mcp", "backend"]


@pytest.fixture(scope="module")
def temporal() -> Iterator[TemporalServer]:
    with TemporalServer() as running:
        yield running


@pytest.fixture(scope="module")
def model_server() -> Iterator[FakeModels]:
    with FakeModels(api_key=KEY) as running:
        yield running


def check(home: Path, values: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program("check", *options),
        env=program_environment({"TEMPORAL_CONNECT_TIMEOUT_SECONDS": "0.5", **values}, home),
        cwd=home,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def statuses(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    document: dict[str, Any] = json.loads(done.stdout)
    assert [outcome["name"] for outcome in document["checks"]] == NAMES
    found = {outcome["name"]: outcome["status"] for outcome in document["checks"]}
    failed = [name for name, status in found.items() if status == "failed"]
    assert document["failed"] == failed
    assert document["ok"] == (not failed)
    assert done.returncode == (1 if failed else 0), done.stderr
    return found


def test_everything_works_in_local_mode(
    temporal: TemporalServer, model_server: FakeModels, tmp_path: Path
) -> None:
    servers = {
        "math": {
            "command": sys.executable,
            "args": [mcp_test_server.__file__],
            "env": {"PYTHONPATH": ":".join(entry for entry in sys.path if entry)},
        }
    }
    values = {
        **MINIMAL,
        "TEMPORAL_SERVICE_ADDRESS": temporal.address,
        "OPENAI_BASE_URL": model_server.base_url,
        "AGENT_RUNNER_MCP_SERVERS": json.dumps(servers),
    }
    found = statuses(check(tmp_path, values, "--json"))
    assert found == {
        **dict.fromkeys(["configuration", "temporal", "model", "sandbox", "mcp"], "ok"),
        "redis": "skipped",
        "backend": "skipped",
    }
    shown = check(tmp_path, values)
    assert shown.returncode == 0
    assert [line.split()[1] for line in shown.stdout.splitlines()] == NAMES
    assert KEY not in shown.stdout
    assert shown.stderr == ""


@pytest.mark.parametrize(
    ("model", "variable"),
    [("anthropic:scripted", "ANTHROPIC_BASE_URL"), ("ollama:scripted", "OLLAMA_BASE_URL")],
)
def test_the_other_providers(
    model: str, variable: str, temporal: TemporalServer, tmp_path: Path
) -> None:
    with FakeModels() as server:
        values = {
            "TEMPORAL_SERVICE_ADDRESS": temporal.address,
            "AGENT_RUNNER_MODEL": model,
            "ANTHROPIC_API_KEY": "sk-ant-0123",
            variable: server.root_url,
        }
        assert statuses(check(tmp_path, values, "--json"))["model"] == "ok"
        values["AGENT_RUNNER_MODEL"] += "-absent"
        assert statuses(check(tmp_path, values, "--json"))["model"] == "failed"


def test_each_thing_that_fails_is_named(model_server: FakeModels, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    values = {
        **CLOUD,
        "TEMPORAL_SERVICE_ADDRESS": "127.0.0.1:1",
        "OPENAI_BASE_URL": model_server.base_url,
        "OPENAI_API_KEY": "sk-wrong-0123",
        "REDIS_URL": "redis://:geheim-0123@127.0.0.1:1/0",
        "AGENT_RUNNER_SANDBOX": "local",
        "AGENT_RUNNER_SANDBOX_ROOT": str(tmp_path / "file" / "below"),
        "AGENT_RUNNER_BACKEND_ADDRESS": "127.0.0.1:1",
        "AGENT_RUNNER_MCP_SERVERS": '{"x": {"url": "http://127.0.0.1:1/mcp"}}',
    }
    done = check(tmp_path, values, "--json")
    found = statuses(done)
    assert found == {**dict.fromkeys(NAMES, "failed"), "configuration": "ok"}
    assert "0123" not in done.stdout.replace("very-secret-0123", "0123 is not hidden")
    text = check(tmp_path, values)
    assert text.returncode == 1
    assert text.stderr == (
        "agent-runner check: failed: temporal, model, sandbox, redis, mcp, backend\n"
    )


def test_what_does_not_depend_on_a_wrong_variable_is_still_tested(
    temporal: TemporalServer, tmp_path: Path
) -> None:
    values = {"TEMPORAL_SERVICE_ADDRESS": temporal.address, "AGENT_RUNNER_MODEL": "nope"}
    found = statuses(check(tmp_path, values, "--json"))
    assert found["configuration"] == "failed"
    assert (found["temporal"], found["model"], found["sandbox"]) == ("ok", "skipped", "ok")


def test_cloud_mode(temporal: TemporalServer, model_server: FakeModels, tmp_path: Path) -> None:
    with (
        RedisServer(password="geheim-0123") as redis,
        FakeDaytona(api_key=CLOUD["DAYTONA_API_KEY"]) as daytona,
        Backend() as backend,
        TokenServer() as tokens,
    ):
        values = {
            **CLOUD,
            "TEMPORAL_SERVICE_ADDRESS": temporal.address,
            "OPENAI_BASE_URL": model_server.base_url,
            "REDIS_URL": redis.url,
            "DAYTONA_API_URL": daytona.api_url,
            "AGENT_RUNNER_BACKEND_ADDRESS": f"127.0.0.1:{backend.port}",
            "AGENT_RUNNER_BACKEND_TLS": "false",
            "AGENT_RUNNER_OAUTH_TOKEN_URL": f"{tokens.root_url}/token",
        }
        found = statuses(check(tmp_path, values, "--json"))
        assert daytona.sandboxes == {}
    assert found == {**dict.fromkeys(NAMES, "ok"), "mcp": "skipped"}
