"""An MCP server for tests: stdio by default, HTTP on the port that is given as argument."""

from __future__ import annotations

import os
import sys

from mcp.server.fastmcp import FastMCP

server = FastMCP("test", host="127.0.0.1")
_counter = [0]


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def count() -> int:
    """How often this session has called it."""
    _counter[0] += 1
    return _counter[0]


@server.tool()
def variable(name: str) -> str:
    """An environment variable of the server."""
    return os.environ.get(name, "not set")


@server.tool()
def fail() -> str:
    """Always fails."""
    raise ValueError("it is broken")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.settings.port = int(sys.argv[1])
        server.run(transport="streamable-http")
    server.run()
