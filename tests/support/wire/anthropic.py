"""Anthropic messages: https://docs.anthropic.com/en/api/messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from support.replies import Reply


def _stop_reason(reply: Reply) -> str:
    return "tool_use" if reply.tool_calls else "end_turn"


def _usage(reply: Reply) -> dict[str, int]:
    return {"input_tokens": reply.input_tokens, "output_tokens": reply.output_tokens}


def _blocks(reply: Reply) -> list[dict[str, Any]]:
    said = [{"type": "text", "text": reply.content}] if reply.content else []
    return said + [
        {
            "type": "tool_use",
            "id": one.id,
            "name": one.name,
            "input": json.loads(one.arguments_json),
        }
        for one in reply.tool_calls
    ]


def answer(reply: Reply, model: str) -> dict[str, Any]:
    """The whole message object."""
    return {
        "id": "msg_scripted",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": _blocks(reply),
        "stop_reason": _stop_reason(reply),
        "stop_sequence": None,
        "usage": _usage(reply),
    }


def stream(reply: Reply, model: str, request: dict[str, Any]) -> Iterator[bytes]:
    """Server-sent events in the order of the API: start, blocks, delta, stop."""
    del request

    def event(kind: str, **fields: Any) -> bytes:
        body = json.dumps({"type": kind, **fields}, ensure_ascii=False)
        return f"event: {kind}\ndata: {body}\n\n".encode()

    opening = {**answer(reply, model), "content": [], "stop_reason": None}
    yield event("message_start", message=opening)
    index = 0
    if reply.content:
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for piece in reply.pieces():
            yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
        yield event("content_block_stop", index=0)
        index = 1
    for number, one in enumerate(reply.tool_calls, start=index):
        block = {"type": "tool_use", "id": one.id, "name": one.name, "input": {}}
        yield event("content_block_start", index=number, content_block=block)
        raw = one.arguments_json
        for part in (raw[: len(raw) // 2], raw[len(raw) // 2 :]):
            yield event(
                "content_block_delta",
                index=number,
                delta={"type": "input_json_delta", "partial_json": part},
            )
        yield event("content_block_stop", index=number)
    yield event(
        "message_delta",
        delta={"stop_reason": _stop_reason(reply), "stop_sequence": None},
        usage=_usage(reply),  # cumulative, input included
    )
    yield event("message_stop")


def failure(reply: Reply) -> dict[str, Any]:
    """The error object."""
    kinds = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}
    kind = kinds.get(reply.status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": reply.content}}


def models(names: list[str]) -> dict[str, Any]:
    """The answer of `GET /v1/models`."""
    return {
        "data": [
            {
                "type": "model",
                "id": name,
                "display_name": name,
                "created_at": "2024-01-01T00:00:00Z",
            }
            for name in names
        ],
        "has_more": False,
        "first_id": names[0] if names else None,
        "last_id": names[-1] if names else None,
    }
