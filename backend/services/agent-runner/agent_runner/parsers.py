"""Parsers of environment variables: each takes the text, and raises ValueError with a message for the
user."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

Parser = Callable[[str], Any]

PROVIDERS: Final = ("openai", "anthropic", "ollama")
"""Providers that `AGENT_RUNNER_MODEL` may name. `models.py` holds how each is called."""


def text(value: str) -> str:
    return value


def one_of(*choices: str) -> Parser:
    def parse(value: str) -> str:
        lowered = value.strip().lower()
        if lowered not in choices:
            raise ValueError(f"{value!r} is not one of {', '.join(choices)}")
        return lowered

    return parse


def boolean(value: str) -> bool:
    lowered = value.strip().lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("0", "false", "no", "off"):
        return False
    raise ValueError(f"{value!r} is neither true nor false")


def integer(low: int, high: int) -> Parser:
    def parse(value: str) -> int:
        try:
            number = int(value.strip())
        except ValueError:
            raise ValueError(f"{value!r} is not a whole number") from None
        if not low <= number <= high:
            raise ValueError(f"{number} is not between {low} and {high}")
        return number

    return parse


def seconds(low: float, high: float) -> Parser:
    def parse(value: str) -> float:
        try:
            number = float(value.strip())
        except ValueError:
            raise ValueError(f"{value!r} is not a number of seconds") from None
        if not low <= number <= high:  # also catches nan
            raise ValueError(f"{value.strip()} is not between {low:g} and {high:g} seconds")
        return number

    return parse


_HOST_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")


def host_port(value: str) -> str:
    """`host:port`, as gRPC takes it."""
    stripped = value.strip()
    if "://" in stripped:
        raise ValueError(f"{value!r} has a scheme; give host:port alone")
    match = _HOST_PORT.fullmatch(stripped)
    if match is None:
        raise ValueError(f"{value!r} is not host:port")
    if not 1 <= int(match["port"]) <= 65535:
        raise ValueError(f"port {match['port']} is not between 1 and 65535")
    return stripped


def url(*schemes: str) -> Parser:
    def parse(value: str) -> str:
        stripped = value.strip()
        try:
            parts = urlsplit(stripped)
            host = parts.hostname
            parts.port  # noqa: B018  # raises ValueError when it is not a number
        except ValueError as error:
            raise ValueError(f"is not a URL: {error}") from None
        if parts.scheme not in schemes:
            raise ValueError(
                f"is not a URL that starts with {' or '.join(s + '://' for s in schemes)}"
            )
        if not host and parts.scheme != "unix":
            raise ValueError("is a URL without a host")
        return stripped

    return parse


def readable_file(value: str) -> str:
    path = Path(value).expanduser()
    try:
        with path.open("rb"):
            return str(path)
    except OSError as error:
        raise ValueError(f"cannot read {str(path)!r}: {error.strerror}") from None


def directory(value: str) -> str:
    path = Path(value).expanduser()
    if not path.is_absolute():
        raise ValueError(f"{value!r} is not an absolute path")
    if path.exists() and not path.is_dir():
        raise ValueError(f"{str(path)!r} is not a directory")
    return str(path)


def model(value: str) -> str:
    """`provider:name`; the name may hold further colons, as Ollama's do."""
    provider, colon, name = value.strip().partition(":")
    if not colon or not name.strip() or not provider:
        raise ValueError(f"{value!r} is not provider:name")
    if provider not in PROVIDERS:
        raise ValueError(f"{provider!r} is not a provider; there are {', '.join(PROVIDERS)}")
    return f"{provider}:{name.strip()}"


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def names(value: str) -> tuple[str, ...]:
    """Names of environment variables, separated by commas."""
    found = tuple(part.strip() for part in value.split(",") if part.strip())
    for name in found:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a variable")
    return found


_SERVER_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")


def mcp_servers(value: str) -> dict[str, dict[str, Any]]:
    """A JSON object: name to `{"command", "args", "env"}` (stdio) or `{"url", "headers"}`
    (HTTP)."""
    try:
        servers = json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"is not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from None
    if not isinstance(servers, dict):
        raise ValueError("is not a JSON object of server names")
    for name, server in servers.items():
        if not _SERVER_NAME.fullmatch(name):
            raise ValueError(f"server name {name!r} is not 1 to 40 letters, digits, - or _")
        if not isinstance(server, dict) or ("command" in server) == ("url" in server):
            raise ValueError(f"server {name!r} needs either a command (stdio) or a url (HTTP)")
        kinds = _MCP_STDIO_FIELDS if "command" in server else _MCP_HTTP_FIELDS
        for field, item in server.items():
            if field not in kinds:
                raise ValueError(
                    f"server {name!r} has an unknown field {field!r}; there are {', '.join(kinds)}"
                )
            kinds[field](f"{field} of server {name!r}", item)
    return servers


def _string(what: str, item: Any) -> None:
    if not isinstance(item, str) or not item:
        raise ValueError(f"{what} is not a string")


def _strings(what: str, item: Any) -> None:
    if not isinstance(item, list) or not all(isinstance(part, str) for part in item):
        raise ValueError(f"{what} is not a list of strings")


def _string_map(what: str, item: Any) -> None:
    if not isinstance(item, dict) or not all(isinstance(part, str) for part in item.values()):
        raise ValueError(f"{what} is not an object of strings")


def _http_url(what: str, item: Any) -> None:
    _string(what, item)
    try:
        url("http", "https")(item)
    except ValueError as error:
        raise ValueError(f"{what} {error}") from None


_MCP_STDIO_FIELDS: Final = {"command": _string, "args": _strings, "env": _string_map}
_MCP_HTTP_FIELDS: Final = {"url": _http_url, "headers": _string_map}
