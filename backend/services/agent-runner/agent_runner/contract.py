"""What crosses the wire between clients, workflows and activities. Plain dataclasses: JSON with the same field names.

The README documents the client's half. Imported inside the workflow sandbox: standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

# --- application error types: `ErrorType.X` is the `type` of an ApplicationError -----------------------------------


class ErrorType:
    INVALID_INPUT: Final = "InvalidInput"
    THREAD_NOT_FOUND: Final = "ThreadNotFound"
    CONFIGURATION: Final = "ConfigurationError"
    MODEL_UNAVAILABLE: Final = "ModelUnavailable"
    MODEL_REJECTED: Final = "ModelRejected"
    SANDBOX_UNAVAILABLE: Final = "SandboxUnavailable"
    STATE_UNAVAILABLE: Final = "StateUnavailable"
    MCP_UNAVAILABLE: Final = "McpUnavailable"
    TURN_LIMIT: Final = "TurnLimitExceeded"
    TURN_INTERRUPTED: Final = "TurnInterrupted"
    INTERNAL: Final = "InternalError"


TRANSIENT: Final = frozenset(
    {
        ErrorType.MODEL_UNAVAILABLE,
        ErrorType.SANDBOX_UNAVAILABLE,
        ErrorType.STATE_UNAVAILABLE,
        ErrorType.MCP_UNAVAILABLE,
        ErrorType.TURN_INTERRUPTED,
    }
)
"""Errors after which the same request may succeed: a turn without side effects so far is tried again."""

PERMANENT: Final = (
    ErrorType.INVALID_INPUT,
    ErrorType.THREAD_NOT_FOUND,
    ErrorType.CONFIGURATION,
    ErrorType.MODEL_REJECTED,
    ErrorType.TURN_LIMIT,
    ErrorType.INTERNAL,
)

SLOT_TIMEOUT_SECONDS: Final = 3600.0
"""How long a turn waits, heartbeating, for one of AGENT_RUNNER_MAX_CONCURRENT_TURNS on the worker that it is tied to."""


class Phase:
    STARTING: Final = "starting"
    CREATING_THREAD: Final = "creating_thread"
    CREATING_SANDBOX: Final = "creating_sandbox"
    RUNNING: Final = "running"
    WAITING: Final = "waiting"
    CLEANING_UP: Final = "cleaning_up"
    COMPLETED: Final = "completed"
    CANCELLED: Final = "cancelled"
    FAILED: Final = "failed"


# --- client contract -----------------------------------------------------------------------------------------------


@dataclass
class TurnOptions:
    """What a client may choose for each turn."""

    model: str | None = None
    system_prompt: str | None = None
    mcp_servers: list[str] | None = None
    turn_timeout_seconds: float | None = None


@dataclass
class AgentTurnInput:
    """Input of the workflow `AgentTurn`."""

    message: str
    thread_id: str | None = None
    model: str | None = None
    system_prompt: str | None = None
    mcp_servers: list[str] | None = None
    turn_timeout_seconds: float | None = None

    def options(self) -> TurnOptions:
        return TurnOptions(
            self.model, self.system_prompt, self.mcp_servers, self.turn_timeout_seconds
        )


@dataclass
class UserMessage:
    """Argument of the signal `send_message`."""

    text: str


@dataclass
class Progress:
    """How far a turn is: the heartbeat detail of `run_turn`, and part of the query `status`."""

    steps: int = 0
    """Model calls that were answered."""
    tools_started: int = 0
    """Calls of tools that can have side effects. From the first on, the turn is never run again."""
    current_tool: str | None = None
    text: str = ""
    """The last 4,000 characters of what the model says right now."""


@dataclass
class ToolCall:
    name: str
    status: str
    """`success` or `error`, as the model was told."""


@dataclass
class Usage:
    """Tokens, as the endpoint counted them; 0 if it does not say."""

    input_tokens: int = 0
    output_tokens: int = 0


@dataclass
class TurnResult:
    """Result of `AgentTurn` and of the activity `run_turn`."""

    status: str
    thread_id: str
    turn_id: str
    text: str
    tool_calls: list[ToolCall] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)


@dataclass
class TurnSummary:
    """One past turn in the query `status`."""

    turn_id: str
    status: str
    text: str
    error: str | None = None


@dataclass
class Status:
    """Answer to the query `status`."""

    phase: str = Phase.STARTING
    thread_id: str | None = None
    turn_id: str | None = None
    turn: int = 0
    attempt: int = 0
    queued_messages: int = 0
    progress: Progress = field(default_factory=Progress)
    turns: list[TurnSummary] = field(default_factory=list)
    error: str | None = None


@dataclass
class ConversationResult:
    """Result of `AgentConversation`."""

    status: str
    thread_id: str | None
    turns: int


# --- between workflow and activities -------------------------------------------------------------------------------


@dataclass
class CreateThread:
    thread_id: str
    must_exist: bool
    """True for a thread that the client named, or that has had turns; else it is made unless it is there."""
    model: str | None = None
    mcp_servers: list[str] | None = None


@dataclass
class ThreadInfo:
    thread_id: str
    queue: str | None
    """Task queue of the one worker that holds the thread; None when any worker reaches it."""
    turn_timeout_seconds: float
    report_status: bool


@dataclass
class CreateSandbox:
    key: str
    """Idempotency key: the same key is the same sandbox."""


@dataclass
class SandboxInfo:
    kind: str
    sandbox_id: str
    queue: str | None
    """Task queue of the one worker that reaches the sandbox; None when any worker does."""


@dataclass
class RunTurn:
    thread_id: str
    turn_id: str
    attempt: int
    """Which try of this turn it is, from 1; reports of progress carry it back."""
    message: str
    sandbox: SandboxInfo
    options: TurnOptions
    time_limit_seconds: float


@dataclass
class ProgressReport:
    """Argument of the signal `report_progress`."""

    turn_id: str
    attempt: int
    progress: Progress


@dataclass
class StatusReport:
    """Argument of the activity `report_status`: what the backend is told in cloud mode."""

    workflow_id: str
    thread_id: str | None
    turn_id: str | None
    phase: str
    detail: str = ""


@dataclass
class Conversation:
    """What a conversation carries over when it continues as new."""

    thread: ThreadInfo
    sandbox: SandboxInfo | None
    turn: int
    summaries: list[TurnSummary]
    queue: list[str]
    closing: bool


@dataclass
class AgentConversationInput:
    """Input of the workflow `AgentConversation`. `resume` is its own: clients leave it out."""

    message: str | None = None
    thread_id: str | None = None
    model: str | None = None
    system_prompt: str | None = None
    mcp_servers: list[str] | None = None
    turn_timeout_seconds: float | None = None
    idle_timeout_seconds: float = 3600
    resume: Conversation | None = None

    def options(self) -> TurnOptions:
        return TurnOptions(
            self.model, self.system_prompt, self.mcp_servers, self.turn_timeout_seconds
        )


def input_problems(given: AgentTurnInput | AgentConversationInput) -> list[str]:
    """What is wrong with a workflow's input, each as a sentence that begins with the field."""
    found: list[str] = []

    def check(name: str, value: Any, accepted: type | tuple[type, ...], what: str) -> bool:
        # bool is an int in Python, but not a number of seconds to a client
        good = isinstance(value, accepted) and not isinstance(value, bool)
        if not good:
            found.append(f"{name}: {value!r} is not {what}")
        return good

    if isinstance(given, AgentTurnInput) or given.message is not None:
        if check("message", given.message, str, "a string") and not str(given.message).strip():
            found.append("message: is empty")
    for name in ("thread_id", "model", "system_prompt"):
        value = getattr(given, name)
        if value is not None and check(name, value, str, "a string") and not value.strip():
            found.append(f"{name}: is empty; leave it out or give null")
    if given.model and isinstance(given.model, str) and ":" not in given.model:
        found.append(f"model: {given.model!r} is not provider:name")
    if given.mcp_servers is not None and check("mcp_servers", given.mcp_servers, list, "a list of names"):
        if not all(isinstance(name, str) for name in given.mcp_servers):
            found.append("mcp_servers: is not a list of names")
    timeouts = ["turn_timeout_seconds"]
    if isinstance(given, AgentConversationInput):
        timeouts.append("idle_timeout_seconds")
    for name in timeouts:
        value = getattr(given, name)
        if value is not None and check(name, value, (int, float), "a number of seconds"):
            if not 0 < value <= 31_536_000:
                found.append(f"{name}: {value} is not between 0 and 31536000 seconds")
    return found
