"""The steps of a turn inside a workflow: thread, sandbox, attempts, clean-up.

Both workflows use it. Deterministic code that runs in Temporal's sandbox, as `workflows.py` is.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    TimeoutError,
    TimeoutType,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from agent_runner.contract import (
        PERMANENT,
        SLOT_TIMEOUT_SECONDS,
        TRANSIENT,
        CreateSandbox,
        CreateThread,
        ErrorType,
        Phase,
        Progress,
        ProgressReport,
        RunTurn,
        SandboxInfo,
        Status,
        StatusReport,
        ThreadInfo,
        TurnOptions,
        TurnResult,
    )

MAX_ATTEMPTS: Final = 3
"""Runs of one turn, as long as no tool with side effects has started."""

SLOT_TIMEOUT: Final = timedelta(seconds=SLOT_TIMEOUT_SECONDS)
HEARTBEAT_TIMEOUT: Final = timedelta(seconds=30)
QUEUE_TIMEOUT: Final = timedelta(seconds=120)
"""How long a task may wait for the one worker that holds a sandbox before that worker counts as
gone."""

_SETUP: Final[dict[str, Any]] = {
    "start_to_close_timeout": timedelta(seconds=120),
    "retry_policy": RetryPolicy(
        initial_interval=timedelta(seconds=1),
        maximum_interval=timedelta(seconds=10),
        maximum_attempts=5,
        non_retryable_error_types=list(PERMANENT),
    ),
}


class TurnFailed(Exception):
    """A turn ended with an application error."""

    def __init__(self, error: ApplicationError) -> None:
        super().__init__(error.message)
        self.error = error


class TurnRunner:
    """Thread, sandbox and turns of one workflow run; shared by both workflows."""

    def __init__(self) -> None:
        self.status = Status()
        self.thread: ThreadInfo | None = None
        self.sandbox: SandboxInfo | None = None
        self._task: asyncio.Task[TurnResult] | None = None
        self._cancel_requested = False
        self._sandboxes = 0

    # -- signals

    @property
    def busy(self) -> bool:
        return self._task is not None

    def cancel_requested(self) -> bool:
        """Cancelled by the signal; a method because the value changes during an await."""
        return self._cancel_requested

    def cancel(self) -> None:
        """Cancel the turn that runs, or else the next one before it starts."""
        self._cancel_requested = True
        if self._task is not None:
            self._task.cancel()

    def report_progress(self, report: ProgressReport) -> None:
        # a late report of an earlier attempt must not hide that a tool has started
        if report.turn_id == self.status.turn_id and report.attempt == self.status.attempt:
            self.status.progress = report.progress

    # -- steps

    async def prepare(
        self, thread_id: str | None, options: TurnOptions, *, had_turns: bool
    ) -> None:
        """Make the thread, then the sandbox, unless they exist."""
        if self.thread is None:
            self.status.phase = Phase.CREATING_THREAD
            known = thread_id or self.status.thread_id
            self.thread = await workflow.execute_activity(
                "create_thread",
                CreateThread(
                    thread_id=known or f"thread-{workflow.uuid4()}",
                    must_exist=thread_id is not None or had_turns,
                    model=options.model,
                    mcp_servers=options.mcp_servers,
                ),
                result_type=ThreadInfo,
                **_SETUP,
            )
            self.status.thread_id = self.thread.thread_id
        if self.sandbox is None:
            self.status.phase = Phase.CREATING_SANDBOX
            self._sandboxes += 1
            creation = asyncio.create_task(self._create_sandbox(self.thread.queue))
            try:
                self.sandbox = await asyncio.shield(creation)
            except asyncio.CancelledError:
                # it may exist already: wait, so that it can be removed
                self.sandbox = await creation
                raise

    async def _create_sandbox(self, queue: str | None) -> SandboxInfo:
        created: SandboxInfo = await workflow.execute_activity(
            "create_sandbox",
            CreateSandbox(key=f"{workflow.info().run_id}-{self._sandboxes}"),
            result_type=SandboxInfo,
            task_queue=queue,
            schedule_to_start_timeout=QUEUE_TIMEOUT if queue else None,
            **_SETUP,
        )
        return created

    async def turn(
        self, message: str, thread_id: str | None, options: TurnOptions, *, had_turns: bool = False
    ) -> TurnResult:
        """Run one turn to its end.

        Returns a result with status `completed`, or `cancelled` after the signal. Raises
        `TurnFailed`, or asyncio.CancelledError when the workflow itself is cancelled.
        """
        self.status.turn += 1
        self.status.turn_id = turn_id = f"turn-{workflow.uuid4()}"
        self.status.attempt = 0
        self.status.progress = Progress()
        self.status.error = None
        if self.cancel_requested():
            self._cancel_requested = False
            return self._cancelled(turn_id)
        task = asyncio.create_task(
            self._attempts(turn_id, message, thread_id, options, had_turns=had_turns)
        )
        self._task = task
        try:
            result = await task
            if result.status == "cancelled" and not self.cancel_requested():
                # the workflow itself was cancelled; its activity turned that into a result
                raise asyncio.CancelledError
            return result
        except (asyncio.CancelledError, ActivityError) as error:
            if isinstance(error, ActivityError) and not is_cancelled_exception(error):
                raise TurnFailed(_application_error(error)) from error
            if not self.cancel_requested():
                raise
            return self._cancelled(turn_id)
        finally:
            self._task = None
            self._cancel_requested = False

    def _cancelled(self, turn_id: str) -> TurnResult:
        return TurnResult(
            "cancelled", self.status.thread_id or "", turn_id, self.status.progress.text
        )

    async def _attempts(
        self,
        turn_id: str,
        message: str,
        thread_id: str | None,
        options: TurnOptions,
        *,
        had_turns: bool,
    ) -> TurnResult:
        while True:
            self.status.attempt += 1
            self.status.progress = Progress()
            try:
                await self.prepare(thread_id, options, had_turns=had_turns)
                if self.status.attempt == 1:
                    await self.report(Phase.RUNNING)
                return await self._run_once(turn_id, message, options)
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                if not self._may_repeat(error):
                    raise
                if _worker_is_gone(error):
                    self._forget_worker()
            await asyncio.sleep(2 ** (self.status.attempt - 1))

    async def _run_once(self, turn_id: str, message: str, options: TurnOptions) -> TurnResult:
        assert self.thread is not None
        assert self.sandbox is not None
        self.status.phase = Phase.RUNNING
        limit = options.turn_timeout_seconds or self.thread.turn_timeout_seconds
        queue = self.sandbox.queue or self.thread.queue
        result: TurnResult = await workflow.execute_activity(
            "run_turn",
            RunTurn(
                thread_id=self.thread.thread_id,
                turn_id=turn_id,
                attempt=self.status.attempt,
                message=message,
                sandbox=self.sandbox,
                options=options,
                time_limit_seconds=limit,
            ),
            result_type=TurnResult,
            task_queue=queue,
            schedule_to_start_timeout=QUEUE_TIMEOUT if queue else None,
            # the activity keeps the limit itself, from when it has a free slot; heartbeats tell a
            # dead worker
            start_to_close_timeout=timedelta(seconds=limit) + SLOT_TIMEOUT + timedelta(seconds=60),
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            # repeated by _attempts, which knows from the history whether a tool has started
            retry_policy=RetryPolicy(maximum_attempts=1),
            # the sandbox is removed only after its commands were killed
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        return result

    def _may_repeat(self, error: ActivityError) -> bool:
        if self.status.progress.tools_started or self.status.attempt >= MAX_ATTEMPTS:
            return False
        if error.activity_type != "run_turn":
            # setup activities had their own retries; a worker that never took them is another
            # matter
            cause = error.cause
            return isinstance(cause, TimeoutError) and cause.type == TimeoutType.SCHEDULE_TO_START
        return _application_error(error).type in TRANSIENT

    def _forget_worker(self) -> None:
        """The worker that held them is gone, and with it everything that only it could reach."""
        if self.sandbox is not None and self.sandbox.queue:
            self.sandbox = None
        if self.thread is not None and self.thread.queue:
            self.thread = None

    async def clean_up(self) -> None:
        """Remove the sandbox, whatever happened. Never raises: the outcome is already decided."""
        if self.sandbox is None:
            return
        sandbox, self.sandbox = self.sandbox, None
        self.status.phase = Phase.CLEANING_UP
        try:
            await workflow.execute_activity(
                "delete_sandbox",
                sandbox,
                task_queue=sandbox.queue,
                schedule_to_start_timeout=timedelta(seconds=30) if sandbox.queue else None,
                start_to_close_timeout=timedelta(seconds=60),
                schedule_to_close_timeout=timedelta(seconds=300),
                retry_policy=RetryPolicy(maximum_attempts=5),
            )
        except ActivityError as error:
            workflow.logger.warning("sandbox_not_removed: %s: %s", sandbox.sandbox_id, error.cause)

    async def report(self, phase: str, detail: str = "") -> None:
        """Report to the backend, in cloud mode. If it does not answer, the turn continues."""
        if self.thread is None or not self.thread.report_status:
            return
        try:
            await workflow.execute_activity(
                "report_status",
                StatusReport(
                    workflow_id=workflow.info().workflow_id,
                    thread_id=self.status.thread_id,
                    turn_id=self.status.turn_id,
                    phase=phase,
                    detail=detail,
                ),
                start_to_close_timeout=timedelta(seconds=15),
                schedule_to_close_timeout=timedelta(seconds=60),
                retry_policy=RetryPolicy(maximum_attempts=3),
            )
        except ActivityError as error:
            workflow.logger.warning("status_not_reported: %s: %s", phase, error.cause)

    async def finish(self, phase: str, detail: str = "") -> None:
        """Clean up and report, also while the workflow is being cancelled."""
        await self.clean_up()
        await self.report(phase, detail)
        self.status.phase = phase


def _worker_is_gone(error: ActivityError) -> bool:
    cause = error.cause
    if isinstance(cause, TimeoutError):
        return cause.type in (TimeoutType.SCHEDULE_TO_START, TimeoutType.HEARTBEAT)
    return isinstance(cause, ApplicationError) and cause.type in (
        ErrorType.TURN_INTERRUPTED,
        ErrorType.SANDBOX_UNAVAILABLE,
    )


def _application_error(error: ActivityError) -> ApplicationError:
    """The error that clients see: the activity's own, or the meaning of a timeout."""
    cause = error.cause
    if isinstance(cause, ApplicationError):
        known = cause.type in TRANSIENT or cause.type in PERMANENT
        return ApplicationError(
            cause.message, type=cause.type if known else ErrorType.INTERNAL, non_retryable=True
        )
    if isinstance(cause, TimeoutError) and cause.type in (
        TimeoutType.START_TO_CLOSE,
        TimeoutType.SCHEDULE_TO_CLOSE,
    ):
        kind = (
            ErrorType.TURN_LIMIT
            if error.activity_type == "run_turn"
            else ErrorType.SANDBOX_UNAVAILABLE
        )
        return ApplicationError(
            f"{error.activity_type} took longer than its time limit", type=kind, non_retryable=True
        )
    return ApplicationError(
        f"the worker that ran {error.activity_type} stopped answering",
        type=ErrorType.TURN_INTERRUPTED,
        non_retryable=True,
    )
