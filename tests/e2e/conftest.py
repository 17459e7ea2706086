"""Servers, and the packaged agent-runner as a worker against them.

The servers and one shared worker live as long as the session; a test that stops its worker, or
needs it configured otherwise, starts its own with `start_worker`.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.agent_runner import AgentRunner, find_command
from support.model_server import ModelServer
from support.redis_server import RedisServer
from support.temporal_server import TemporalServer
from support.workers import StartWorker, Worker, running_worker, settings


@pytest.fixture(scope="session")
def temporal() -> Iterator[TemporalServer]:
    with TemporalServer() as server:
        yield server


@pytest.fixture(scope="session")
def models() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer(password="redis-secret-42") as server:
        yield server


@pytest.fixture(scope="session")
def command() -> tuple[str, ...]:
    return tuple(find_command())


@pytest.fixture
def program(command: tuple[str, ...], tmp_path: Path) -> AgentRunner:
    """The program with a directory for temporary files of this test alone."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    return AgentRunner(command, temporary)


@pytest.fixture
def environment(temporal: TemporalServer, models: ModelServer, tmp_path: Path) -> dict[str, str]:
    """A complete configuration."""
    return settings(temporal, models, tmp_path)


@pytest.fixture(scope="session")
def worker(
    command: tuple[str, ...],
    temporal: TemporalServer,
    models: ModelServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Worker]:
    """The worker that tests share; every test uses a model name of its own."""
    program = AgentRunner(command, tmp_path_factory.mktemp("shared-worker"))
    whole = settings(temporal, models, program.temporary)
    with running_worker(program, whole) as shared:
        yield shared


@pytest.fixture
def start_worker(program: AgentRunner, environment: dict[str, str]) -> Iterator[StartWorker]:
    with contextlib.ExitStack() as stack:

        def start(**more: str) -> Worker:
            return stack.enter_context(running_worker(program, {**environment, **more}))

        yield start


@pytest.fixture
def model() -> str:
    """A model name that no other test uses."""
    return f"scripted-{uuid.uuid4().hex[:8]}"
