"""An environment variable's description, and the rules for when one is required."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agent_runner.parsers import Parser

Environment = Mapping[str, str]


@dataclass(frozen=True)
class Problem:
    """One problem with the configuration."""

    variable: str
    message: str
    example: str

    def line(self) -> str:
        shown = f"  {self.variable}: {self.message}"
        return f"{shown}\n      example: {self.variable}={self.example}" if self.example else shown


@dataclass(frozen=True)
class Variable:
    """One environment variable.

    `parse` turns the text into a value and raises ValueError with a message for the user. `default`
    is text that `parse` accepts, a function that makes it, or None. `needed` says why this
    environment requires the variable, or returns None. `requirement` fills the documentation's
    column "required or default" where the default is not enough.
    """

    name: str
    parse: Parser
    example: str
    meaning: str
    default: str | Callable[[Environment], str] | None = None
    needed: Callable[[Environment], str | None] = lambda _: None
    requirement: str = ""
    cloud_only: bool = False
    secret: bool = False

    def default_text(self, environment: Environment) -> str | None:
        return self.default(environment) if callable(self.default) else self.default

    def text(self, environment: Environment) -> str | None:
        """The text given, or else the default. An empty variable counts as not set."""
        return given(self.name, environment) or self.default_text(environment)

    def required_or_default(self) -> str:
        """The column "required or default" of the documentation."""
        return self.requirement or (f"`{self.default}`" if self.default is not None else "not set")

    def problem(self, environment: Environment) -> Problem | None:
        """Problems with the variable in this environment."""
        text = given(self.name, environment)
        try:
            if text:
                self.parse(text)
                return None
            message = self.needed(environment)
        except ValueError as error:
            message = str(error)
        return Problem(self.name, message, self.example) if message else None


def given(name: str, environment: Environment) -> str:
    return environment.get(name, "").strip()


# --- defaults that depend on the environment or the machine

TLS_SETTINGS: Final = (
    "TEMPORAL_TLS_CA_FILE",
    "TEMPORAL_TLS_CERT_FILE",
    "TEMPORAL_TLS_KEY_FILE",
    "TEMPORAL_TLS_SERVER_NAME",
)


def tls_if_implied(environment: Environment) -> str:
    implied = any(given(name, environment) for name in ("TEMPORAL_API_KEY", *TLS_SETTINGS))
    return "true" if implied else "false"


def _in_cloud_mode(environment: Environment) -> bool:
    return given("AGENT_RUNNER_MODE", environment).lower() == "cloud"


def by_mode(local: str, cloud: str) -> Callable[[Environment], str]:
    return lambda environment: cloud if _in_cloud_mode(environment) else local


def user_folder(environment: Environment) -> str:
    # not getpass.getuser(): it imports pwd and fails for a uid without an entry, as in containers
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return str(Path(tempfile.gettempdir()) / f"agent-runner-{user}")


# --- when a variable is required


def always(environment: Environment) -> str | None:
    return "is required"


def model_needed(environment: Environment) -> str | None:
    return (
        "is required; its provider decides what else is: openai OPENAI_API_KEY (unless "
        "OPENAI_BASE_URL names a server without keys), anthropic ANTHROPIC_API_KEY, ollama nothing"
    )


def _provider_of(environment: Environment) -> str:
    return given("AGENT_RUNNER_MODEL", environment).partition(":")[0]


def openai_key_needed(environment: Environment) -> str | None:
    if _provider_of(environment) == "openai" and not given("OPENAI_BASE_URL", environment):
        return "is required by AGENT_RUNNER_MODEL=openai:… without OPENAI_BASE_URL"
    return None


def anthropic_key_needed(environment: Environment) -> str | None:
    if _provider_of(environment) == "anthropic":
        return "is required by AGENT_RUNNER_MODEL=anthropic:…"
    return None


def required_by(name: str, wanted: str) -> Callable[[Environment], str | None]:
    """Required when the variable `name` is `wanted`, which is its default in cloud mode."""

    def needed(environment: Environment) -> str | None:
        value = given(name, environment).lower()
        if value == wanted:
            return f"is required by {name}={wanted}"
        if not value and _in_cloud_mode(environment):
            return f"is required by {name}={wanted} (the default in cloud mode)"
        return None

    return needed


in_cloud_mode: Final = required_by("AGENT_RUNNER_MODE", "cloud")


def required_with(other: str) -> Callable[[Environment], str | None]:
    return lambda environment: f"is required with {other}" if given(other, environment) else None
