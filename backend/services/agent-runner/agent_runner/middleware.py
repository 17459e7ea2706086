"""What agent-runner adds to the agent's loop: progress, the mark before the first side effect, and
a fallback.

Imports langchain: only for code that is about to run an agent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command

from agent_runner import logs
from agent_runner.contract import ToolCall
from agent_runner.progress import ProgressTracker

log = logs.get(__name__)

READ_ONLY_TOOLS: Final = frozenset({"ls", "read_file", "glob", "grep"})
"""Tools after which a turn can still be repeated. Everything else counts as a side effect."""


class TurnMiddleware(AgentMiddleware[Any, Any, Any]):
    """Reports each step. Before a tool with side effects starts, the workflow has acknowledged that
    it will."""

    def __init__(self, progress: ProgressTracker) -> None:
        super().__init__()
        self._progress = progress
        self.calls: list[ToolCall] = []

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        name = request.tool_call["name"]
        await self._progress.tool(name, side_effects=name not in READ_ONLY_TOOLS)
        status = "error"
        try:
            answer = await handler(request)
            status = answer.status if isinstance(answer, ToolMessage) else "success"
            return answer
        except Exception as error:
            # a broken tool is the model's to deal with: what it did so far cannot be undone by
            # failing the turn
            log.warning("tool_failed", tool=name, error=str(error), kind=type(error).__name__)
            return ToolMessage(
                content=f"Error: the tool {name} failed: {error}",
                name=name,
                tool_call_id=request.tool_call["id"] or "",
                status="error",
            )
        finally:
            self.calls.append(ToolCall(name, status))
            self._progress.tool_ended()


class EndpointFallback(AgentMiddleware[Any, Any, Any]):
    """Asks an OpenAI-compatible server once more, with less, when it lacks a part of streaming.

    A server that answers a streaming request with a plain body gets the request without streaming;
    one that refuses `stream_options` (token counts of a stream) gets it without those.
    """

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any] | AIMessage:
        try:
            return await handler(request)
        except Exception as error:
            less = _less(error)
            if less is None:
                raise
        log.info("endpoint_lacks", asked_again_with=less)
        return await handler(request.override(model=request.model.model_copy(update=less)))


_NO_STREAM: Final = ("No generation chunks were returned", "No generations found in stream")


def _less(error: Exception) -> dict[str, bool] | None:
    """What to change in the model for the second request; None when that would not help."""
    if isinstance(error, ValueError) and any(symptom in str(error) for symptom in _NO_STREAM):
        return {"disable_streaming": True}
    status = getattr(error, "status_code", None)
    if status in (400, 422) and "stream_options" in str(error):
        return {"stream_usage": False}
    return None
