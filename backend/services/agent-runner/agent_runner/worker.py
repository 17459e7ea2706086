"""The Temporal workers of this process: one on the shared task queue, one on a private queue.

Work on what is tied to this process (local sandboxes, threads in memory) goes through the private
queue.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any, Final, TypeVar

from agent_runner import temporal_library  # noqa: F401  # isort: skip
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from agent_runner import build_info, exit_codes, logs, processes, temporal_connection, warm_up
from agent_runner.activities import Activities
from agent_runner.services import Services
from agent_runner.settings import Settings
from agent_runner.stop_signals import StopSignals
from agent_runner.workflows import WORKFLOWS

log = logs.get(__name__)

_T = TypeVar("_T")

_HEARTBEAT_INTERVAL: Final = timedelta(seconds=1)
"""Cancellation reaches an activity with the answer to a heartbeat."""

_STOPPED_TURNS_SECONDS: Final = 10.0
"""After the grace period: how long stopped turns may take to kill their commands and report to
Temporal."""

_TIED_ACTIVITY_SLOTS: Final = 100
"""Besides turns, which have their own slots: clean-up must never queue behind them."""


def workers(client: Client, services: Services, own_queue: str) -> list[Worker]:
    """Both workers, not started."""
    settings = services.settings
    activities = Activities(services, own_queue).all()
    common: dict[str, Any] = {
        "activities": activities,
        "graceful_shutdown_timeout": timedelta(seconds=settings.shutdown_grace),
        "max_heartbeat_throttle_interval": _HEARTBEAT_INTERVAL,
        "default_heartbeat_throttle_interval": _HEARTBEAT_INTERVAL,
    }
    turns = settings.max_concurrent_turns
    return [
        Worker(
            client,
            task_queue=settings.temporal_task_queue,
            workflows=list(WORKFLOWS),
            max_concurrent_activities=turns,
            **common,
        ),
        Worker(
            client,
            task_queue=own_queue,
            max_concurrent_activities=turns + _TIED_ACTIVITY_SLOTS,
            **common,
        ),
    ]


async def run(settings: Settings, signals: StopSignals) -> int:
    """Work until a signal comes; return the exit code.

    Raises:
        TemporalUnreachable: not connected within the configured time.
    """
    stop = signals.event()
    started = time.monotonic()
    core = temporal_connection.runtime()
    client = await _unless(
        stop,
        temporal_connection.connect(
            settings, lambda: temporal_connection.connect_once(settings, core)
        ),
    )
    if client is None:
        log.info("worker_stopped", signal=signals.received)
        return exit_codes.OK
    services = Services(settings)
    own_queue = f"{settings.temporal_task_queue}.{uuid.uuid4().hex[:12]}"
    try:
        return await _work(client, services, own_queue, signals, stop, started)
    finally:
        await services.close()
        await _end_children()


async def _work(
    client: Client,
    services: Services,
    own_queue: str,
    signals: StopSignals,
    stop: asyncio.Event,
    started: float,
) -> int:
    settings = services.settings
    both = workers(client, services, own_queue)
    running = [asyncio.create_task(worker.run()) for worker in both]
    failure = asyncio.gather(*running)
    await _unless(stop, _until_polling(client, settings, failure))
    if not stop.is_set():
        info = build_info.load()
        log.info(
            "worker_polling",
            address=settings.temporal_service_address,
            namespace=settings.temporal_namespace,
            task_queue=settings.temporal_task_queue,
            mode=settings.mode,
            model=settings.model,
            sandbox=settings.sandbox,
            state=settings.state,
            version=info.version,
            seconds=round(time.monotonic() - started, 2),
        )
        warm_up.start(settings)
        await _unless(stop, failure)
    log.info("worker_draining", signal=signals.received, grace_seconds=settings.shutdown_grace)
    limit = settings.shutdown_grace + _STOPPED_TURNS_SECONDS
    _, late = await asyncio.wait(
        [asyncio.create_task(worker.shutdown()) for worker in both], timeout=limit
    )
    if late:
        log.warning("worker_drain_incomplete", seconds=limit)
    log.info("worker_stopped", signal=signals.received)
    return exit_codes.OK


async def _unless(stop: asyncio.Event, work: Awaitable[_T]) -> _T | None:
    """The result of `work`, or None when the stop comes first (the work is then cancelled, unless
    it is a future that others wait for too)."""
    task = asyncio.ensure_future(work)
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if isinstance(task, asyncio.Task):
            task.cancel()
        return None
    finally:
        waiting.cancel()


async def _until_polling(
    client: Client, settings: Settings, failure: asyncio.Future[list[None]]
) -> None:
    """Wait until Temporal itself lists this worker among the queue's pollers, so that "polling" is
    true."""
    deadline = time.monotonic() + 10
    request = DescribeTaskQueueRequest(
        namespace=settings.temporal_namespace,
        task_queue=TaskQueue(name=settings.temporal_task_queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    while time.monotonic() < deadline:
        if failure.done():
            failure.result()
        try:
            answer = await client.workflow_service.describe_task_queue(request)
        except RPCError as error:
            log.debug("pollers_not_listed", error=str(error))
            return
        if any(poller.identity == client.identity for poller in answer.pollers):
            return
        await asyncio.sleep(0.05)


async def _end_children() -> None:
    """Kill everything this process started. MCP servers end with their turn; this is for those that
    hang."""
    processes.kill_all()
    for pid in processes.descendants():
        processes.kill(pid)
