"""agent-runner as a running worker, with its own task queue and a client of that queue."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from support.agent_runner import AgentRunner, wait_for_event
from support.agents import Agents
from support.fake_models import FakeModels
from support.process import RunningProcess
from support.temporal_server import TemporalServer

API_KEY: Final = "sk-test-0123456789"
"""The key that workers send to model endpoints."""


@dataclass(frozen=True)
class Worker:
    """A running worker."""

    process: RunningProcess
    agents: Agents
    environment: Mapping[str, str]

    def sandboxes(self) -> list[Path]:
        """The local sandbox directories that exist: one level below each worker's own."""
        return sorted(self.sandbox_root.glob("*/*"))

    @property
    def sandbox_root(self) -> Path:
        """Where the worker keeps its sandboxes."""
        return Path(self.environment["AGENT_RUNNER_SANDBOX_ROOT"])


class StartWorker(Protocol):
    """Starts a worker that ends with the test; `environment` goes over the defaults."""

    def __call__(self, **environment: str) -> Worker: ...


def settings(temporal: TemporalServer, models: FakeModels, root: Path) -> dict[str, str]:
    """A complete configuration in local mode; the models of every provider are one stand-in."""
    return {
        "TEMPORAL_SERVICE_ADDRESS": temporal.address,
        "TEMPORAL_TASK_QUEUE": f"queue-{uuid.uuid4()}",
        "AGENT_RUNNER_MODEL": "openai:scripted",
        "AGENT_RUNNER_SANDBOX_ROOT": str(root / "sandboxes"),
        "OPENAI_BASE_URL": models.base_url,
        "OPENAI_API_KEY": API_KEY,
        "ANTHROPIC_BASE_URL": models.root_url,
        "ANTHROPIC_API_KEY": API_KEY,
        "OLLAMA_BASE_URL": models.root_url,
    }


@contextlib.contextmanager
def running_worker(program: AgentRunner, environment: Mapping[str, str]) -> Iterator[Worker]:
    """A worker that polls; killed with everything it started when the context is left."""
    address, queue = environment["TEMPORAL_SERVICE_ADDRESS"], environment["TEMPORAL_TASK_QUEUE"]
    with program.start(**environment) as process, Agents(address, queue) as agents:
        wait_for_event(process, "worker_polling")
        yield Worker(process, agents, environment)
