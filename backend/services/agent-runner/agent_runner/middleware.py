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


class NonStreamingFallback(AgentMiddleware[Any, Any, Any]):
    """Asks again without streaming when a server answered a streaming request without a stream."""

    _SYMPTOMS: Final = ("No generation chunks were returned", "No generations found in stream")

    async def awrap_model_call(
        self,
        request: ModelRequest[Any],
        handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]],
    ) -> ModelResponse[Any] | AIMessage:
        try:
            return await handler(request)
        except ValueError as error:
            if not any(symptom in str(error) for symptom in self._SYMPTOMS):
                raise
        log.info("endpoint_without_streaming", remedy="AGENT_RUNNER_MODEL_STREAMING=false")
        whole = request.model.model_copy(update={"disable_streaming": True})
        return await handler(request.override(model=whole))
