"""One turn of the agent: model, tools and loop, with deepagents and langgraph.

Imports the whole agent stack; `warm_up.py` loads it before the first turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from deepagents import create_deep_agent
from langchain.agents.middleware import ModelCallLimitMiddleware
from langchain.agents.middleware.model_call_limit import ModelCallLimitExceededError
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    messages_from_dict,
    messages_to_dict,
)
from langgraph.errors import GraphRecursionError

from agent_runner.contract import ToolCall, Usage
from agent_runner.errors import TurnLimitExceeded
from agent_runner.middleware import EndpointFallback, TurnMiddleware
from agent_runner.progress import ProgressTracker
from agent_runner.state.store import Message

if TYPE_CHECKING:
    from deepagents.backends.protocol import SandboxBackendProtocol
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool

SYSTEM_PROMPT: Final = """\
You are a capable agent that works in a sandbox: one directory with files, and a shell.
File tools take absolute paths; `/` is the sandbox directory. The command tool `execute` starts
in that same directory: in commands use relative paths (the file tools' /a/b.txt is a/b.txt there).
Background processes end with the command that started them.
Do what is asked, check that it worked, and answer briefly."""


@dataclass
class TurnOutcome:
    """The outcome of a turn. `messages` are the turn's, including the user's, ready for the
    store."""

    text: str
    messages: list[Message]
    tool_calls: list[ToolCall] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)


async def run_turn(
    *,
    model: BaseChatModel,
    backend: SandboxBackendProtocol,
    tools: Sequence[BaseTool],
    history: Sequence[Message],
    message: str,
    system_prompt: str | None,
    max_steps: int,
    progress: ProgressTracker,
) -> TurnOutcome:
    """Let the model answer `message`, calling tools, until it makes no more calls.

    Raises:
        TurnLimitExceeded: more than `max_steps` model calls.
        Exception: whatever the model's client raises; `models.error_of` knows what it means.
    """
    turn = TurnMiddleware(progress)
    agent = create_deep_agent(
        model=model,
        tools=list(tools),
        system_prompt=system_prompt or SYSTEM_PROMPT,
        backend=backend,
        middleware=[
            ModelCallLimitMiddleware(run_limit=max_steps, exit_behavior="error"),
            EndpointFallback(),
            turn,
        ],
    )
    before = messages_from_dict(list(history))
    said = HumanMessage(message)
    given: Any = {"messages": [*before, said]}
    state: dict[str, Any] = {}
    try:
        async for mode, data in agent.astream(
            given,
            # each model call is several steps of the graph; the middleware's limit is the one that
            # counts
            {"recursion_limit": max_steps * 10 + 50},
            stream_mode=["messages", "values"],
        ):
            if mode == "messages":
                _note_piece(data, progress)
            elif isinstance(data, dict):
                state = data
                _note_state(data, len(before), progress)
    except (ModelCallLimitExceededError, GraphRecursionError) as error:
        raise TurnLimitExceeded(
            f"more than {max_steps} model calls (AGENT_RUNNER_MAX_STEPS)"
        ) from error
    new = _own_messages(state.get("messages", []), said, before)
    return TurnOutcome(
        text=_last_text(new),
        messages=messages_to_dict(new),
        tool_calls=turn.calls,
        usage=_usage(new),
    )


def _note_piece(data: Any, progress: ProgressTracker) -> None:
    piece, _ = data
    if isinstance(piece, AIMessageChunk):
        text = _text(piece)
        if text:
            progress.text(text)


def _note_state(state: dict[str, Any], before: int, progress: ProgressTracker) -> None:
    answers = [
        message for message in state.get("messages", [])[before:] if isinstance(message, AIMessage)
    ]
    if answers:
        progress.answered(len(answers), _text(answers[-1]))


def _own_messages(
    messages: Sequence[BaseMessage], said: HumanMessage, before: Sequence[BaseMessage]
) -> list[BaseMessage]:
    """The messages of this turn: from the user's on."""
    for index in range(len(messages) - 1, -1, -1):
        if isinstance(messages[index], HumanMessage) and messages[index].content == said.content:
            return list(messages[index:])
    return list(messages[len(before) :])


def _text(message: BaseMessage) -> str:
    return str(message.text)


def _last_text(messages: Sequence[BaseMessage]) -> str:
    for message in reversed(messages):
        if isinstance(message, AIMessage):
            return _text(message)
    return ""


def _usage(messages: Sequence[BaseMessage]) -> Usage:
    total = Usage()
    for message in messages:
        counted = message.usage_metadata if isinstance(message, AIMessage) else None
        if counted:
            total.input_tokens += counted["input_tokens"]
            total.output_tokens += counted["output_tokens"]
    return total
