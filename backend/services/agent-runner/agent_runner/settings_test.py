from __future__ import annotations

import pytest

from agent_runner import variables
from agent_runner.settings import Settings
from agent_runner.testing_support import CLOUD, MINIMAL, settings_of


def test_the_fields_are_the_tables_variables() -> None:
    aliases = [field.alias for field in Settings.model_fields.values()]
    assert sorted(str(alias) for alias in aliases) == sorted(variables.BY_NAME)


def test_values_and_defaults_are_those_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(monkeypatch, MINIMAL)
    for field, info in Settings.model_fields.items():
        name = str(info.alias)
        text = variables.value_of(name, MINIMAL)
        expected = None if text is None else variables.BY_NAME[name].parse(text)
        value = getattr(settings, field)
        value = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        assert value == expected, name


def test_every_variable_arrives_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        name: variable.example
        for name, variable in variables.BY_NAME.items()
        if variable.parse is not variables.readable_file
    }
    settings = settings_of(monkeypatch, given)
    assert settings.command_env == ("JAVA_HOME", "HTTPS_PROXY")
    assert settings.mcp_servers["git"]["args"] == ["-v"]
    for field, info in Settings.model_fields.items():
        name = str(info.alias)
        if name in given:
            value = getattr(settings, field)
            value = value.get_secret_value() if hasattr(value, "get_secret_value") else value
            assert value == variables.BY_NAME[name].parse(given[name]), name


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
