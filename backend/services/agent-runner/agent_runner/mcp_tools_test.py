from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent_runner import mcp_test_server, mcp_tools, processes
from agent_runner.errors import ConfigurationError, McpUnavailable
from agent_runner.testing_support import run
from support.ports import free_port

SERVER = str(Path(mcp_test_server.__file__).resolve())
PATHS = os.pathsep.join(entry for entry in sys.path if entry)


def stdio(**env: str) -> dict[str, Any]:
    return {"command": sys.executable, "args": [SERVER], "env": {"PYTHONPATH": PATHS, **env}}


async def use(servers: dict[str, dict[str, Any]], prefix: str) -> None:
    async with mcp_tools.tools(servers) as tools:
        by_name = {tool.name: tool for tool in tools}
        assert {f"{prefix}_add", f"{prefix}_count", f"{prefix}_fail"} <= set(by_name)
        assert "5" in str(await by_name[f"{prefix}_add"].ainvoke({"a": 2, "b": 3}))
        await by_name[f"{prefix}_count"].ainvoke({})
        # one session for the whole turn
        assert "2" in str(await by_name[f"{prefix}_count"].ainvoke({}))
        failed = await by_name[f"{prefix}_fail"].ainvoke(
            {"name": f"{prefix}_fail", "args": {}, "id": "1", "type": "tool_call"}
        )
        assert failed.status == "error"
        assert "it is broken" in str(failed.content)


def test_by_stdio_with_an_environment_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")

    async def scenario() -> None:
        servers = {"math": stdio(GIVEN="yes")}
        await use(servers, "math")
        async with mcp_tools.tools(servers) as tools:
            tool = next(tool for tool in tools if tool.name == "math_variable")
            assert "yes" in str(await tool.ainvoke({"name": "GIVEN"}))
            assert "not set" in str(await tool.ainvoke({"name": "OPENAI_API_KEY"}))
            assert processes.descendants() or not sys.platform.startswith("linux")

    run(scenario())
    assert processes.descendants() == []


def test_no_process_stays_when_the_turn_is_cancelled() -> None:
    async def scenario() -> None:
        ready = asyncio.Event()

        async def turn() -> None:
            async with mcp_tools.tools({"math": stdio()}):
                ready.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(turn())
        await ready.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(scenario())
    assert processes.descendants() == []


@pytest.fixture
def http_server() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, SERVER, str(port)],
        env={**os.environ, "PYTHONPATH": PATHS},
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}/mcp"
    try:
        for _ in range(600):
            try:
                httpx.get(url, timeout=1)
                break
            except httpx.TransportError:
                assert process.poll() is None, "the MCP server ended"
                run(asyncio.sleep(0.05))
        yield url
    finally:
        process.kill()
        process.wait()


def test_by_http(http_server: str) -> None:
    run(use({"math": {"url": http_server, "headers": {"X-Key": "k"}}}, "math"))


@pytest.mark.parametrize(
    "server",
    [
        {"command": "/does/not/exist"},
        {"command": sys.executable, "args": ["-c", "raise SystemExit(3)"]},
        {"url": "http://127.0.0.1:1/mcp"},
    ],
    ids=["absent", "ends", "refused"],
)
def test_a_server_that_does_not_start_is_named(server: dict[str, Any]) -> None:
    async def scenario() -> None:
        async with mcp_tools.tools({"broken": server}):
            pass

    with pytest.raises(McpUnavailable, match="MCP server broken"):
        run(scenario())


def test_a_server_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_tools, "START_TIMEOUT_SECONDS", 1.0)
    silent = {"command": sys.executable, "args": ["-c", "import time; time.sleep(60)"]}

    async def scenario() -> None:
        async with mcp_tools.tools({"silent": silent}):
            pass

    with pytest.raises(McpUnavailable, match="did not answer in 1 s"):
        run(scenario())
    assert processes.descendants() == []


def test_a_turn_chooses_among_the_configured_servers() -> None:
    configured = {"a": {"url": "http://a"}, "b": {"url": "http://b"}}
    assert mcp_tools.chosen(configured, None) == configured
    assert mcp_tools.chosen(configured, []) == {}
    assert set(mcp_tools.chosen(configured, ["b"])) == {"b"}
    with pytest.raises(ConfigurationError, match=r"c not in .* a, b"):
        mcp_tools.chosen(configured, ["b", "c"])
