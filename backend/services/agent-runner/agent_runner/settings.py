"""The configuration as typed values. The names, defaults and parsers are those of
`variables.py`."""

from __future__ import annotations

import os
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from agent_runner.variables import BY_NAME, default_of


def _parse(name: str) -> BeforeValidator:
    def validate(value: Any) -> Any:
        return BY_NAME[name].parse(value) if isinstance(value, str) else value

    return BeforeValidator(validate)


def _default(name: str) -> Any:
    text = default_of(name, os.environ)
    return None if text is None else BY_NAME[name].parse(text)


def _variable(name: str) -> Any:
    """The field that one variable fills."""
    return Field(
        alias=name,
        default_factory=lambda: _default(name),
        description=BY_NAME[name].meaning,
        validate_default=False,
        repr=not BY_NAME[name].secret,
    )


class Settings(BaseSettings):
    """Everything that agent-runner reads from the environment.

    Build it after `variables.problems` found nothing: it does not check what one variable demands
    of another.
    """

    model_config = SettingsConfigDict(
        env_ignore_empty=True, case_sensitive=True, extra="ignore", frozen=True
    )

    temporal_service_address: Annotated[str, _parse("TEMPORAL_SERVICE_ADDRESS")] = _variable(
        "TEMPORAL_SERVICE_ADDRESS"
    )
    temporal_namespace: str = _variable("TEMPORAL_NAMESPACE")
    temporal_task_queue: str = _variable("TEMPORAL_TASK_QUEUE")
    temporal_api_key: SecretStr | None = _variable("TEMPORAL_API_KEY")
    temporal_tls: Annotated[bool, _parse("TEMPORAL_TLS")] = _variable("TEMPORAL_TLS")
    temporal_tls_ca_file: str | None = _variable("TEMPORAL_TLS_CA_FILE")
    temporal_tls_cert_file: str | None = _variable("TEMPORAL_TLS_CERT_FILE")
    temporal_tls_key_file: str | None = _variable("TEMPORAL_TLS_KEY_FILE")
    temporal_tls_server_name: str | None = _variable("TEMPORAL_TLS_SERVER_NAME")
    temporal_connect_timeout: float = _variable("TEMPORAL_CONNECT_TIMEOUT_SECONDS")

    model: Annotated[str, _parse("AGENT_RUNNER_MODEL")] = _variable("AGENT_RUNNER_MODEL")
    openai_api_key: SecretStr | None = _variable("OPENAI_API_KEY")
    openai_base_url: str = _variable("OPENAI_BASE_URL")
    anthropic_api_key: SecretStr | None = _variable("ANTHROPIC_API_KEY")
    anthropic_base_url: str = _variable("ANTHROPIC_BASE_URL")
    ollama_base_url: str = _variable("OLLAMA_BASE_URL")
    model_streaming: Annotated[bool, _parse("AGENT_RUNNER_MODEL_STREAMING")] = _variable(
        "AGENT_RUNNER_MODEL_STREAMING"
    )
    model_timeout: float = _variable("AGENT_RUNNER_MODEL_TIMEOUT_SECONDS")
    max_steps: int = _variable("AGENT_RUNNER_MAX_STEPS")
    turn_timeout: float = _variable("AGENT_RUNNER_TURN_TIMEOUT_SECONDS")
    max_concurrent_turns: int = _variable("AGENT_RUNNER_MAX_CONCURRENT_TURNS")
    shutdown_grace: float = _variable("AGENT_RUNNER_SHUTDOWN_GRACE_SECONDS")

    mode: Annotated[str, _parse("AGENT_RUNNER_MODE")] = _variable("AGENT_RUNNER_MODE")
    sandbox: Annotated[str, _parse("AGENT_RUNNER_SANDBOX")] = _variable("AGENT_RUNNER_SANDBOX")
    sandbox_root: Annotated[str, _parse("AGENT_RUNNER_SANDBOX_ROOT")] = _variable(
        "AGENT_RUNNER_SANDBOX_ROOT"
    )
    command_timeout: float = _variable("AGENT_RUNNER_COMMAND_TIMEOUT_SECONDS")
    command_output_limit: int = _variable("AGENT_RUNNER_COMMAND_OUTPUT_LIMIT_BYTES")
    command_env: Annotated[tuple[str, ...] | None, NoDecode, _parse("AGENT_RUNNER_COMMAND_ENV")] = (
        _variable("AGENT_RUNNER_COMMAND_ENV")
    )
    daytona_api_key: SecretStr | None = _variable("DAYTONA_API_KEY")
    daytona_api_url: str = _variable("DAYTONA_API_URL")
    daytona_target: str | None = _variable("DAYTONA_TARGET")
    daytona_snapshot: str | None = _variable("DAYTONA_SNAPSHOT")
    mcp_servers: Annotated[
        dict[str, dict[str, Any]], NoDecode, _parse("AGENT_RUNNER_MCP_SERVERS")
    ] = _variable("AGENT_RUNNER_MCP_SERVERS")

    state: Annotated[str, _parse("AGENT_RUNNER_STATE")] = _variable("AGENT_RUNNER_STATE")
    redis_url: SecretStr | None = _variable("REDIS_URL")
    state_ttl: int = _variable("AGENT_RUNNER_STATE_TTL_SECONDS")

    backend_address: str | None = _variable("AGENT_RUNNER_BACKEND_ADDRESS")
    backend_tls: Annotated[bool, _parse("AGENT_RUNNER_BACKEND_TLS")] = _variable(
        "AGENT_RUNNER_BACKEND_TLS"
    )
    backend_ca_file: str | None = _variable("AGENT_RUNNER_BACKEND_CA_FILE")
    oauth_token_url: str | None = _variable("AGENT_RUNNER_OAUTH_TOKEN_URL")
    oauth_client_id: str | None = _variable("AGENT_RUNNER_OAUTH_CLIENT_ID")
    oauth_client_secret: SecretStr | None = _variable("AGENT_RUNNER_OAUTH_CLIENT_SECRET")
    oauth_scope: str | None = _variable("AGENT_RUNNER_OAUTH_SCOPE")

    log_format: Annotated[str, _parse("AGENT_RUNNER_LOG_FORMAT")] = _variable(
        "AGENT_RUNNER_LOG_FORMAT"
    )
    log_level: Annotated[str, _parse("AGENT_RUNNER_LOG_LEVEL")] = _variable(
        "AGENT_RUNNER_LOG_LEVEL"
    )

    @property
    def cloud(self) -> bool:
        return self.mode == "cloud"

    def secret_values(self) -> list[str]:
        """Every secret text that is set, longest first: what logs must never show."""
        found = [
            value.get_secret_value()
            for value in self.__dict__.values()
            if isinstance(value, SecretStr)
        ]
        for server in self.mcp_servers.values():
            found += [*server.get("env", {}).values(), *server.get("headers", {}).values()]
        return sorted({text for text in found if len(text) >= 6}, key=len, reverse=True)


def load() -> Settings:
    """Settings from `os.environ`."""
    return Settings()
