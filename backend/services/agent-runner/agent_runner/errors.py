"""Errors that can end a turn. Each knows the application error type that clients see
(`contract.ErrorType`)."""

from __future__ import annotations

from agent_runner.contract import ErrorType


class AgentRunnerError(Exception):
    """Base: `kind` is the application error type."""

    kind: str = ErrorType.INTERNAL


class ConfigurationError(AgentRunnerError):
    kind = ErrorType.CONFIGURATION


class ThreadNotFound(AgentRunnerError):
    kind = ErrorType.THREAD_NOT_FOUND


class StateUnavailable(AgentRunnerError):
    kind = ErrorType.STATE_UNAVAILABLE


class SandboxUnavailable(AgentRunnerError):
    kind = ErrorType.SANDBOX_UNAVAILABLE


class McpUnavailable(AgentRunnerError):
    kind = ErrorType.MCP_UNAVAILABLE


class ModelUnavailable(AgentRunnerError):
    kind = ErrorType.MODEL_UNAVAILABLE


class ModelRejected(AgentRunnerError):
    kind = ErrorType.MODEL_REJECTED


class TurnLimitExceeded(AgentRunnerError):
    kind = ErrorType.TURN_LIMIT


class TurnInterrupted(AgentRunnerError):
    kind = ErrorType.TURN_INTERRUPTED
