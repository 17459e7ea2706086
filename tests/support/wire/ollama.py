"""Ollama chat: https://docs.ollama.com/api/chat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from support.replies import Reply

CREATED = "2024-01-01T00:00:00.000000Z"


def _message(content: str, reply: Reply | None) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if reply is not None and reply.tool_calls:
        message["tool_calls"] = [
            {"function": {"name": one.name, "arguments": json.loads(one.arguments_json)}}
            for one in reply.tool_calls
        ]
    return message


def _ending(reply: Reply) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": "stop",
        "total_duration": 1_000_000,
        "prompt_eval_count": reply.input_tokens,
        "eval_count": reply.output_tokens,
    }


def answer(reply: Reply, model: str) -> dict[str, Any]:
    """The whole answer."""
    return {
        "model": model,
        "created_at": CREATED,
        "message": _message(reply.content, reply),
        **_ending(reply),
    }


def stream(reply: Reply, model: str, request: dict[str, Any]) -> Iterator[bytes]:
    """Newline-delimited JSON: text piece by piece, tool calls whole."""
    del request

    def line(message: dict[str, Any], **more: Any) -> bytes:
        body = {"model": model, "created_at": CREATED, "message": message, "done": False, **more}
        return json.dumps(body, ensure_ascii=False).encode() + b"\n"

    for piece in reply.pieces():
        yield line(_message(piece, None))
    if reply.tool_calls:
        yield line(_message("", reply))
    yield line(_message("", None), **_ending(reply))


def failure(reply: Reply) -> dict[str, Any]:
    """The error object."""
    return {"error": reply.content}


def models(names: list[str]) -> dict[str, Any]:
    """The answer of `GET /api/tags`."""
    return {"models": [{"name": name, "model": name, "size": 1, "details": {}} for name in names]}
