"""OpenAI chat completions: https://platform.openai.com/docs/api-reference/chat."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from support.replies import Reply

CREATED = 1_700_000_000


def _usage(reply: Reply) -> dict[str, int]:
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": reply.output_tokens,
        "total_tokens": reply.input_tokens + reply.output_tokens,
    }


def _finish_reason(reply: Reply) -> str:
    return reply.dialect.finish_reason or ("tool_calls" if reply.tool_calls else "stop")


def answer(reply: Reply, model: str) -> dict[str, Any]:
    """The whole completion object."""
    content: str | None = reply.content
    if reply.tool_calls and not content and reply.dialect.null_content:
        content = None
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if reply.tool_calls:
        message["tool_calls"] = [
            {
                "id": one.id,
                "type": "function",
                "function": {"name": one.name, "arguments": one.arguments_json},
            }
            for one in reply.tool_calls
        ]
    body: dict[str, Any] = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": _finish_reason(reply)}],
        **reply.dialect.extra,
    }
    if reply.dialect.usage:
        body["usage"] = _usage(reply)
    return body


def stream(reply: Reply, model: str, request: dict[str, Any]) -> Iterator[bytes]:
    """Server-sent events, one completion chunk each."""

    def chunk(choices: list[dict[str, Any]], **more: Any) -> bytes:
        body = {
            "id": "chatcmpl-scripted",
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": model,
            "choices": choices,
            **reply.dialect.extra,
            **more,
        }
        comment = b": keep-alive\n\n" if reply.dialect.keep_alive else b""
        return comment + b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"

    def delta(**fields: Any) -> bytes:
        return chunk([{"index": 0, "delta": fields, "finish_reason": None}])

    first = delta(role="assistant", content="" if reply.content else None)
    yield chunk([]) + first if reply.dialect.empty_choices else first
    for piece in reply.pieces():
        yield delta(content=piece)
    for index, one in enumerate(reply.tool_calls):
        head = {"index": index, "id": one.id, "type": "function"}
        raw = one.arguments_json
        middle = len(raw) if reply.dialect.whole_tool_calls else len(raw) // 2
        yield delta(
            tool_calls=[{**head, "function": {"name": one.name, "arguments": raw[:middle]}}]
        )
        if raw[middle:]:
            yield delta(tool_calls=[{"index": index, "function": {"arguments": raw[middle:]}}])
    yield chunk([{"index": 0, "delta": {}, "finish_reason": _finish_reason(reply)}])
    if reply.dialect.usage and (request.get("stream_options") or {}).get("include_usage"):
        yield chunk([], usage=_usage(reply))
    if reply.dialect.done:
        yield b"data: [DONE]\n\n"


def failure(reply: Reply) -> dict[str, Any]:
    """The error object."""
    return {"error": {"message": reply.content, "type": "scripted_error", "code": None}}


def models(names: list[str]) -> dict[str, Any]:
    """The answer of `GET /v1/models`."""
    return {
        "object": "list",
        "data": [
            {"id": name, "object": "model", "created": CREATED, "owned_by": "tests"}
            for name in names
        ],
    }
