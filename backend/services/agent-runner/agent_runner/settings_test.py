from __future__ import annotations

import dataclasses

import pytest

from agent_runner import parsers
from agent_runner.settings import BY_NAME, VARIABLES_BY_FIELD, Settings
from agent_runner.testing_support import CLOUD, MINIMAL, settings_of


def values_of(settings: Settings) -> dict[str, object]:
    """Values by the names of their variables."""
    values = dataclasses.asdict(settings)
    return {variable.name: values[name] for name, variable in VARIABLES_BY_FIELD.items()}


def test_defaults_are_those_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    values = values_of(settings_of(monkeypatch, MINIMAL))
    for name, variable in BY_NAME.items():
        text = variable.text(MINIMAL)
        assert values[name] == (None if text is None else variable.parse(text)), name


def test_every_variable_arrives_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        name: variable.example
        for name, variable in BY_NAME.items()
        if variable.parse is not parsers.readable_file
    }
    settings = settings_of(monkeypatch, given)
    assert settings.command_env == ("JAVA_HOME", "HTTPS_PROXY")
    assert settings.mcp_servers["git"]["args"] == ["-v"]
    values = values_of(settings)
    assert {name: values[name] for name in given} == {
        name: BY_NAME[name].parse(text) for name, text in given.items()
    }


def test_cloud_mode_changes_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(monkeypatch, CLOUD)
    assert (settings.state, settings.sandbox) == ("redis", "daytona")


def test_an_api_key_turns_tls_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_of(monkeypatch, {**MINIMAL, "TEMPORAL_API_KEY": "abcdef"}).temporal_tls
    assert not settings_of(monkeypatch, MINIMAL).temporal_tls


def test_secrets_are_listed_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = '{"docs": {"url": "http://x", "headers": {"Authorization": "Bearer tok-123456"}}}'
    settings = settings_of(monkeypatch, {**CLOUD, "AGENT_RUNNER_MCP_SERVERS": servers})
    secrets = settings.secret_values()
    assert {"very-secret-0123", "dtn_0123456789", "Bearer tok-123456"} <= set(secrets)
    assert not [secret for secret in secrets if secret in repr(settings)]
