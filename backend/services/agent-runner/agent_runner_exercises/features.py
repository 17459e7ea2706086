"""Each feature of agent-runner once: what it prints has to be the same frozen and unfrozen."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

from agent_runner import logs, main, mcp_tools, models, settings, warm_up
from agent_runner.progress import ProgressTracker
from agent_runner.services import Services
from agent_runner.settings import Settings
from agent_runner_exercises.loopback import servers


def configure(root: str, redis: str) -> Settings:
    os.environ.update(
        {
            "TEMPORAL_SERVICE_ADDRESS": "127.0.0.1:1",
            "TEMPORAL_CONNECT_TIMEOUT_SECONDS": "0.1",
            "AGENT_RUNNER_MODEL": "openai:scripted",
            "AGENT_RUNNER_SANDBOX": "local",
            "AGENT_RUNNER_SANDBOX_ROOT": str(Path.home() / "sandboxes"),
            "AGENT_RUNNER_STATE": "redis",
            "AGENT_RUNNER_MCP_SERVERS": json.dumps({"far": {"url": f"{root}/mcp"}}),
            "OPENAI_API_KEY": "none",
            "OPENAI_BASE_URL": f"{root}/v1",
            "ANTHROPIC_API_KEY": "none",
            "OLLAMA_BASE_URL": root,
            "REDIS_URL": redis,
            "DAYTONA_API_KEY": "none",
            "DAYTONA_API_URL": "http://127.0.0.1:1",
        }
    )
    return settings.load()


async def a_turn_with_a_tool_call(services: Services) -> None:
    agent = warm_up.agent_module()

    async def send(progress: Any) -> None:
        pass

    provider = services.sandboxes("local")
    async with (
        provider.open(await provider.create("exercise")) as backend,
        mcp_tools.tools(services.settings.mcp_servers) as tools,
    ):
        outcome = await agent.run_turn(
            model=models.build("openai:scripted", services.settings),
            backend=backend,
            tools=tools,
            history=[],
            message="What is 6 x 7?",
            system_prompt=None,
            max_steps=5,
            progress=ProgressTracker(lambda progress: None, send),
        )
        print([(call.name, call.status) for call in outcome.tool_calls], outcome.usage)
        print(outcome.text)
        for tool in tools:
            print(tool.name, (await tool.ainvoke({"a": 21}))[0]["text"])


def every_provider(services: Services) -> None:
    for provider in models.PROVIDERS:
        print(type(models.build(f"{provider}:scripted", services.settings)).__name__)


async def redis(services: Services) -> None:
    store = services.store()
    await store.create("exercise")
    print(type(store).__name__, await store.exists("exercise"))


async def daytona() -> None:
    from daytona import AsyncDaytona, Daytona, DaytonaConfig

    config = DaytonaConfig(api_key="none", api_url="http://127.0.0.1:1", target="none")
    print(type(Daytona(config)).__name__)
    async with AsyncDaytona(config) as client:
        print(type(client).__name__)


def check() -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = main.command_line(["check", "--json"])
    print(code, {item["name"]: item["status"] for item in json.loads(said.getvalue())["checks"]})


async def features(services: Services) -> None:
    await a_turn_with_a_tool_call(services)
    every_provider(services)
    await redis(services)
    await daytona()
    await services.close()


if __name__ == "__main__":
    with servers() as (root, redis_url):
        configured = configure(root, redis_url)
        logs.configure(log_format="text", level="error", secrets=())
        asyncio.run(features(Services(configured)))
        check()
    main.leave(0)
