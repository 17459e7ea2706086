"""The servers that a worker talks to, as small as an exercise needs them, with the standard library
alone."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

COMMAND: Final = "echo 6 x 7 = $((6 * 7))"


class _Http(BaseHTTPRequestHandler):
    """OpenAI's chat completions below `/v1`, and an MCP server with one tool at `/mcp`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._json({"object": "list", "data": [{"id": "scripted", "object": "model"}]})
        else:
            self._send(405, "text/plain", b"")

    def do_DELETE(self) -> None:
        self._send(200, "text/plain", b"")

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/mcp":
            answer = _mcp(asked)
            if answer is None:
                self._send(202, "text/plain", b"")
            else:
                self._json({"jsonrpc": "2.0", "id": asked["id"], "result": answer})
        else:
            lines = [f"data: {json.dumps(piece)}\n\n" for piece in _completion(asked)]
            self._send(200, "text/event-stream", "".join([*lines, "data: [DONE]\n\n"]).encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _json(self, document: Any) -> None:
        self._send(200, "application/json", json.dumps(document).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _completion(asked: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A tool call first; then, in words, what the tool said."""
    last = asked["messages"][-1]
    if last["role"] == "tool":
        delta: dict[str, Any] = {"content": f"The tool said: {last['content']}"}
    else:
        function = {"name": "execute", "arguments": json.dumps({"command": COMMAND})}
        delta = {"tool_calls": [{"index": 0, "id": "call-1", "function": function}]}
    head = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
    reason = "stop" if "content" in delta else "tool_calls"
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    yield {**head, "choices": [{"index": 0, "delta": {"role": "assistant", **delta}}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    yield {**head, "choices": [], "usage": usage}


def _mcp(asked: dict[str, Any]) -> dict[str, Any] | None:
    if asked["method"] == "initialize":
        return {
            "protocolVersion": asked["params"]["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "exercise", "version": "1"},
        }
    if asked["method"] == "tools/list":
        schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
        return {"tools": [{"name": "double", "description": "2 a", "inputSchema": schema}]}
    if asked["method"] == "tools/call":
        doubled = asked["params"]["arguments"]["a"] * 2
        return {"content": [{"type": "text", "text": str(doubled)}], "isError": False}
    return None


class _Redis(socketserver.StreamRequestHandler):
    """Keeps nothing: `EXISTS` says yes, and every other command works."""

    def handle(self) -> None:
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                length = int(self.rfile.readline()[1:])
                words.append(self.rfile.read(length + 2)[:-2])
            self.wfile.write(b":1\r\n" if words[0] == b"EXISTS" else b"+OK\r\n")


class _RedisServer(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def servers() -> Iterator[tuple[str, str]]:
    """Root URL of the HTTP server, and URL of the Redis server."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Http)
    redis = _RedisServer(("127.0.0.1", 0), _Redis)
    for server in (http, redis):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield (
            f"http://127.0.0.1:{http.server_address[1]}",
            f"redis://127.0.0.1:{redis.server_address[1]}/0",
        )
    finally:
        for server in (http, redis):
            server.shutdown()
            server.server_close()
