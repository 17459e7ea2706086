"""Tools of MCP servers, by stdio and by HTTP, for the time of one turn."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final, TextIO

from agent_runner import logs
from agent_runner.errors import ConfigurationError, McpUnavailable

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool
    from mcp import ClientSession

log = logs.get(__name__)

START_TIMEOUT_SECONDS: Final = 60.0

_LONGEST_LINE: Final = 2_000


def chosen(
    configured: Mapping[str, dict[str, Any]], names: Sequence[str] | None
) -> dict[str, dict[str, Any]]:
    """The servers of a turn: all, or those that it names.

    Raises:
        ConfigurationError: a name that is not configured.
    """
    if names is None:
        return dict(configured)
    missing = [name for name in names if name not in configured]
    if missing:
        there = ", ".join(sorted(configured)) or "none"
        raise ConfigurationError(
            f"mcp_servers: {', '.join(missing)} not in AGENT_RUNNER_MCP_SERVERS; there are: {there}"
        )
    return {name: configured[name] for name in names}


@asynccontextmanager
async def _stdio_session(name: str, server: Mapping[str, Any]) -> AsyncIterator[ClientSession]:
    """A session with a server that is a child process; what it says on stderr goes to our log."""
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    parameters = StdioServerParameters(
        command=server["command"],
        args=list(server.get("args", [])),
        # the SDK adds PATH, HOME and the like, nothing else of the worker's environment
        env=dict(server.get("env", {})),
    )
    with _logged_stderr(name) as stderr:
        async with (
            stdio_client(parameters, errlog=stderr) as (read, write),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            yield session


@contextmanager
def _logged_stderr(name: str) -> Iterator[TextIO]:
    """The writing end of a pipe whose lines become log events."""
    reading, writing = os.pipe()

    def read() -> None:
        with os.fdopen(reading, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                log.info("mcp_server_stderr", server=name, line=line.rstrip()[:_LONGEST_LINE])

    # ends when the last process that holds the other end does
    threading.Thread(target=read, name=f"mcp-stderr-{name}", daemon=True).start()
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        yield stream


@asynccontextmanager
async def _http_session(name: str, server: Mapping[str, Any]) -> AsyncIterator[ClientSession]:
    from langchain_mcp_adapters.client import MultiServerMCPClient
    from langchain_mcp_adapters.sessions import StreamableHttpConnection

    connection = StreamableHttpConnection(
        transport="streamable_http", url=server["url"], headers=dict(server.get("headers", {}))
    )
    async with MultiServerMCPClient({name: connection}).session(name) as session:
        yield session


@asynccontextmanager
async def tools(servers: Mapping[str, dict[str, Any]]) -> AsyncIterator[list[BaseTool]]:
    """Connect to the servers, yield their tools named `SERVER_TOOL`, and disconnect.

    One session a server for the whole turn, so that a server keeps its state between calls. A stdio
    server's process ends with the context. Enter and leave it in the same task: the sessions are
    anyio task groups.

    Raises:
        McpUnavailable: a server did not start or answer in START_TIMEOUT_SECONDS.
    """
    if not servers:
        yield []
        return
    from langchain_mcp_adapters.tools import load_mcp_tools

    async with AsyncExitStack() as stack:
        found: list[BaseTool] = []
        for name, server in servers.items():
            where = server.get("url") or server.get("command")
            try:
                async with asyncio.timeout(START_TIMEOUT_SECONDS):
                    opened = _stdio_session if "command" in server else _http_session
                    session = await stack.enter_async_context(opened(name, server))
                    found += await load_mcp_tools(session, server_name=name, tool_name_prefix=True)
            except TimeoutError:
                raise McpUnavailable(
                    f"MCP server {name} ({where}) did not answer in {START_TIMEOUT_SECONDS:g} s"
                ) from None
            except Exception as error:
                raise McpUnavailable(f"MCP server {name} ({where}): {_reason(error)}") from error
        yield found


def _reason(error: BaseException) -> str:
    """The innermost cause: task groups wrap it."""
    while inner := getattr(error, "exceptions", None):
        error = inner[0]
    return " ".join(str(error).split()) or type(error).__name__
