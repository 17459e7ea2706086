"""The activities: everything that touches the world on behalf of a workflow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from agent_runner import temporal_library  # noqa: F401  # isort: skip
from temporalio import activity
from temporalio.exceptions import ApplicationError

from agent_runner import logs, mcp_tools, models, warm_up
from agent_runner.contract import (
    PERMANENT,
    SLOT_TIMEOUT_SECONDS,
    CreateSandbox,
    CreateThread,
    ErrorType,
    Phase,
    Progress,
    ProgressReport,
    RunTurn,
    SandboxInfo,
    StatusReport,
    ThreadInfo,
    ToolCall,
    TurnResult,
    Usage,
)
from agent_runner.errors import AgentRunnerError, TurnInterrupted, TurnLimitExceeded
from agent_runner.progress import ProgressTracker
from agent_runner.services import Services

log = logs.get(__name__)


class Activities:
    """Methods are the activities; `queue` is the task queue that only this worker polls."""

    def __init__(self, services: Services, queue: str) -> None:
        self._services = services
        self._queue = queue
        self._slots = asyncio.Semaphore(services.settings.max_concurrent_turns)

    def all(self) -> list[Callable[..., Any]]:
        return [
            self.create_thread,
            self.create_sandbox,
            self.run_turn,
            self.delete_sandbox,
            self.report_status,
        ]

    @activity.defn(name="create_thread")
    async def create_thread(self, given: CreateThread) -> ThreadInfo:
        """Make or find the thread; refuse early what the turn could not use."""
        async with _application_errors():
            settings = self._services.settings
            models.check_configured(given.model or settings.model, settings)
            mcp_tools.chosen(settings.mcp_servers, given.mcp_servers)
            store = self._services.store()
            if given.must_exist:
                # raises ThreadNotFound with what the store knows about the reason
                await store.result_of(given.thread_id, "")
            else:
                await store.create(given.thread_id)
            return ThreadInfo(
                thread_id=given.thread_id,
                queue=self._queue if store.tied_to_worker else None,
                turn_timeout_seconds=settings.turn_timeout,
                report_status=settings.cloud,
            )

    @activity.defn(name="create_sandbox")
    async def create_sandbox(self, given: CreateSandbox) -> SandboxInfo:
        async with _application_errors():
            provider = self._services.sandboxes()
            sandbox_id = await provider.create(given.key)
            log.info("sandbox_created", sandbox_id=sandbox_id, kind=provider.kind)
            return SandboxInfo(
                kind=provider.kind,
                sandbox_id=sandbox_id,
                queue=self._queue if provider.tied_to_worker else None,
            )

    @activity.defn(name="delete_sandbox")
    async def delete_sandbox(self, given: SandboxInfo) -> None:
        async with _application_errors():
            await self._services.sandboxes(given.kind).delete(given.sandbox_id)
            log.info("sandbox_deleted", sandbox_id=given.sandbox_id, kind=given.kind)

    @activity.defn(name="report_status")
    async def report_status(self, given: StatusReport) -> None:
        async with _application_errors():
            reporter = self._services.reporter()
            if reporter is not None:
                await reporter.report(given)

    @activity.defn(name="run_turn")
    async def run_turn(self, given: RunTurn) -> TurnResult:
        """Run one turn and store it; the thread changes only when the turn completes."""
        tracker = self._tracker(given)
        reporting = asyncio.create_task(tracker.run())
        try:
            async with _application_errors():
                return await self._turn_in_time(given, tracker)
        except asyncio.CancelledError:
            return await self._cancelled(given, tracker)
        finally:
            reporting.cancel()

    async def _turn_in_time(self, given: RunTurn, tracker: ProgressTracker) -> TurnResult:
        try:
            async with asyncio.timeout(SLOT_TIMEOUT_SECONDS):
                await self._slots.acquire()
        except TimeoutError:
            raise TurnInterrupted("the worker had no free slot in an hour") from None
        try:
            async with asyncio.timeout(given.time_limit_seconds) as limit:
                return await self._turn(given, tracker)
        except TimeoutError:
            if limit.expired():
                raise TurnLimitExceeded(
                    f"the turn took longer than {given.time_limit_seconds:g} seconds"
                ) from None
            raise
        finally:
            self._slots.release()

    async def _turn(self, given: RunTurn, tracker: ProgressTracker) -> TurnResult:
        settings = self._services.settings
        store = self._services.store()
        stored = await store.result_of(given.thread_id, given.turn_id)
        if stored is not None:  # already done, but the worker ended before it could report it
            return _result_from(stored)
        history = await store.messages(given.thread_id)
        name = given.options.model or settings.model
        agent = await asyncio.to_thread(warm_up.agent_module)
        model = await asyncio.to_thread(models.build, name, settings)
        servers = mcp_tools.chosen(settings.mcp_servers, given.options.mcp_servers)
        provider = self._services.sandboxes(given.sandbox.kind)
        try:
            async with (
                provider.open(given.sandbox.sandbox_id) as backend,
                mcp_tools.tools(servers) as tools,
            ):
                outcome = await agent.run_turn(
                    model=model,
                    backend=backend,
                    tools=tools,
                    history=history,
                    message=given.message,
                    system_prompt=given.options.system_prompt,
                    max_steps=settings.max_steps,
                    progress=tracker,
                )
        except AgentRunnerError:
            raise
        except Exception as error:
            known = models.error_of(error, name, settings)
            if known is None:
                raise
            raise known from error
        result = TurnResult(
            status=Phase.COMPLETED,
            thread_id=given.thread_id,
            turn_id=given.turn_id,
            text=outcome.text,
            tool_calls=outcome.tool_calls,
            usage=outcome.usage,
        )
        await store.append(given.thread_id, given.turn_id, outcome.messages, asdict(result))
        log.info(
            "turn_completed",
            thread_id=given.thread_id,
            turn_id=given.turn_id,
            steps=tracker.current.steps,
            tool_calls=len(outcome.tool_calls),
        )
        return result

    async def _cancelled(self, given: RunTurn, tracker: ProgressTracker) -> TurnResult:
        """By now the turn's commands and MCP servers have ended; only the reason is left to
        report."""
        details = activity.cancellation_details()
        if details is not None and details.cancel_requested:
            log.info("turn_cancelled", turn_id=given.turn_id)
            return TurnResult(Phase.CANCELLED, given.thread_id, given.turn_id, tracker.current.text)
        if details is not None and (details.not_found or details.timed_out):
            # the workflow was terminated or has given this attempt up: nothing else will clean up
            log.info("turn_abandoned", turn_id=given.turn_id)
            await self._services.sandboxes(given.sandbox.kind).delete(given.sandbox.sandbox_id)
            raise asyncio.CancelledError
        log.info("turn_interrupted", turn_id=given.turn_id)
        raise ApplicationError(
            "the worker was stopped while the turn ran", type=ErrorType.TURN_INTERRUPTED
        ) from None

    def _tracker(self, given: RunTurn) -> ProgressTracker:
        info = activity.info()
        workflow_id = info.workflow_id or ""
        handle = activity.client().get_workflow_handle(workflow_id, run_id=info.workflow_run_id)
        backend: set[asyncio.Task[None]] = set()

        async def send(progress: Progress) -> None:
            if self._services.settings.cloud and not backend:
                report = StatusReport(workflow_id, given.thread_id, given.turn_id, Phase.RUNNING)
                task = asyncio.create_task(self._report_progress(report, progress))
                backend.add(task)
                task.add_done_callback(backend.discard)
            await handle.signal(
                "report_progress", ProgressReport(given.turn_id, given.attempt, progress)
            )

        return ProgressTracker(beat=activity.heartbeat, send=send)

    async def _report_progress(self, report: StatusReport, progress: Progress) -> None:
        try:
            reporter = self._services.reporter()
            if reporter is not None:
                await reporter.report(report, progress)
        except Exception as error:
            log.warning("progress_not_reported", error=str(error))


def _result_from(stored: dict[str, Any]) -> TurnResult:
    return TurnResult(
        **{
            **stored,
            "tool_calls": [ToolCall(**call) for call in stored["tool_calls"]],
            "usage": Usage(**stored["usage"]),
        }
    )


@asynccontextmanager
async def _application_errors() -> AsyncIterator[None]:
    """Turn exceptions into the application errors of the client contract."""
    try:
        yield
    except (ApplicationError, asyncio.CancelledError):
        raise
    except AgentRunnerError as error:
        log.warning("activity_failed", activity=activity.info().activity_type, error=str(error))
        # from None: the message is complete, and a client needs no traceback of this program
        raise ApplicationError(
            str(error), type=error.kind, non_retryable=error.kind in PERMANENT
        ) from None
    except Exception as error:
        log.exception("activity_failed_unexpectedly", activity=activity.info().activity_type)
        raise ApplicationError(
            f"{type(error).__name__}: {error}", type=ErrorType.INTERNAL, non_retryable=True
        ) from None
