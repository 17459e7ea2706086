"""A scripted model's answers, independent of the wire format."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_call_numbers = itertools.count(1)


@dataclass(frozen=True)
class ToolCall:
    """A call of the tool `name`; `arguments` is a mapping, or raw (maybe malformed) JSON text."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str = field(default_factory=lambda: f"call_{next(_call_numbers):06d}")

    @property
    def arguments_json(self) -> str:
        """The arguments as the JSON text that the wire carries."""
        if isinstance(self.arguments, str):
            return self.arguments
        return json.dumps(self.arguments, ensure_ascii=False)


@dataclass(frozen=True)
class Dialect:
    """How an OpenAI-compatible server differs from OpenAI's own.

    usage: the answer has a `usage` object. extra: fields added to the answer and to every chunk.
    empty_choices: a stream begins with a chunk whose `choices` is empty. null_content: `content` is
    null beside tool calls, else the empty string. whole_tool_calls: a streamed tool call comes in
    one delta. keep_alive: comment lines between the events. done: the stream ends with `[DONE]`.
    finish_reason: replaces the one that fits the reply. streams: a request for a stream gets one.
    """

    usage: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)
    empty_choices: bool = False
    null_content: bool = True
    whole_tool_calls: bool = False
    keep_alive: bool = False
    done: bool = True
    finish_reason: str | None = None
    streams: bool = True


@dataclass(frozen=True)
class Reply:
    """One answer of the model; made by `text`, `call`, `calls`, `error` and `hang`.

    status: the HTTP status; other than 200, `content` is the error's message. gate: the reply waits
    for this event, after `gate_after` events of its stream (0: before the first byte; OpenAI's
    first event carries no text). retry_after: the `Retry-After` header, in seconds.
    """

    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    input_tokens: int = 11
    output_tokens: int = 7
    status: int = 200
    retry_after: float | None = None
    gate: threading.Event | None = None
    gate_after: int = 0
    dialect: Dialect = Dialect()

    def pieces(self) -> list[str]:
        """The text as a streaming server sends it: word by word."""
        words = self.content.split(" ")
        return [word + " " for word in words[:-1]] + ([words[-1]] if words[-1] else [])


def text(content: str, **options: Any) -> Reply:
    """The model says `content`; `options` are fields of Reply."""
    return Reply(content=content, **options)


def call(name: str, /, **arguments: Any) -> Reply:
    """The model calls one tool with keyword arguments."""
    return Reply(tool_calls=(ToolCall(name, arguments),))


def calls(*tool_calls: ToolCall, **options: Any) -> Reply:
    """The model calls several tools at once; `options` are fields of Reply."""
    return Reply(tool_calls=tool_calls, **options)


def error(status: int, message: str = "scripted failure", **options: Any) -> Reply:
    """The endpoint answers with an HTTP error in its own format."""
    return Reply(status=status, content=message, **options)


def hang() -> Reply:
    """The endpoint accepts the request and never answers (until the client or the server ends)."""
    return Reply(gate=threading.Event())
