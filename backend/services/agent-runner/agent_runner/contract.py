"""The payloads between clients, workflows and activities. Plain dataclasses: JSON with the same
field names.

The README documents the client's half. Imported inside the workflow sandbox: standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Final

# --- application error types: `ErrorType.X` is the `type` of an ApplicationError


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
"""Errors after which the same request may succeed: a turn without side effects so far is tried
again."""

PERMANENT: Final = (
    ErrorType.INVALID_INPUT,
    ErrorType.THREAD_NOT_FOUND,
    ErrorType.CONFIGURATION,
    ErrorType.MODEL_REJECTED,
    ErrorType.TURN_LIMIT,
    ErrorType.INTERNAL,
)

SLOT_TIMEOUT_SECONDS: Final = 3600.0
"""How long a turn waits, heartbeating, for one of AGENT_RUNNER_MAX_CONCURRENT_TURNS on the worker
that it is tied to."""


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


# --- client contract


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
    """A turn's progress: the heartbeat detail of `run_turn`, and part of the query `status`."""

    steps: int = 0
    """Model calls that were answered."""
    tools_started: int = 0
    """Calls of tools that can have side effects. From the first on, the turn is never run again."""
    current_tool: str | None = None
    text: str = ""
    """The last 4,000 characters of the model's text."""


@dataclass
class ToolCall:
    name: str
    status: str
    """`success` or `error`, as the model was told."""


@dataclass
class Usage:
    """Tokens, as the endpoint counted them; 0 if it does not report them."""

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


# --- between workflow and activities


@dataclass
class CreateThread:
    thread_id: str
    must_exist: bool
    """True for a thread that the client named, or that has had turns; else it is made unless it is
    there."""
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
    """Which try of this turn it is, from 1; progress reports repeat it."""
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


DEFAULT_IDLE_SECONDS: Final = 3600.0


@dataclass
class AgentConversationInput:
    """Input of the workflow `AgentConversation`. `resume` is its own: clients leave it out."""

    message: str | None = None
    thread_id: str | None = None
    model: str | None = None
    system_prompt: str | None = None
    mcp_servers: list[str] | None = None
    turn_timeout_seconds: float | None = None
    idle_timeout_seconds: float | None = None
    resume: Conversation | None = None

    def options(self) -> TurnOptions:
        return TurnOptions(
            self.model, self.system_prompt, self.mcp_servers, self.turn_timeout_seconds
        )


def problems_of(given: Any, kind: type[AgentTurnInput] | type[AgentConversationInput]) -> list[str]:
    """What is wrong with a workflow's input as it came (decoded JSON), each as a sentence that
    begins with the field."""
    if given is None and kind is AgentConversationInput:
        return []
    if not isinstance(given, dict):
        return [f"input: {type(given).__name__} is not a JSON object of the client contract"]
    known = [field.name for field in fields(kind)]
    found = [
        f"{name}: unknown field; the known ones are {', '.join(known)}"
        for name in given
        if name not in known
    ]
    if kind is AgentTurnInput and given.get("message") is None:
        found.append("message: is required")
    for name in ("message", "thread_id", "model", "system_prompt"):
        value = given.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            found.append(f"{name}: {value!r} is not a string")
        elif not value.strip():
            found.append(f"{name}: is empty")
    model = given.get("model")
    if isinstance(model, str) and model.strip() and ":" not in model:
        found.append(f"model: {model!r} is not provider:name")
    servers = given.get("mcp_servers")
    if servers is not None and not (
        isinstance(servers, list) and all(isinstance(name, str) for name in servers)
    ):
        found.append(f"mcp_servers: {servers!r} is not a list of names")
    for name in ("turn_timeout_seconds", "idle_timeout_seconds"):
        value = given.get(name)
        if value is None or name not in known:
            continue
        # bool is an int in Python, but not a number of seconds to a client
        if not isinstance(value, int | float) or isinstance(value, bool):
            found.append(f"{name}: {value!r} is not a number of seconds")
        elif not 0 < value <= LONGEST_SECONDS:
            found.append(f"{name}: {value} is not above 0 and at most {LONGEST_SECONDS} seconds")
    return found


LONGEST_SECONDS: Final = 31_536_000
"""A year."""
