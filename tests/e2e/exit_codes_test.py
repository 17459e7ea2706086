"""Every documented exit code, with its messages."""

from __future__ import annotations

import re

import pytest

from support.agent_runner import START_TIMEOUT_S, AgentRunner
from support.loopback import closed_port, silent_port
from support.process import RunningProcess

WRONG = {
    "TEMPORAL_SERVICE_ADDRESS": "http://example:7233",
    "TEMPORAL_CONNECT_TIMEOUT_SECONDS": "soon",
    "TEMPORAL_TLS": "perhaps",
    "TEMPORAL_TLS_CA_FILE": "/nonexistent/ca.pem",
    "AGENT_RUNNER_MODEL": "nobody:model",
    "OPENAI_BASE_URL": "localhost:8000",
    "AGENT_RUNNER_MAX_STEPS": "0",
    "AGENT_RUNNER_TURN_TIMEOUT_SECONDS": "-5",
    "AGENT_RUNNER_MODE": "hybrid",
    "AGENT_RUNNER_SANDBOX": "docker",
    "AGENT_RUNNER_SANDBOX_ROOT": "relative/path",
    "AGENT_RUNNER_COMMAND_OUTPUT_LIMIT_BYTES": "1e6",
    "AGENT_RUNNER_MCP_SERVERS": '{"a": {"command": 1}}',
    "AGENT_RUNNER_STATE": "postgres",
    "REDIS_URL": "http://127.0.0.1",
    "AGENT_RUNNER_LOG_LEVEL": "loud",
}


def assert_configuration_error(process: RunningProcess, names: set[str]) -> None:
    """Exit code 2; stderr names exactly these variables, each with an example, without a
    traceback."""
    assert process.returncode == 2, process.output
    assert process.stdout == ""
    assert "Traceback" not in process.stderr
    named = set(re.findall(r"^ +([A-Z][A-Z_]+): ", process.stderr, re.MULTILINE))
    examples = set(re.findall(r"^ +example: ([A-Z][A-Z_]+)=\S", process.stderr, re.MULTILINE))
    assert named == names, process.stderr
    assert examples == names, process.stderr


def test_an_empty_environment_lists_everything_that_is_missing(program: AgentRunner) -> None:
    for _ in range(3):
        process = program.run()
        assert_configuration_error(process, {"TEMPORAL_SERVICE_ADDRESS", "AGENT_RUNNER_MODEL"})
        process.assert_none_left()
    assert list(program.temporary.iterdir()) == []


def test_cloud_mode_and_providers_ask_for_what_they_need(program: AgentRunner) -> None:
    process = program.run(AGENT_RUNNER_MODE="cloud", AGENT_RUNNER_MODEL="anthropic:claude")
    assert_configuration_error(
        process,
        {
            "TEMPORAL_SERVICE_ADDRESS",
            "ANTHROPIC_API_KEY",
            "DAYTONA_API_KEY",
            "REDIS_URL",
            "AGENT_RUNNER_BACKEND_ADDRESS",
            "AGENT_RUNNER_OAUTH_TOKEN_URL",
            "AGENT_RUNNER_OAUTH_CLIENT_ID",
            "AGENT_RUNNER_OAUTH_CLIENT_SECRET",
        },
    )


def test_every_wrong_value_is_named_in_one_message(program: AgentRunner) -> None:
    assert_configuration_error(program.run(**WRONG), set(WRONG))


def test_a_misspelt_variable_is_pointed_out(program: AgentRunner) -> None:
    process = program.run(AGENT_RUNNER_SANDBX="local", TEMPORAL_SERVICE_ADDRESS="127.0.0.1:1")
    assert process.returncode == 2
    assert "AGENT_RUNNER_SANDBX" in process.stderr
    assert "did you mean AGENT_RUNNER_SANDBOX?" in process.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--frobnicate"], ["frobnicate"], ["check", "--jsn"], ["check", "extra"], ["--json"]],
)
def test_wrong_usage(program: AgentRunner, arguments: list[str]) -> None:
    process = program.run(*arguments)
    assert process.returncode == 2, process.output
    assert arguments[-1] in process.stderr
    assert "--help" in process.stderr
    assert "Traceback" not in process.stderr
    assert process.stdout == ""


def test_version_says_what_it_is(program: AgentRunner) -> None:
    process = program.run("--version")
    assert process.returncode == 0, process.output
    assert process.stderr == ""
    assert re.fullmatch(
        r"agent-runner \S+\nplatform: (linux|darwin|windows)-(amd64|arm64)\npython: 3\.13\.\d+"
        r"(\ncommit: [0-9a-f]{40})?",
        process.stdout,
    )


@pytest.mark.parametrize("arguments", [["--help"], ["check", "--help"], ["--help-variables"]])
def test_help_goes_to_stdout(program: AgentRunner, arguments: list[str]) -> None:
    process = program.run(*arguments)
    assert process.returncode == 0, process.output
    assert process.stderr == ""
    assert "agent-runner" in process.stdout or "TEMPORAL_SERVICE_ADDRESS" in process.stdout


def test_an_unreachable_temporal_is_exit_code_3_every_time(
    program: AgentRunner, environment: dict[str, str]
) -> None:
    """temporalio could abort the exiting interpreter in one of four runs: try often."""
    with closed_port() as port:
        environment["TEMPORAL_SERVICE_ADDRESS"] = f"127.0.0.1:{port}"
        for _ in range(5):
            pair = [
                program.start(**environment, TEMPORAL_CONNECT_TIMEOUT_SECONDS="0.2")
                for _ in range(2)
            ]
            for process in pair:
                with process:
                    assert process.wait(START_TIMEOUT_S) == 3, process.output
                    assert f"127.0.0.1:{port}" in process.stderr
                    assert "Traceback" not in process.stderr
                    process.assert_none_left()
    assert program.unpacked() == []


def test_a_server_that_never_answers_is_exit_code_3_too(
    program: AgentRunner, environment: dict[str, str]
) -> None:
    with silent_port() as port:
        environment["TEMPORAL_SERVICE_ADDRESS"] = f"127.0.0.1:{port}"
        process = program.run(**environment, TEMPORAL_CONNECT_TIMEOUT_SECONDS="1")
    assert process.returncode == 3, process.output
    assert f"127.0.0.1:{port}" in process.stderr


def test_a_namespace_that_does_not_exist_is_named(
    program: AgentRunner, environment: dict[str, str]
) -> None:
    process = program.run(
        **environment, TEMPORAL_NAMESPACE="no-such-namespace", TEMPORAL_CONNECT_TIMEOUT_SECONDS="5"
    )
    assert process.returncode in (1, 3), process.output
    assert "no-such-namespace" in process.stderr
    assert "Traceback" not in process.stderr
