from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent_runner import main, settings
from agent_runner.testing_support import MINIMAL, program, program_environment
from agent_runner.variables import Problem


def call(home: Path, *arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program(*arguments),
        env=program_environment(values, home),
        cwd=home,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def test_without_variables_every_missing_one_is_named(tmp_path: Path) -> None:
    done = call(tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "2 problems" in done.stderr
    assert "TEMPORAL_SERVICE_ADDRESS=127.0.0.1:7233" in done.stderr
    assert "AGENT_RUNNER_MODEL=openai:" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_problem_is_in_one_message(tmp_path: Path) -> None:
    done = call(
        tmp_path,
        TEMPORAL_SERVICE_ADDRESS="http://x:1",
        AGENT_RUNNER_MODEL="nope:x",
        AGENT_RUNNER_MAX_STEPS="zero",
        AGENT_RUNNER_MAX_STEP="1",
    )
    assert done.returncode == 2
    assert "3 problems" in done.stderr
    assert "did you mean AGENT_RUNNER_MAX_STEPS?" in done.stderr


def test_a_dotenv_file_fills_in_and_the_environment_wins(tmp_path: Path) -> None:
    lines = [f"{name}={value}" for name, value in MINIMAL.items()]
    (tmp_path / ".env").write_text("\n".join([*lines, "AGENT_RUNNER_MAX_STEPS=zero"]))
    assert "'zero'" in call(tmp_path).stderr
    assert "'none'" in call(tmp_path, AGENT_RUNNER_MAX_STEPS="none").stderr


def test_a_dotenv_file_that_is_not_text_is_a_problem_with_its_path(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\xfe")
    done = call(tmp_path, **MINIMAL)
    assert done.returncode == 2
    assert f"{tmp_path / '.env'}: cannot be read: it is not UTF-8" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["--nope"], ["chekc"], ["check", "--xml"], ["--vers"], ["check", "more"]]
)
def test_wrong_usage(tmp_path: Path, arguments: list[str]) -> None:
    done = call(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("agent-runner: ")
    assert "Try: agent-runner --help" in done.stderr


def test_version_and_help_need_no_configuration(tmp_path: Path) -> None:
    version = call(tmp_path, "--version")
    assert version.returncode == 0
    assert version.stdout.startswith("agent-runner dev\nplatform: ")
    shown = call(tmp_path, "--help")
    assert shown.returncode == 0
    assert "exit codes:" in shown.stdout
    listed = call(tmp_path, "--help-variables").stdout
    assert all(name in listed for name in settings.BY_NAME)


def test_errors_come_before_any_heavy_import(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from agent_runner import main\n"
        "assert main.command_line(['--version']) == 0\n"
        "assert main.command_line([]) == 2\n"
        "heavy = {'pydantic', 'temporalio', 'structlog', 'langchain', 'asyncio', 'httpx'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=program_environment({}, tmp_path),
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_leaving_flushes_and_keeps_the_code(tmp_path: Path) -> None:
    code = "import sys; from agent_runner import main; sys.stdout.write('x' * 9999); main.leave(7)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=program_environment({}, tmp_path),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, len(done.stdout)) == (7, 9999)


def test_the_message_shows_no_example_where_there_is_none() -> None:
    message = main.configuration_error([Problem("/x/.env", "cannot be read", "")])
    assert "example" not in message
