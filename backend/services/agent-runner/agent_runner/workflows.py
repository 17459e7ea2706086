"""The workflows `AgentTurn` and `AgentConversation`.

Deterministic code that runs in Temporal's sandbox: no I/O, no environment, no import inside a
function (a lazy import in a sandboxed workflow hangs it). The README's client contract describes
inputs and outputs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from typing import Any, Final, TypeVar

from temporalio import workflow
from temporalio.converter import value_to_type
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from agent_runner.contract import (
        DEFAULT_IDLE_SECONDS,
        AgentConversationInput,
        AgentTurnInput,
        Conversation,
        ConversationResult,
        ErrorType,
        Phase,
        ProgressReport,
        Status,
        TurnResult,
        TurnSummary,
        UserMessage,
        problems_of,
    )
    from agent_runner.turn_runner import TurnFailed, TurnRunner

_Input = TypeVar("_Input", AgentTurnInput, AgentConversationInput)

TURNS_SHOWN: Final = 20


def _parsed(given: Any, kind: type[_Input]) -> _Input:
    """The input as its dataclass.

    Inputs are plain JSON and checked here: if temporalio cannot decode one for a type hint, the
    workflow *task* fails, Temporal repeats it forever, and the client waits.
    """
    problems = problems_of(given, kind)
    if not problems:
        try:
            parsed: _Input = value_to_type(kind, given or {})
            return parsed
        except (TypeError, ValueError) as error:
            problems = [f"input: {error}"]
    raise ApplicationError("; ".join(problems), type=ErrorType.INVALID_INPUT, non_retryable=True)


@workflow.defn(name="AgentTurn")
class AgentTurn:
    """One message, one answer."""

    def __init__(self) -> None:
        self._runner = TurnRunner()

    @workflow.run
    async def run(self, raw: Any = None) -> TurnResult:
        given = _parsed(raw, AgentTurnInput)
        runner = self._runner
        phase, detail = Phase.FAILED, ""
        try:
            result = await runner.turn(given.message, given.thread_id, given.options())
            phase = Phase.CANCELLED if result.status == "cancelled" else Phase.COMPLETED
            return result
        except TurnFailed as failed:
            detail = runner.status.error = f"{failed.error.type}: {failed.error.message}"
            raise failed.error from failed
        except (asyncio.CancelledError, ActivityError):
            # `turn` lets only a cancellation of the workflow itself through
            phase = Phase.CANCELLED
            raise
        finally:
            await runner.finish(phase, detail)

    @workflow.signal
    def cancel(self, reason: str | None = None) -> None:
        self._runner.cancel()

    @workflow.signal
    def report_progress(self, report: ProgressReport) -> None:
        self._runner.report_progress(report)

    @workflow.query
    def status(self) -> Status:
        return self._runner.status


@workflow.defn(name="AgentConversation")
class AgentConversation:
    """Many messages, one thread, one sandbox."""

    def __init__(self) -> None:
        self._runner = TurnRunner()
        self._messages: deque[str] = deque()
        self._closing = False

    @workflow.run
    async def run(self, raw: Any = None) -> ConversationResult:
        given = _parsed(raw, AgentConversationInput)
        runner = self._runner
        if given.resume is not None:
            self._resume(given.resume)
        elif given.message is not None:
            self._messages.appendleft(given.message)
        outcome = Phase.FAILED
        try:
            end = "idle"
            while await self._next_message(given.idle_timeout_seconds or DEFAULT_IDLE_SECONDS):
                await self._answer(self._messages.popleft(), given)
                if workflow.info().is_continue_as_new_suggested():
                    await self._continue_as_new(given)
            if self._closing:
                end = "closed"
            outcome = Phase.COMPLETED
            return ConversationResult(end, runner.status.thread_id, runner.status.turn)
        except BaseException as error:
            if is_cancelled_exception(error):
                outcome = Phase.CANCELLED
            if isinstance(error, workflow.ContinueAsNewError):
                outcome = ""
            raise
        finally:
            if outcome:
                await runner.finish(outcome)

    async def _next_message(self, idle_seconds: float) -> bool:
        if not self._messages and not self._closing:
            self._runner.status.phase = Phase.WAITING
            try:
                await workflow.wait_condition(
                    lambda: bool(self._messages) or self._closing,
                    timeout=timedelta(seconds=idle_seconds),
                )
            except asyncio.TimeoutError:
                return False
        return bool(self._messages)

    async def _answer(self, message: str, given: AgentConversationInput) -> None:
        runner = self._runner
        answered = any(turn.status == "completed" for turn in runner.status.turns)
        try:
            result = await runner.turn(
                message, given.thread_id, given.options(), had_turns=answered
            )
            summary = TurnSummary(result.turn_id, result.status, result.text)
        except TurnFailed as failed:
            error = f"{failed.error.type}: {failed.error.message}"
            runner.status.error = error
            summary = TurnSummary(runner.status.turn_id or "", "failed", "", error)
        runner.status.turns = [*runner.status.turns, summary][-TURNS_SHOWN:]
        await runner.report(summary.status, summary.error or "")

    async def _continue_as_new(self, given: AgentConversationInput) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
        runner = self._runner
        if runner.thread is None:
            return
        workflow.continue_as_new(
            AgentConversationInput(
                message=None,
                thread_id=given.thread_id,
                model=given.model,
                system_prompt=given.system_prompt,
                mcp_servers=given.mcp_servers,
                turn_timeout_seconds=given.turn_timeout_seconds,
                idle_timeout_seconds=given.idle_timeout_seconds,
                resume=Conversation(
                    thread=runner.thread,
                    sandbox=runner.sandbox,
                    turn=runner.status.turn,
                    summaries=runner.status.turns,
                    queue=list(self._messages),
                    closing=self._closing,
                ),
            )
        )

    def _resume(self, resume: Conversation) -> None:
        self._runner.thread = resume.thread
        self._runner.sandbox = resume.sandbox
        self._runner.status.thread_id = resume.thread.thread_id
        self._runner.status.turn = resume.turn
        self._runner.status.turns = resume.summaries
        # signals of the new run may have come before this code ran
        self._messages.extendleft(reversed(resume.queue))
        self._closing = self._closing or resume.closing

    @workflow.signal
    def send_message(self, message: UserMessage) -> None:
        if isinstance(message.text, str) and message.text.strip() and not self._closing:
            self._messages.append(message.text)

    @workflow.signal
    def cancel(self, reason: str | None = None) -> None:
        if self._runner.busy:
            self._runner.cancel()

    @workflow.signal
    def close(self) -> None:
        self._closing = True

    @workflow.signal
    def report_progress(self, report: ProgressReport) -> None:
        self._runner.report_progress(report)

    @workflow.query
    def status(self) -> Status:
        self._runner.status.queued_messages = len(self._messages)
        return self._runner.status


WORKFLOWS: Final = (AgentTurn, AgentConversation)

__all__ = ["WORKFLOWS", "AgentConversation", "AgentTurn"]
