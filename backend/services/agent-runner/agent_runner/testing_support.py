"""Helpers that several tests of the service share."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest

from agent_runner.settings import BY_NAME, Settings, load

T = TypeVar("T")

MINIMAL = {
    "TEMPORAL_SERVICE_ADDRESS": "127.0.0.1:7233",
    "AGENT_RUNNER_MODEL": "openai:scripted",
    "OPENAI_API_KEY": "sk-test-0123456789",
}

CLOUD = {
    **MINIMAL,
    "AGENT_RUNNER_MODE": "cloud",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "DAYTONA_API_KEY": "dtn_0123456789",
    "AGENT_RUNNER_BACKEND_ADDRESS": "127.0.0.1:443",
    "AGENT_RUNNER_OAUTH_TOKEN_URL": "http://127.0.0.1:1/token",
    "AGENT_RUNNER_OAUTH_CLIENT_ID": "agent-runner",
    "AGENT_RUNNER_OAUTH_CLIENT_SECRET": "very-secret-0123",
}


def settings_of(monkeypatch: pytest.MonkeyPatch, values: Mapping[str, str]) -> Settings:
    """Settings from exactly these variables."""
    for name in BY_NAME:
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return load()


def run(scenario: Coroutine[Any, Any, T], seconds: float = 120) -> T:
    """Run an asynchronous test to its end, or fail it when it hangs."""

    async def bounded() -> T:
        async with asyncio.timeout(seconds):
            return await scenario

    return _runner.run(bounded())


# One loop for a whole test process, as in the program: clients keep connections between turns.
_runner = asyncio.Runner()


def program(*arguments: str) -> list[str]:
    """The command line of agent-runner from its sources."""
    return [sys.executable, "-m", "agent_runner.main", *arguments]


def program_environment(values: Mapping[str, str], home: Path) -> dict[str, str]:
    """All that the program gets: `values`, and what Python needs to find its sources."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(home),
        "TMPDIR": str(home),
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        **values,
    }
