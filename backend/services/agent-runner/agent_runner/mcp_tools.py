"""Tools of MCP servers, by stdio and by HTTP, for the time of one turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from agent_runner.errors import ConfigurationError, McpUnavailable

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

START_TIMEOUT_SECONDS: Final = 60.0


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


def _connection(server: Mapping[str, Any]) -> Any:
    if "command" in server:
        return {
            "transport": "stdio",
            "command": server["command"],
            "args": list(server.get("args", [])),
            # the SDK adds PATH, HOME and the like, nothing else of the worker's environment
            "env": dict(server.get("env", {})),
        }
    return {
        "transport": "streamable_http",
        "url": server["url"],
        "headers": dict(server.get("headers", {})),
    }


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
    from langchain_mcp_adapters.client import MultiServerMCPClient
    from langchain_mcp_adapters.tools import load_mcp_tools

    client = MultiServerMCPClient({name: _connection(server) for name, server in servers.items()})
    async with AsyncExitStack() as stack:
        found: list[BaseTool] = []
        for name, server in servers.items():
            where = server.get("url") or server.get("command")
            try:
                async with asyncio.timeout(START_TIMEOUT_SECONDS):
                    session = await stack.enter_async_context(client.session(name))
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
