"""Servers, and the packaged agent-runner as a worker against them.

The servers and one shared worker live as long as the session; a test that stops its worker, or
needs it configured otherwise, starts its own with `start_worker`.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from support.agent_runner import AgentRunner, find_command
from support.fake_models import FakeModels
from support.redis_server import RedisServer
from support.temporal_server import TemporalServer
from support.workers import API_KEY, StartWorker, Worker, running_worker, settings

STARTED = pytest.StashKey[list[Worker]]()
_LOG_LINES = 40


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of its workers' logs when a test fails."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        for one in [item.funcargs.get("worker"), *item.stash.get(STARTED, [])]:
            if not isinstance(one, Worker):
                continue
            lines = one.process.output.splitlines()[-_LOG_LINES:]
            report.sections.append((f"agent-runner {one.process.pid}", "\n".join(lines)))
    return report


@pytest.fixture(scope="session")
def temporal() -> Iterator[TemporalServer]:
    with TemporalServer() as server:
        yield server


@pytest.fixture(scope="session")
def models() -> Iterator[FakeModels]:
    with FakeModels(api_key=API_KEY) as server:
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
def environment(temporal: TemporalServer, models: FakeModels, tmp_path: Path) -> dict[str, str]:
    """A complete configuration."""
    return settings(temporal, models, tmp_path)


@pytest.fixture(scope="session")
def worker(
    command: tuple[str, ...],
    temporal: TemporalServer,
    models: FakeModels,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Worker]:
    """The worker that tests share; every test uses its own model name."""
    program = AgentRunner(command, tmp_path_factory.mktemp("shared-worker"))
    whole = settings(temporal, models, program.temporary)
    with running_worker(program, whole) as shared:
        yield shared


@pytest.fixture
def start_worker(
    request: pytest.FixtureRequest, program: AgentRunner, environment: dict[str, str]
) -> Iterator[StartWorker]:
    with contextlib.ExitStack() as stack:

        def start(**more: str) -> Worker:
            started = stack.enter_context(running_worker(program, {**environment, **more}))
            request.node.stash.setdefault(STARTED, []).append(started)
            return started

        yield start


@pytest.fixture
def model() -> str:
    """A model name that no other test uses."""
    return f"scripted-{uuid.uuid4().hex[:8]}"
