"""The configuration: one field for each environment variable, with all that is known about it.

Four readers share the table: the check at start (`problems`), the typed values (`load`),
`--help-variables` and the table in `docs/configuration.md` (`markdown_table`, which a test
compares). Only the standard library is imported, so that a configuration error is reported before
anything heavy is loaded.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, field, fields
from typing import Any, Final

from agent_runner import parsers
from agent_runner.variables import (
    TLS_SETTINGS,
    Environment,
    Problem,
    Variable,
    always,
    anthropic_key_needed,
    by_mode,
    given,
    in_cloud_mode,
    model_needed,
    openai_key_needed,
    required_by,
    required_with,
    tls_if_implied,
    user_folder,
)


def _variable(name: str, parse: parsers.Parser, example: str, meaning: str, **details: Any) -> Any:
    """The field that one variable fills. A secret is left out of the settings' repr."""
    variable = Variable(name, parse, example, meaning, **details)
    return field(metadata={"variable": variable}, repr=not variable.secret)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that agent-runner reads from the environment."""

    temporal_service_address: str = _variable(
        "TEMPORAL_SERVICE_ADDRESS",
        parsers.host_port,
        "127.0.0.1:7233",
        "Where Temporal's frontend listens, `host:port`.",
        needed=always,
        requirement="required",
    )
    temporal_namespace: str = _variable(
        "TEMPORAL_NAMESPACE", parsers.text, "agents.a1b2c", "Temporal namespace.", default="default"
    )
    temporal_task_queue: str = _variable(
        "TEMPORAL_TASK_QUEUE",
        parsers.text,
        "agent-runner-gpu",
        "Task queue to poll.",
        default="agent-runner",
    )
    temporal_api_key: str | None = _variable(
        "TEMPORAL_API_KEY", parsers.text, "eyJhbGciOi…", "API key, for Temporal Cloud.", secret=True
    )
    temporal_tls: bool = _variable(
        "TEMPORAL_TLS",
        parsers.boolean,
        "true",
        "Whether the connection to Temporal is encrypted.",
        default=tls_if_implied,
        requirement="`true` with an API key or any `TEMPORAL_TLS_…`, else `false`",
    )
    temporal_tls_ca_file: str | None = _variable(
        "TEMPORAL_TLS_CA_FILE",
        parsers.readable_file,
        "/etc/agent-runner/ca.pem",
        "PEM file of the authorities that may sign the server's certificate.",
        requirement="the system's",
    )
    temporal_tls_cert_file: str | None = _variable(
        "TEMPORAL_TLS_CERT_FILE",
        parsers.readable_file,
        "/etc/agent-runner/client.pem",
        "PEM file of the client certificate (mutual TLS).",
        needed=required_with("TEMPORAL_TLS_KEY_FILE"),
        requirement="required with `TEMPORAL_TLS_KEY_FILE`",
    )
    temporal_tls_key_file: str | None = _variable(
        "TEMPORAL_TLS_KEY_FILE",
        parsers.readable_file,
        "/etc/agent-runner/client.key",
        "PEM file of the client certificate's private key.",
        needed=required_with("TEMPORAL_TLS_CERT_FILE"),
        requirement="required with `TEMPORAL_TLS_CERT_FILE`",
    )
    temporal_tls_server_name: str | None = _variable(
        "TEMPORAL_TLS_SERVER_NAME",
        parsers.text,
        "temporal.example.com",
        "Name that the server's certificate must have.",
        requirement="the host of the address",
    )
    temporal_connect_timeout: float = _variable(
        "TEMPORAL_CONNECT_TIMEOUT_SECONDS",
        parsers.seconds(0, 86_400),
        "120",
        "How long to retry, with backoff, until Temporal answers; then exit code 3.",
        default="30",
    )
    model: str = _variable(
        "AGENT_RUNNER_MODEL",
        parsers.model,
        "openai:gpt-4.1-mini",
        "Model, `provider:name`; providers: openai, anthropic, ollama.",
        needed=model_needed,
        requirement="required",
    )
    openai_api_key: str | None = _variable(
        "OPENAI_API_KEY",
        parsers.text,
        "sk-…",
        "Key for the OpenAI-compatible endpoint.",
        needed=openai_key_needed,
        requirement="required by `openai:` without `OPENAI_BASE_URL`",
        secret=True,
    )
    openai_base_url: str = _variable(
        "OPENAI_BASE_URL",
        parsers.url("http", "https"),
        "http://127.0.0.1:8000/v1",
        "OpenAI-compatible endpoint, up to and with `/v1`.",
        default="https://api.openai.com/v1",
    )
    anthropic_api_key: str | None = _variable(
        "ANTHROPIC_API_KEY",
        parsers.text,
        "sk-ant-…",
        "Key for the Anthropic endpoint.",
        needed=anthropic_key_needed,
        requirement="required by `anthropic:`",
        secret=True,
    )
    anthropic_base_url: str = _variable(
        "ANTHROPIC_BASE_URL",
        parsers.url("http", "https"),
        "http://127.0.0.1:8001",
        "Anthropic endpoint, without `/v1`.",
        default="https://api.anthropic.com",
    )
    ollama_base_url: str = _variable(
        "OLLAMA_BASE_URL",
        parsers.url("http", "https"),
        "http://gpu.internal:11434",
        "Ollama endpoint.",
        default="http://127.0.0.1:11434",
    )
    model_streaming: bool = _variable(
        "AGENT_RUNNER_MODEL_STREAMING",
        parsers.boolean,
        "false",
        "Whether answers are streamed; if a server answers a streaming request without a stream, "
        "the request is repeated without.",
        default="true",
    )
    model_timeout: float = _variable(
        "AGENT_RUNNER_MODEL_TIMEOUT_SECONDS",
        parsers.seconds(0.1, 86_400),
        "300",
        "Time limit of one request to the model endpoint.",
        default="120",
    )
    max_steps: int = _variable(
        "AGENT_RUNNER_MAX_STEPS",
        parsers.integer(1, 10_000),
        "200",
        "Maximum number of model calls in one turn.",
        default="50",
    )
    turn_timeout: float = _variable(
        "AGENT_RUNNER_TURN_TIMEOUT_SECONDS",
        parsers.seconds(1, 604_800),
        "600",
        "Time limit of one turn.",
        default="1800",
    )
    max_concurrent_turns: int = _variable(
        "AGENT_RUNNER_MAX_CONCURRENT_TURNS",
        parsers.integer(1, 1_000),
        "4",
        "Maximum number of turns that run in this worker at the same time.",
        default="20",
    )
    shutdown_grace: float = _variable(
        "AGENT_RUNNER_SHUTDOWN_GRACE_SECONDS",
        parsers.seconds(0, 86_400),
        "60",
        "After SIGTERM or SIGINT: how long running turns may finish before they are stopped.",
        default="10",
    )
    mode: str = _variable(
        "AGENT_RUNNER_MODE",
        parsers.one_of("local", "cloud"),
        "cloud",
        "`local`: a stand-alone worker; `cloud`: reports to a backend, with Redis and Daytona as "
        "defaults.",
        default="local",
    )
    sandbox: str = _variable(
        "AGENT_RUNNER_SANDBOX",
        parsers.one_of("local", "daytona"),
        "daytona",
        "Where files are kept and commands run: a directory on this machine, or a Daytona sandbox.",
        default=by_mode("local", "daytona"),
        requirement="`local`; in cloud mode `daytona`",
    )
    sandbox_root: str = _variable(
        "AGENT_RUNNER_SANDBOX_ROOT",
        parsers.directory,
        "/var/lib/agent-runner",
        "Directory that holds the local sandboxes.",
        default=user_folder,
        requirement="`agent-runner-UID` in the temporary directory",
    )
    command_timeout: float = _variable(
        "AGENT_RUNNER_COMMAND_TIMEOUT_SECONDS",
        parsers.seconds(0.1, 86_400),
        "600",
        "Time limit of one shell command, after which its process group is killed.",
        default="120",
    )
    command_output_limit: int = _variable(
        "AGENT_RUNNER_COMMAND_OUTPUT_LIMIT_BYTES",
        parsers.integer(1_000, 100_000_000),
        "1000000",
        "Maximum output kept of one shell command; the middle is dropped.",
        default="100000",
    )
    command_env: tuple[str, ...] | None = _variable(
        "AGENT_RUNNER_COMMAND_ENV",
        parsers.names,
        "JAVA_HOME,HTTPS_PROXY",
        "Variables that shell commands get besides `PATH`, `HOME`, `LANG`, `TMPDIR`; by name, "
        "separated by commas.",
    )
    daytona_api_key: str | None = _variable(
        "DAYTONA_API_KEY",
        parsers.text,
        "dtn_…",
        "Key for Daytona.",
        needed=required_by("AGENT_RUNNER_SANDBOX", "daytona"),
        requirement="required by `AGENT_RUNNER_SANDBOX=daytona`",
        secret=True,
    )
    daytona_api_url: str = _variable(
        "DAYTONA_API_URL",
        parsers.url("http", "https"),
        "https://daytona.internal/api",
        "Daytona's API.",
        default="https://app.daytona.io/api",
    )
    daytona_target: str | None = _variable(
        "DAYTONA_TARGET", parsers.text, "eu", "Daytona region.", requirement="the organization's"
    )
    daytona_snapshot: str | None = _variable(
        "DAYTONA_SNAPSHOT",
        parsers.text,
        "python-3.13",
        "Daytona snapshot that sandboxes start from.",
        requirement="Daytona's",
    )
    mcp_servers: dict[str, dict[str, Any]] = _variable(  # noqa: RUF009  # a dataclass field
        "AGENT_RUNNER_MCP_SERVERS",
        parsers.mcp_servers,
        '{"docs": {"url": "http://127.0.0.1:9000/mcp"}, '
        '"git": {"command": "mcp-server-git", "args": ["-v"]}}',
        "MCP servers, a JSON object: name to `command`, `args`, `env` (stdio) or `url`, `headers` "
        "(HTTP).",
        default="{}",
        secret=True,
    )
    state: str = _variable(
        "AGENT_RUNNER_STATE",
        parsers.one_of("memory", "redis"),
        "redis",
        "Where threads and their messages are kept.",
        default=by_mode("memory", "redis"),
        requirement="`memory`; in cloud mode `redis`",
    )
    redis_url: str | None = _variable(
        "REDIS_URL",
        parsers.url("redis", "rediss", "unix"),
        "redis://127.0.0.1:6379/0",
        "Redis URL, including the password if there is one.",
        needed=required_by("AGENT_RUNNER_STATE", "redis"),
        requirement="required by `AGENT_RUNNER_STATE=redis`",
        secret=True,
    )
    state_ttl: int = _variable(
        "AGENT_RUNNER_STATE_TTL_SECONDS",
        parsers.integer(60, 315_360_000),
        "86400",
        "How long Redis keeps a thread after its last turn.",
        default="604800",
    )
    backend_address: str | None = _variable(
        "AGENT_RUNNER_BACKEND_ADDRESS",
        parsers.host_port,
        "backend.example.com:443",
        "gRPC backend that receives status reports, `host:port`.",
        needed=in_cloud_mode,
        requirement="required in cloud mode",
        cloud_only=True,
    )
    backend_tls: bool = _variable(
        "AGENT_RUNNER_BACKEND_TLS",
        parsers.boolean,
        "false",
        "Whether the connection to the backend is encrypted.",
        default="true",
        cloud_only=True,
    )
    backend_ca_file: str | None = _variable(
        "AGENT_RUNNER_BACKEND_CA_FILE",
        parsers.readable_file,
        "/etc/agent-runner/backend-ca.pem",
        "PEM file of the authorities that may sign the backend's certificate.",
        requirement="gRPC's own",
        cloud_only=True,
    )
    oauth_token_url: str | None = _variable(
        "AGENT_RUNNER_OAUTH_TOKEN_URL",
        parsers.url("http", "https"),
        "https://login.example.com/oauth/token",
        "OAuth 2 token endpoint (client credentials).",
        needed=in_cloud_mode,
        requirement="required in cloud mode",
        cloud_only=True,
    )
    oauth_client_id: str | None = _variable(
        "AGENT_RUNNER_OAUTH_CLIENT_ID",
        parsers.text,
        "agent-runner-prod",
        "OAuth 2 client id.",
        needed=in_cloud_mode,
        requirement="required in cloud mode",
        cloud_only=True,
    )
    oauth_client_secret: str | None = _variable(
        "AGENT_RUNNER_OAUTH_CLIENT_SECRET",
        parsers.text,
        "s3cr3t",
        "OAuth 2 client secret.",
        needed=in_cloud_mode,
        requirement="required in cloud mode",
        cloud_only=True,
        secret=True,
    )
    oauth_scope: str | None = _variable(
        "AGENT_RUNNER_OAUTH_SCOPE",
        parsers.text,
        "status.write",
        "OAuth 2 scopes, space-separated.",
        cloud_only=True,
    )
    log_format: str = _variable(
        "AGENT_RUNNER_LOG_FORMAT",
        parsers.one_of("auto", "json", "console"),
        "json",
        "`json`, `console`, or `auto`: console when stderr is a terminal.",
        default="auto",
    )
    log_level: str = _variable(
        "AGENT_RUNNER_LOG_LEVEL",
        parsers.one_of("debug", "info", "warning", "error"),
        "debug",
        "Lowest level that is logged.",
        default="info",
    )

    @property
    def cloud(self) -> bool:
        return self.mode == "cloud"

    def secret_values(self) -> list[str]:
        """Every secret that is set, longest first: logs must never show them."""
        found = [
            value
            for name, variable in VARIABLES_BY_FIELD.items()
            if variable.secret and isinstance(value := getattr(self, name), str)
        ]
        for server in self.mcp_servers.values():
            found += [*server.get("env", {}).values(), *server.get("headers", {}).values()]
        return sorted({text for text in found if len(text) >= 6}, key=len, reverse=True)


VARIABLES_BY_FIELD: Final[dict[str, Variable]] = {
    field.name: field.metadata["variable"] for field in fields(Settings)
}
BY_NAME: Final[dict[str, Variable]] = {
    variable.name: variable for variable in VARIABLES_BY_FIELD.values()
}
IGNORED: Final = frozenset({"AGENT_RUNNER_SANDBOX_ID"})
"""Names with our prefix that are not configuration: the mark of a sandbox's processes."""


def load(environment: Environment = os.environ) -> Settings:
    """The settings. Call it after `problems` found nothing, or with the faulty variables removed.

    Values that `problems` would report as missing are None.
    """
    values: dict[str, Any] = {}
    for name, variable in VARIABLES_BY_FIELD.items():
        text = variable.text(environment)
        values[name] = None if text is None else variable.parse(text)
    return Settings(**values)


def problems(environment: Environment) -> list[Problem]:
    """Everything that is missing or wrong, in the table's order."""
    found = [
        problem
        for variable in BY_NAME.values()
        if (problem := variable.problem(environment)) is not None
    ]
    if BY_NAME["TEMPORAL_TLS"].text(environment) in ("false", "0", "no", "off"):
        found += [
            Problem("TEMPORAL_TLS", f"is false, but {name} is set, which needs TLS", "true")
            for name in TLS_SETTINGS
            if given(name, environment)
        ]
    return found


def unknown(environment: Environment) -> dict[str, str | None]:
    """Variables with our prefix that are not in the table, each with the nearest name that is."""
    return {
        name: next(iter(difflib.get_close_matches(name, BY_NAME, n=1)), None)
        for name in sorted(environment)
        if name.startswith("AGENT_RUNNER_") and name not in BY_NAME and name not in IGNORED
    }


def markdown_table() -> str:
    """The table of `docs/configuration.md`."""
    rows = [
        "| variable | mode | required or default | example | meaning |",
        "|---|---|---|---|---|",
    ]
    rows += [
        f"| `{v.name}` | {'cloud' if v.cloud_only else 'both'} | {v.required_or_default()} "
        f"| `{v.example}` | {v.meaning}{' Secret.' if v.secret else ''} |"
        for v in BY_NAME.values()
    ]
    return "\n".join(rows) + "\n"
