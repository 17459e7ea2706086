from __future__ import annotations

from pathlib import Path

import pytest

from agent_runner import parsers, settings
from agent_runner.testing_support import CLOUD, MINIMAL
from agent_runner.variables import Variable

PROBLEM_OF = {
    "TEMPORAL_SERVICE_ADDRESS": ["http://x:1", "nohost", "host:", "host:0", "host:70000", "a b:1"],
    "TEMPORAL_TLS": ["maybe"],
    "TEMPORAL_TLS_CA_FILE": ["/does/not/exist"],
    "TEMPORAL_TLS_CERT_FILE": ["/does/not/exist"],
    "TEMPORAL_TLS_KEY_FILE": ["/does/not/exist"],
    "TEMPORAL_CONNECT_TIMEOUT_SECONDS": ["soon", "-1", "nan", "inf"],
    "AGENT_RUNNER_MODEL": ["gpt-4", "openai:", ":x", "bedrock:x"],
    "OPENAI_BASE_URL": ["127.0.0.1:80", "ftp://x", "http://", "http://x:port"],
    "ANTHROPIC_BASE_URL": ["x"],
    "OLLAMA_BASE_URL": ["localhost:11434"],
    "AGENT_RUNNER_MODEL_STREAMING": ["2"],
    "AGENT_RUNNER_MODEL_TIMEOUT_SECONDS": ["0"],
    "AGENT_RUNNER_MAX_STEPS": ["0", "1.5", "many"],
    "AGENT_RUNNER_TURN_TIMEOUT_SECONDS": ["0"],
    "AGENT_RUNNER_MAX_CONCURRENT_TURNS": ["0"],
    "AGENT_RUNNER_SHUTDOWN_GRACE_SECONDS": ["-1"],
    "AGENT_RUNNER_MODE": ["hybrid"],
    "AGENT_RUNNER_SANDBOX": ["docker"],
    "AGENT_RUNNER_SANDBOX_ROOT": ["relative/path", "/dev/null"],
    "AGENT_RUNNER_COMMAND_TIMEOUT_SECONDS": ["0"],
    "AGENT_RUNNER_COMMAND_OUTPUT_LIMIT_BYTES": ["10"],
    "AGENT_RUNNER_COMMAND_ENV": ["A,B C", "1X"],
    "DAYTONA_API_URL": ["x"],
    "AGENT_RUNNER_MCP_SERVERS": [
        "{",
        "[]",
        '{"a b": {"url": "http://x"}}',
        '{"a": {}}',
        '{"a": {"url": "http://x", "command": "y"}}',
        '{"a": {"url": "x"}}',
        '{"a": {"command": "x", "args": "-v"}}',
        '{"a": {"command": "x", "cwd": "/"}}',
        '{"a": {"url": "http://x", "headers": {"k": 1}}}',
    ],
    "AGENT_RUNNER_STATE": ["file"],
    "REDIS_URL": ["http://x", "127.0.0.1:6379"],
    "AGENT_RUNNER_STATE_TTL_SECONDS": ["1"],
    "AGENT_RUNNER_BACKEND_ADDRESS": ["https://x:1"],
    "AGENT_RUNNER_BACKEND_TLS": ["sure"],
    "AGENT_RUNNER_BACKEND_CA_FILE": ["/does/not/exist"],
    "AGENT_RUNNER_OAUTH_TOKEN_URL": ["x"],
    "AGENT_RUNNER_LOG_FORMAT": ["xml"],
    "AGENT_RUNNER_LOG_LEVEL": ["loud"],
}

NO_WRONG_VALUE = {
    variable.name for variable in settings.BY_NAME.values() if variable.parse is parsers.text
}


def test_each_variable_has_a_wrong_value_in_these_tests_or_takes_any_text() -> None:
    assert set(PROBLEM_OF) == set(settings.BY_NAME) - NO_WRONG_VALUE


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in PROBLEM_OF.items() for value in values]
)
def test_a_wrong_value_is_the_only_problem_and_names_its_variable(name: str, value: str) -> None:
    found = settings.problems({**MINIMAL, name: value})
    mine = [problem for problem in found if problem.variable == name]
    assert len(mine) == 1
    assert mine[0].example in mine[0].line()
    pair = {"TEMPORAL_TLS_CERT_FILE", "TEMPORAL_TLS_KEY_FILE"}
    assert {problem.variable for problem in found} <= ({name} | pair if name in pair else {name})


@pytest.mark.parametrize("variable", settings.BY_NAME.values(), ids=lambda variable: variable.name)
def test_example_and_default_are_right_values(variable: Variable) -> None:
    if variable.parse is not parsers.readable_file:
        variable.parse(variable.example)
    default = variable.default_text({})
    if default is not None:
        variable.parse(default)


def test_an_empty_environment_lists_each_required_variable() -> None:
    found = settings.problems({})
    assert [problem.variable for problem in found] == [
        "TEMPORAL_SERVICE_ADDRESS",
        "AGENT_RUNNER_MODEL",
    ]


def test_an_empty_value_counts_as_not_set() -> None:
    assert settings.problems({**MINIMAL, "AGENT_RUNNER_MAX_STEPS": " "}) == []
    found = settings.problems({**MINIMAL, "TEMPORAL_SERVICE_ADDRESS": ""})
    assert [problem.message for problem in found] == ["is required"]


def test_cloud_mode_requires_more() -> None:
    needed = [
        problem.variable for problem in settings.problems({**MINIMAL, "AGENT_RUNNER_MODE": "cloud"})
    ]
    assert needed == [
        "DAYTONA_API_KEY",
        "REDIS_URL",
        "AGENT_RUNNER_BACKEND_ADDRESS",
        "AGENT_RUNNER_OAUTH_TOKEN_URL",
        "AGENT_RUNNER_OAUTH_CLIENT_ID",
        "AGENT_RUNNER_OAUTH_CLIENT_SECRET",
    ]
    assert settings.problems(CLOUD) == []


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        ("openai:x", ["OPENAI_API_KEY"]),
        ("anthropic:x", ["ANTHROPIC_API_KEY"]),
        ("ollama:x:8b", []),
    ],
)
def test_the_provider_decides_which_key_is_required(model: str, missing: list[str]) -> None:
    environment = {"TEMPORAL_SERVICE_ADDRESS": "x:1", "AGENT_RUNNER_MODEL": model}
    assert [problem.variable for problem in settings.problems(environment)] == missing


def test_another_openai_server_needs_no_key() -> None:
    environment = {
        "TEMPORAL_SERVICE_ADDRESS": "x:1",
        "AGENT_RUNNER_MODEL": "openai:x",
        "OPENAI_BASE_URL": "http://127.0.0.1:8000/v1",
    }
    assert settings.problems(environment) == []


def test_half_a_client_certificate_is_a_problem(tmp_path: Path) -> None:
    pem = tmp_path / "client.pem"
    pem.write_text("x")
    found = settings.problems({**MINIMAL, "TEMPORAL_TLS_CERT_FILE": str(pem)})
    assert [problem.variable for problem in found] == ["TEMPORAL_TLS_KEY_FILE"]


def test_certificates_without_tls_are_a_contradiction() -> None:
    found = settings.problems(
        {**MINIMAL, "TEMPORAL_TLS": "no", "TEMPORAL_TLS_SERVER_NAME": "temporal.example.com"}
    )
    assert [problem.variable for problem in found] == ["TEMPORAL_TLS"]


def test_a_misspelt_variable_gets_a_suggestion() -> None:
    assert settings.unknown({"AGENT_RUNNER_MAX_STEP": "1", "AGENT_RUNNER_SANDBOX_ID": "x"}) == {
        "AGENT_RUNNER_MAX_STEP": "AGENT_RUNNER_MAX_STEPS"
    }


def test_the_documentation_holds_this_table() -> None:
    folders = [Path.cwd(), *Path(__file__).resolve().parents]
    documents = [folder / "docs" / "configuration.md" for folder in folders]
    document = next(path for path in documents if path.is_file())
    lines = document.read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert rows == settings.markdown_table().splitlines()
