"""MCP servers, by stdio and by HTTP, with one tool that proves which process ran it.

The official SDK serves both. As a program this file is the stdio server; it ends with its client.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp.server.fastmcp import FastMCP

from support.loopback import LoopbackServer


def make(name: str) -> FastMCP:
    """A server with the tools `repeat` and `environment`."""
    server = FastMCP(name, log_level="WARNING")

    @server.tool()
    def repeat(text: str, times: int) -> str:
        """Repeats a text."""
        return f"{name}: " + " ".join([text] * times)

    @server.tool()
    def environment() -> list[str]:
        """The names of the environment variables that the server was started with."""
        return sorted(os.environ)

    return server


class HttpServer(LoopbackServer):
    """The server, over streamable HTTP."""

    def __init__(self) -> None:
        super().__init__(make("far").streamable_http_app())

    @property
    def configuration(self) -> dict[str, Any]:
        """The entry of AGENT_RUNNER_MCP_SERVERS."""
        return {"url": f"{self.root_url}/mcp"}


def http_server() -> HttpServer:
    """A server over HTTP, to be opened as a context."""
    return HttpServer()


def stdio_server(environment: Mapping[str, str]) -> dict[str, Any]:
    """The entry of AGENT_RUNNER_MCP_SERVERS that starts this file as a server."""
    program = str(Path(__file__).absolute())
    return {"command": sys.executable, "args": [program], "env": dict(environment)}


if __name__ == "__main__":
    make("near").run()
