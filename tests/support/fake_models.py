"""A fake, scripted model endpoint on loopback that speaks the wire formats of real ones.

    with FakeModels() as server:
        script = server.play(call("execute", command="ls"), text("done"), model="scripted-1")
        ...                      # point a client at server.base_url with the model "scripted-1"
        assert script.requests[1].tool_results == ["..."]

OpenAI chat completions are at `base_url`; Anthropic messages and Ollama chat at `root_url`.
Every model name has its own script, so tests can share one server and one worker process.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from support.loopback import LoopbackServer
from support.replies import Dialect, Reply, ToolCall, call, calls, error, hang, text
from support.wire import anthropic, ollama, openai

__all__ = [
    "Dialect",
    "FakeModels",
    "RecordedRequest",
    "Reply",
    "Script",
    "ToolCall",
    "call",
    "calls",
    "error",
    "hang",
    "text",
]

DEFAULT_MODEL: Final = "scripted"
_POLL_S: Final = 0.01


@dataclass(frozen=True)
class RecordedRequest:
    """One request as received."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The conversation as the client sent it, in the client's wire format."""
        return list(self.body.get("messages", []))

    @property
    def tools(self) -> set[str]:
        """The names of the tools that were offered."""
        return {tool.get("function", tool)["name"] for tool in self.body.get("tools") or []}

    @property
    def streamed(self) -> bool:
        """Whether the client asked for a stream (Ollama's default is yes)."""
        return bool(self.body.get("stream", self.path == "/api/chat"))

    @property
    def tool_results(self) -> list[str]:
        """The text of every tool result in the conversation, in order."""
        results: list[str] = []
        for message in self.messages:
            if message.get("role") == "tool":
                results.append(_plain(message.get("content")))
            elif message.get("role") == "user" and isinstance(message.get("content"), list):
                results += [
                    _plain(block.get("content"))
                    for block in message["content"]
                    if block.get("type") == "tool_result"
                ]
        return results


def _plain(content: Any) -> str:
    if isinstance(content, list):
        return "".join(str(block.get("text", "")) for block in content)
    return "" if content is None else str(content)


class Script:
    """One model's scripted answers, and the requests for them."""

    def __init__(self, source: Sequence[Reply] | Callable[[RecordedRequest], Reply]) -> None:
        self._rule = source if callable(source) else None
        self._left = [] if callable(source) else list(source)
        self._changed = threading.Condition()
        self._requests: list[RecordedRequest] = []
        self._disconnected = 0

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far."""
        with self._changed:
            return list(self._requests)

    @property
    def unused(self) -> int:
        """How many replies of the sequence are left."""
        with self._changed:
            return len(self._left)

    def wait_for_requests(self, count: int, timeout_s: float = 30.0) -> list[RecordedRequest]:
        """Blocks until `count` requests came in; raises TimeoutError otherwise."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._requests) >= count, timeout_s):
                raise TimeoutError(
                    f"the model endpoint saw {len(self._requests)} of {count} requests"
                    f" in {timeout_s:g} s"
                )
            return list(self._requests)

    def wait_for_disconnect(self, timeout_s: float = 30.0) -> None:
        """Blocks until a client hung up on a waiting reply; raises TimeoutError otherwise."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._disconnected > 0, timeout_s):
                raise TimeoutError(f"no client hung up on the model endpoint in {timeout_s:g} s")

    def take(self, request: RecordedRequest) -> Reply:
        """Records the request and gives its answer; an exhausted script answers 500."""
        with self._changed:
            self._requests.append(request)
            number = len(self._requests)
            self._changed.notify_all()
            if self._rule is None:
                if self._left:
                    return self._left.pop(0)
                return error(500, f"the test's script has no reply for request {number}")
        return self._rule(request)

    def hung_up(self) -> None:
        """Called by the server when the client went away while a reply was waiting."""
        with self._changed:
            self._disconnected += 1
            self._changed.notify_all()


class FakeModels(LoopbackServer):
    """The endpoint. `replies` is the script of every model without one from `play`.

    api_key: when set, requests without this key (bearer token or `x-api-key`) are answered 401.
    """

    def __init__(
        self,
        replies: Sequence[Reply] | Callable[[RecordedRequest], Reply] = (),
        *,
        api_key: str | None = None,
    ) -> None:
        self._default = Script(replies)
        self._scripts: dict[str, Script] = {}
        self._api_key = api_key
        super().__init__(
            Starlette(
                routes=[
                    Route("/v1/chat/completions", self._chat(openai), methods=["POST"]),
                    Route("/v1/messages", self._chat(anthropic), methods=["POST"]),
                    Route("/api/chat", self._chat(ollama), methods=["POST"]),
                    Route("/v1/models", self._models),
                    Route("/api/tags", self._models),
                ]
            )
        )

    @property
    def base_url(self) -> str:
        """What OpenAI clients call the base URL: it ends with `/v1`."""
        return f"{self.root_url}/v1"

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests that the default script answered."""
        return self._default.requests

    @property
    def default_script(self) -> Script:
        """The script of every model that has none."""
        return self._default

    def play(self, *replies: Reply, model: str) -> Script:
        """Sets the sequence of answers of `model` and returns its script."""
        script = self._scripts[model] = Script(replies)
        return script

    def play_rule(self, rule: Callable[[RecordedRequest], Reply], *, model: str) -> Script:
        """Lets `rule` answer every request for `model`."""
        script = self._scripts[model] = Script(rule)
        return script

    def script(self, model: str) -> Script:
        """The script of `model`, or the default one."""
        return self._scripts.get(model, self._default)

    def _authorized(self, request: Request) -> bool:
        if self._api_key is None or request.url.path.startswith("/api/"):  # Ollama has no keys
            return True
        given = request.headers.get("x-api-key") or request.headers.get(
            "authorization", ""
        ).removeprefix("Bearer ")
        return given == self._api_key

    async def _models(self, request: Request) -> Response:
        wire: ModuleType = openai
        if request.url.path == "/api/tags":
            wire = ollama
        elif "anthropic-version" in request.headers:
            wire = anthropic
        if not self._authorized(request):
            return JSONResponse(wire.failure(error(401, "invalid API key")), status_code=401)
        return JSONResponse(wire.models([DEFAULT_MODEL, *sorted(self._scripts)]))

    def _chat(self, wire: ModuleType) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            body = json.loads(await request.body())
            recorded = RecordedRequest(request.url.path, dict(request.headers), body)
            model = str(body.get("model", DEFAULT_MODEL))
            if not self._authorized(request):
                return JSONResponse(wire.failure(error(401, "invalid API key")), status_code=401)
            script = self.script(model)
            reply = script.take(recorded)
            if reply.gate_after == 0 and not await self._open(reply, request, script):
                return Response(status_code=499)
            if reply.status != 200:
                headers = (
                    {} if reply.retry_after is None else {"retry-after": f"{reply.retry_after:g}"}
                )
                return JSONResponse(wire.failure(reply), status_code=reply.status, headers=headers)
            if not (recorded.streamed and reply.dialect.streams):
                return JSONResponse(wire.answer(reply, model))
            kind = "application/x-ndjson" if wire is ollama else "text/event-stream"
            return StreamingResponse(
                self._stream(wire, reply, model, body, request, script), media_type=kind
            )

        return endpoint

    async def _stream(
        self,
        wire: ModuleType,
        reply: Reply,
        model: str,
        body: dict[str, Any],
        request: Request,
        script: Script,
    ) -> AsyncIterator[bytes]:
        for number, part in enumerate(wire.stream(reply, model, body)):
            if (
                reply.gate_after
                and number == reply.gate_after
                and not await self._open(reply, request, script)
            ):
                return
            yield part

    async def _open(self, reply: Reply, request: Request, script: Script) -> bool:
        """Waits for the reply's gate; False when the client or the server went away first."""
        if reply.gate is None:
            return True
        try:
            while not reply.gate.is_set():
                if self.closing.is_set():
                    return False
                if await request.is_disconnected():
                    script.hung_up()
                    return False
                await asyncio.sleep(_POLL_S)  # the gate belongs to another thread
        except asyncio.CancelledError:  # Starlette ends a stream whose client went away
            script.hung_up()
            raise
        return True
