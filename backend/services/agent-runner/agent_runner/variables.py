"""Every environment variable of agent-runner: the one table.

Three readers share it: the check at start (`problems`), the typed settings (`settings.py`) and the
table in `docs/configuration.md` (`markdown_table`, which a test compares). Only the standard
library is imported, so that a configuration error is reported before anything heavy is loaded.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

Environment = Mapping[str, str]
Parser = Callable[[str], Any]


PROVIDERS: Final = ("openai", "anthropic", "ollama")
"""Providers that `AGENT_RUNNER_MODEL` may name. `models.py` holds how each is called."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the configuration."""

    variable: str
    message: str
    example: str

    def line(self) -> str:
        shown = f"  {self.variable}: {self.message}"
        return f"{shown}\n      example: {self.variable}={self.example}" if self.example else shown


@dataclass(frozen=True)
class Variable:
    """One environment variable.

    `parse` turns the text into a value and raises ValueError with a sentence for the user.
    `default` is text that `parse` accepts, or None. `needed` says why the variable is required with
    this environment, or returns None.
    """

    name: str
    mode: str
    parse: Parser
    example: str
    meaning: str
    default: str | None = None
    default_note: str = ""
    needed: Callable[[Environment], str | None] = lambda _: None
    needed_note: str = ""
    secret: bool = False

    def requirement(self) -> str:
        """The column "required or default" of the documentation."""
        if self.needed_note:
            return self.needed_note
        if self.default_note:
            return self.default_note
        return f"`{self.default}`" if self.default is not None else "not set"


# --- parsers


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


# --- when a variable is required


def value_of(name: str, environment: Environment) -> str | None:
    """The text of a variable or of its default. An empty variable counts as not set."""
    return environment.get(name, "").strip() or default_of(name, environment)


def default_of(name: str, environment: Environment) -> str | None:
    """The default, where it depends on the mode or on the machine too."""
    cloud = environment.get("AGENT_RUNNER_MODE", "").strip().lower() == "cloud"
    if name == "AGENT_RUNNER_STATE":
        return "redis" if cloud else "memory"
    if name == "AGENT_RUNNER_SANDBOX":
        return "daytona" if cloud else "local"
    if name == "AGENT_RUNNER_SANDBOX_ROOT":
        return str(Path(tempfile.gettempdir()) / f"agent-runner-{_user()}")
    if name == "TEMPORAL_TLS":
        implied = any(environment.get(other, "").strip() for other in TLS_IMPLIED_BY)
        return "true" if implied else "false"
    return BY_NAME[name].default


def _user() -> str:
    # not getpass.getuser(): it imports pwd and fails for a uid without an entry, as in containers
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


TLS_IMPLIED_BY: Final = (
    "TEMPORAL_API_KEY",
    "TEMPORAL_TLS_CA_FILE",
    "TEMPORAL_TLS_CERT_FILE",
    "TEMPORAL_TLS_KEY_FILE",
    "TEMPORAL_TLS_SERVER_NAME",
)


def _always(environment: Environment) -> str | None:
    return "is required"


def _model_needed(environment: Environment) -> str | None:
    return (
        "is required; its provider says what else is: openai OPENAI_API_KEY (unless "
        "OPENAI_BASE_URL names a server without keys), anthropic ANTHROPIC_API_KEY, ollama nothing"
    )


def provider_of(environment: Environment) -> str:
    return environment.get("AGENT_RUNNER_MODEL", "").strip().partition(":")[0]


def _openai_key_needed(environment: Environment) -> str | None:
    if provider_of(environment) == "openai" and not environment.get("OPENAI_BASE_URL", "").strip():
        return "is required by AGENT_RUNNER_MODEL=openai:… without OPENAI_BASE_URL"
    return None


def _anthropic_key_needed(environment: Environment) -> str | None:
    return (
        "is required by AGENT_RUNNER_MODEL=anthropic:…"
        if provider_of(environment) == "anthropic"
        else None
    )


def _with(name: str, wanted: str) -> Callable[[Environment], str | None]:
    def needed(environment: Environment) -> str | None:
        if (value_of(name, environment) or "").lower() != wanted:
            return None
        given = environment.get(name, "").strip()
        return f"is required by {name}={wanted}" + ("" if given else " (the default in cloud mode)")

    return needed


_in_cloud = _with("AGENT_RUNNER_MODE", "cloud")


def _pair(other: str) -> Callable[[Environment], str | None]:
    def needed(environment: Environment) -> str | None:
        return f"is required with {other}" if environment.get(other, "").strip() else None

    return needed


# --- the table

VARIABLES: Final[tuple[Variable, ...]] = (
    Variable(
        "TEMPORAL_SERVICE_ADDRESS",
        "both",
        host_port,
        "127.0.0.1:7233",
        "Where Temporal's frontend listens, `host:port`.",
        needed=_always,
        needed_note="required",
    ),
    Variable(
        "TEMPORAL_NAMESPACE", "both", text, "agents.a1b2c", "Temporal namespace.", default="default"
    ),
    Variable(
        "TEMPORAL_TASK_QUEUE",
        "both",
        text,
        "agent-runner-gpu",
        "Task queue to poll.",
        default="agent-runner",
    ),
    Variable(
        "TEMPORAL_API_KEY", "both", text, "eyJhbGciOi…", "API key, for Temporal Cloud.", secret=True
    ),
    Variable(
        "TEMPORAL_TLS",
        "both",
        boolean,
        "true",
        "Whether the connection to Temporal is encrypted.",
        default_note="`true` with an API key or any `TEMPORAL_TLS_…`, else `false`",
    ),
    Variable(
        "TEMPORAL_TLS_CA_FILE",
        "both",
        readable_file,
        "/etc/agent-runner/ca.pem",
        "PEM file of the authorities that may sign the server's certificate.",
        default_note="the system's",
    ),
    Variable(
        "TEMPORAL_TLS_CERT_FILE",
        "both",
        readable_file,
        "/etc/agent-runner/client.pem",
        "PEM file of the client certificate (mutual TLS).",
        needed=_pair("TEMPORAL_TLS_KEY_FILE"),
        needed_note="required with `TEMPORAL_TLS_KEY_FILE`",
    ),
    Variable(
        "TEMPORAL_TLS_KEY_FILE",
        "both",
        readable_file,
        "/etc/agent-runner/client.key",
        "PEM file of the client certificate's private key.",
        needed=_pair("TEMPORAL_TLS_CERT_FILE"),
        needed_note="required with `TEMPORAL_TLS_CERT_FILE`",
    ),
    Variable(
        "TEMPORAL_TLS_SERVER_NAME",
        "both",
        text,
        "temporal.example.com",
        "Name that the server's certificate must have.",
        default_note="the host of the address",
    ),
    Variable(
        "TEMPORAL_CONNECT_TIMEOUT_SECONDS",
        "both",
        seconds(0, 86_400),
        "120",
        "How long to retry, with backoff, until Temporal answers; then exit code 3.",
        default="30",
    ),
    Variable(
        "AGENT_RUNNER_MODEL",
        "both",
        model,
        "openai:gpt-4.1-mini",
        "Model, `provider:name`; providers: openai, anthropic, ollama.",
        needed=_model_needed,
        needed_note="required",
    ),
    Variable(
        "OPENAI_API_KEY",
        "both",
        text,
        "sk-…",
        "Key for the OpenAI-compatible endpoint.",
        needed=_openai_key_needed,
        needed_note="required by `openai:` without `OPENAI_BASE_URL`",
        secret=True,
    ),
    Variable(
        "OPENAI_BASE_URL",
        "both",
        url("http", "https"),
        "http://127.0.0.1:8000/v1",
        "OpenAI-compatible endpoint, up to and with `/v1`.",
        default="https://api.openai.com/v1",
    ),
    Variable(
        "ANTHROPIC_API_KEY",
        "both",
        text,
        "sk-ant-…",
        "Key for the Anthropic endpoint.",
        needed=_anthropic_key_needed,
        needed_note="required by `anthropic:`",
        secret=True,
    ),
    Variable(
        "ANTHROPIC_BASE_URL",
        "both",
        url("http", "https"),
        "http://127.0.0.1:8001",
        "Anthropic endpoint, without `/v1`.",
        default="https://api.anthropic.com",
    ),
    Variable(
        "OLLAMA_BASE_URL",
        "both",
        url("http", "https"),
        "http://gpu.internal:11434",
        "Ollama endpoint.",
        default="http://127.0.0.1:11434",
    ),
    Variable(
        "AGENT_RUNNER_MODEL_STREAMING",
        "both",
        boolean,
        "false",
        "Whether answers are streamed; a server that answers a streaming request without a stream "
        "is asked again without.",
        default="true",
    ),
    Variable(
        "AGENT_RUNNER_MODEL_TIMEOUT_SECONDS",
        "both",
        seconds(0.1, 86_400),
        "300",
        "Time limit of one request to the model endpoint.",
        default="120",
    ),
    Variable(
        "AGENT_RUNNER_MAX_STEPS",
        "both",
        integer(1, 10_000),
        "200",
        "Most model calls in one turn.",
        default="50",
    ),
    Variable(
        "AGENT_RUNNER_TURN_TIMEOUT_SECONDS",
        "both",
        seconds(1, 604_800),
        "600",
        "Time limit of one turn.",
        default="1800",
    ),
    Variable(
        "AGENT_RUNNER_MAX_CONCURRENT_TURNS",
        "both",
        integer(1, 1_000),
        "4",
        "Turns that run in this worker at the same time.",
        default="20",
    ),
    Variable(
        "AGENT_RUNNER_SHUTDOWN_GRACE_SECONDS",
        "both",
        seconds(0, 86_400),
        "60",
        "After SIGTERM or SIGINT: how long running turns may finish before they are stopped.",
        default="10",
    ),
    Variable(
        "AGENT_RUNNER_MODE",
        "both",
        one_of("local", "cloud"),
        "cloud",
        "`local`: a worker for itself; `cloud`: reports to a backend, with Redis and Daytona as "
        "defaults.",
        default="local",
    ),
    Variable(
        "AGENT_RUNNER_SANDBOX",
        "both",
        one_of("local", "daytona"),
        "daytona",
        "Where files and commands live: a directory on this machine, or a Daytona sandbox.",
        default_note="`local`; in cloud mode `daytona`",
    ),
    Variable(
        "AGENT_RUNNER_SANDBOX_ROOT",
        "both",
        directory,
        "/var/lib/agent-runner",
        "Directory that holds the local sandboxes.",
        default_note="`agent-runner-UID` in the temporary directory",
    ),
    Variable(
        "AGENT_RUNNER_COMMAND_TIMEOUT_SECONDS",
        "both",
        seconds(0.1, 86_400),
        "600",
        "Time limit of one shell command; its process group is killed then.",
        default="120",
    ),
    Variable(
        "AGENT_RUNNER_COMMAND_OUTPUT_LIMIT_BYTES",
        "both",
        integer(1_000, 100_000_000),
        "1000000",
        "Most output of one shell command that is kept; the middle is dropped.",
        default="100000",
    ),
    Variable(
        "AGENT_RUNNER_COMMAND_ENV",
        "both",
        names,
        "JAVA_HOME,HTTPS_PROXY",
        "Variables that shell commands get besides `PATH`, `HOME`, `LANG`, `TMPDIR`; by name, "
        "separated by commas.",
    ),
    Variable(
        "DAYTONA_API_KEY",
        "both",
        text,
        "dtn_…",
        "Key for Daytona.",
        needed=_with("AGENT_RUNNER_SANDBOX", "daytona"),
        needed_note="required by `AGENT_RUNNER_SANDBOX=daytona`",
        secret=True,
    ),
    Variable(
        "DAYTONA_API_URL",
        "both",
        url("http", "https"),
        "https://daytona.internal/api",
        "Daytona's API.",
        default="https://app.daytona.io/api",
    ),
    Variable(
        "DAYTONA_TARGET",
        "both",
        text,
        "eu",
        "Daytona region.",
        default_note="the organization's",
    ),
    Variable(
        "DAYTONA_SNAPSHOT",
        "both",
        text,
        "python-3.13",
        "Daytona snapshot that sandboxes start from.",
        default_note="Daytona's",
    ),
    Variable(
        "AGENT_RUNNER_MCP_SERVERS",
        "both",
        mcp_servers,
        '{"docs": {"url": "http://127.0.0.1:9000/mcp"}, '
        '"git": {"command": "mcp-server-git", "args": ["-v"]}}',
        "MCP servers, a JSON object: name to `command`, `args`, `env` (stdio) or `url`, `headers` "
        "(HTTP).",
        default="{}",
        # `env` and `headers` hold tokens
        secret=True,
    ),
    Variable(
        "AGENT_RUNNER_STATE",
        "both",
        one_of("memory", "redis"),
        "redis",
        "Where threads and their messages are kept.",
        default_note="`memory`; in cloud mode `redis`",
    ),
    Variable(
        "REDIS_URL",
        "both",
        url("redis", "rediss", "unix"),
        "redis://127.0.0.1:6379/0",
        "Redis, with the password in it if there is one.",
        needed=_with("AGENT_RUNNER_STATE", "redis"),
        needed_note="required by `AGENT_RUNNER_STATE=redis`",
        secret=True,
    ),
    Variable(
        "AGENT_RUNNER_STATE_TTL_SECONDS",
        "both",
        integer(60, 315_360_000),
        "86400",
        "How long Redis keeps a thread after its last turn.",
        default="604800",
    ),
    Variable(
        "AGENT_RUNNER_BACKEND_ADDRESS",
        "cloud",
        host_port,
        "backend.example.com:443",
        "gRPC backend that is told of status, `host:port`.",
        needed=_in_cloud,
        needed_note="required in cloud mode",
    ),
    Variable(
        "AGENT_RUNNER_BACKEND_TLS",
        "cloud",
        boolean,
        "false",
        "Whether the connection to the backend is encrypted.",
        default="true",
    ),
    Variable(
        "AGENT_RUNNER_BACKEND_CA_FILE",
        "cloud",
        readable_file,
        "/etc/agent-runner/backend-ca.pem",
        "PEM file of the authorities that may sign the backend's certificate.",
        default_note="gRPC's own",
    ),
    Variable(
        "AGENT_RUNNER_OAUTH_TOKEN_URL",
        "cloud",
        url("http", "https"),
        "https://login.example.com/oauth/token",
        "OAuth 2 token endpoint (client credentials).",
        needed=_in_cloud,
        needed_note="required in cloud mode",
    ),
    Variable(
        "AGENT_RUNNER_OAUTH_CLIENT_ID",
        "cloud",
        text,
        "agent-runner-prod",
        "OAuth 2 client id.",
        needed=_in_cloud,
        needed_note="required in cloud mode",
    ),
    Variable(
        "AGENT_RUNNER_OAUTH_CLIENT_SECRET",
        "cloud",
        text,
        "s3cr3t",
        "OAuth 2 client secret.",
        needed=_in_cloud,
        needed_note="required in cloud mode",
        secret=True,
    ),
    Variable(
        "AGENT_RUNNER_OAUTH_SCOPE",
        "cloud",
        text,
        "status.write",
        "OAuth 2 scopes, space-separated.",
    ),
    Variable(
        "AGENT_RUNNER_LOG_FORMAT",
        "both",
        one_of("auto", "json", "console"),
        "json",
        "`json`, `console`, or `auto`: console when stderr is a terminal.",
        default="auto",
    ),
    Variable(
        "AGENT_RUNNER_LOG_LEVEL",
        "both",
        one_of("debug", "info", "warning", "error"),
        "debug",
        "Least level that is logged.",
        default="info",
    ),
)

BY_NAME: Final[dict[str, Variable]] = {variable.name: variable for variable in VARIABLES}


# --- readers


def problems(environment: Environment) -> list[Problem]:
    """Everything that is missing or wrong, in the table's order."""
    found = []
    for variable in VARIABLES:
        given = environment.get(variable.name, "").strip()
        if not given:
            reason = variable.needed(environment)
            if reason is not None:
                found.append(Problem(variable.name, reason, variable.example))
            continue
        try:
            variable.parse(given)
        except ValueError as error:
            found.append(Problem(variable.name, str(error), variable.example))
    if value_of("TEMPORAL_TLS", environment) in ("false", "0", "no", "off"):
        found += [
            Problem("TEMPORAL_TLS", f"is false, but {name} is set, which needs TLS", "true")
            for name in TLS_IMPLIED_BY[1:]
            if environment.get(name, "").strip()
        ]
    return found


def unknown(environment: Environment) -> dict[str, str | None]:
    """Variables that look like ours but are not in the table, each with the nearest name that
    is."""
    return {
        name: next(iter(difflib.get_close_matches(name, BY_NAME, n=1)), None)
        for name in sorted(environment)
        if name.startswith("AGENT_RUNNER_") and name not in BY_NAME and name not in IGNORED
    }


IGNORED: Final = frozenset({"AGENT_RUNNER_SANDBOX_ID"})
"""Names with our prefix that are not configuration: the mark of a sandbox's processes."""


def markdown_table() -> str:
    """The table of `docs/configuration.md`."""
    rows = [
        "| variable | mode | required or default | example | meaning |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| `{v.name}` | {v.mode} | {v.requirement()} | `{v.example}` | {v.meaning}"
        f"{' Secret.' if v.secret else ''} |"
        for v in VARIABLES
    ]
    return "\n".join(rows) + "\n"
