"""The packaged agent-runner on a bare machine of its platform: it starts, explains itself, works and ends.

SMOKE_PLATFORM names the platform, by default this machine's.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.agent_runner import AgentRunner, wait_for_event
from support.fake_models import FakeModels, call, text
from support.launchers import Launcher, find_executable, host_platform, launcher_for
from support.temporal_server import TemporalServer
from support.workers import API_KEY, running_worker, settings

PLATFORM = os.environ.get("SMOKE_PLATFORM") or host_platform()
PATIENCE_S = 300.0
"""An emulated program takes up to ten times as long."""
WAKE_UP = re.compile(
    r"Exception ignored when trying to send to the signal wakeup fd:\r?\n(?:.*\n)*?BlockingIOError: .*\n"
)
"""Printed by Python under a busy Wine if a wake-up byte is already waiting, which wakes the event
loop too."""


@pytest.fixture(scope="session")
def temporary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("program")


@pytest.fixture(scope="session")
def launcher(tmp_path_factory: pytest.TempPathFactory, temporary: Path) -> Launcher:
    shown = (temporary, find_executable("agent-runner", PLATFORM).parent)
    return launcher_for(PLATFORM, tmp_path_factory.mktemp("launcher"), shown)


@pytest.fixture(scope="session")
def program(launcher: Launcher, temporary: Path) -> AgentRunner:
    return AgentRunner(launcher.command(find_executable("agent-runner", PLATFORM)), temporary)


@pytest.fixture(scope="session")
def models() -> Iterator[FakeModels]:
    with FakeModels(api_key=API_KEY) as server:
        yield server


@pytest.fixture(scope="session")
def environment(
    launcher: Launcher, models: FakeModels, temporary: Path
) -> Iterator[dict[str, str]]:
    sandboxes = launcher.seen(temporary / "sandboxes")
    with TemporalServer() as temporal:
        found = settings(temporal, models, temporary)
        yield {**found, "AGENT_RUNNER_SANDBOX_ROOT": sandboxes}


def test_it_says_what_it_is(program: AgentRunner) -> None:
    process = program.run("--version")
    assert process.returncode == 0, process.output
    assert f"platform: {PLATFORM}" in process.stdout.splitlines()
    process.assert_none_left()
    assert program.unpacked() == []


def test_without_configuration_it_names_what_is_missing(program: AgentRunner) -> None:
    process = program.run()
    assert process.returncode == 2, process.output
    named = re.findall(r"^ +([A-Z][A-Z_]+): ", process.stderr, re.MULTILINE)
    assert sorted(named) == ["AGENT_RUNNER_MODEL", "TEMPORAL_SERVICE_ADDRESS"]
    process.assert_none_left()


def test_check_tells_what_works_and_what_is_missing(
    program: AgentRunner, launcher: Launcher, environment: dict[str, str]
) -> None:
    process = program.run("check", "--json", **environment)
    assert process.stdout, process.output
    found = json.loads(process.stdout)
    status = {check["name"]: check["status"] for check in found["checks"]}
    assert {status[name] for name in ("configuration", "temporal", "model")} == {"ok"}
    # Commands of an agent need a shell, and a bare root has none.
    assert found["failed"] == ([] if launcher.has_shell else ["sandbox"]), process.output
    assert process.returncode == (0 if launcher.has_shell else 1)
    process.assert_none_left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_turn_ends_and_the_worker_stops_at_a_signal(
    program: AgentRunner,
    environment: dict[str, str],
    models: FakeModels,
    number: signal.Signals,
) -> None:
    model = f"scripted-{number.name}"
    script = models.play(
        call("write_file", file_path="/notes.txt", content="für dich\n"),
        call("read_file", file_path="/notes.txt"),
        text("It says: für dich"),
        model=model,
    )
    queue = f"smoke-{number.name}"
    with running_worker(program, {**environment, "TEMPORAL_TASK_QUEUE": queue}) as worker:
        result = worker.agents.turn("write", model=f"openai:{model}").result(PATIENCE_S)
        assert (result["status"], result["text"]) == ("completed", "It says: für dich")
        assert "für dich" in script.requests[-1].tool_results[-1]
        worker.process.send(number)
        assert worker.process.wait(PATIENCE_S) == 0, worker.process.output
        worker.process.assert_none_left()
        assert "Traceback" not in WAKE_UP.sub("", worker.process.stderr)
    assert program.unpacked() == []


def test_a_signal_while_it_waits_for_temporal_ends_it(
    program: AgentRunner, environment: dict[str, str]
) -> None:
    nowhere = {**environment, "TEMPORAL_SERVICE_ADDRESS": "127.0.0.1:1"}
    with program.start(**nowhere, TEMPORAL_CONNECT_TIMEOUT_SECONDS="3600") as process:
        wait_for_event(process, "temporal_unreachable")
        process.send(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0, process.output
        process.assert_none_left()
