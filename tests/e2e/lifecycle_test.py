"""How the worker ends: signals, draining, and no leftovers."""

from __future__ import annotations

import signal
import sys
import threading

import pytest

from support.agent_runner import AgentRunner, wait_for_event
from support.fake_models import FakeModels, call, hang, text
from support.redis_server import RedisServer
from support.workers import StartWorker, Worker


def assert_nothing_left(worker: Worker, program: AgentRunner) -> None:
    worker.process.assert_none_left()
    assert program.unpacked() == []
    assert list(worker.sandbox_root.glob("*")) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_worker_stops_at_the_first_signal(
    start_worker: StartWorker, program: AgentRunner, number: signal.Signals
) -> None:
    worker = start_worker()
    worker.process.send(number)
    assert worker.process.wait() == 0, worker.process.output
    assert_nothing_left(worker, program)
    assert worker.process.stdout == ""
    assert "Traceback" not in worker.process.stderr


def test_a_signal_before_the_worker_polls_is_not_lost(
    program: AgentRunner, environment: dict[str, str]
) -> None:
    environment["TEMPORAL_SERVICE_ADDRESS"] = "127.0.0.1:1"
    with program.start(**environment, TEMPORAL_CONNECT_TIMEOUT_SECONDS="3600") as process:
        wait_for_event(process, "temporal_unreachable")
        process.send(signal.SIGTERM)
        assert process.wait() == 0, process.output
        process.assert_none_left()
    assert program.unpacked() == []


def test_a_running_turn_may_finish_after_sigterm(
    start_worker: StartWorker, program: AgentRunner, models: FakeModels, model: str
) -> None:
    gate = threading.Event()
    script = models.play(
        call("execute", command="echo before > kept.txt"),
        text("", tool_calls=call("execute", command="cat kept.txt").tool_calls, gate=gate),
        text("finished"),
        model=model,
    )
    worker = start_worker(AGENT_RUNNER_SHUTDOWN_GRACE_SECONDS="60")
    turn = worker.agents.turn("work", model=f"openai:{model}")
    script.wait_for_requests(2)
    worker.process.send(signal.SIGTERM)
    wait_for_event(worker.process, "worker_draining")
    gate.set()
    script.wait_for_requests(3)
    assert script.requests[2].tool_results[-1].startswith("before")
    assert worker.process.wait() == 0, worker.process.output
    assert_nothing_left(worker, program)
    # Temporal has the turn's result; a later worker tells the client.
    assert "finished" in [
        result["text"] for result in turn.activity_results() if "text" in (result or {})
    ]


def test_a_turn_that_outlasts_the_grace_is_stopped_and_repeated_elsewhere(
    start_worker: StartWorker,
    program: AgentRunner,
    models: FakeModels,
    model: str,
    redis_server: RedisServer,
) -> None:
    script = models.play(hang(), text("second try"), model=model)
    state = {"AGENT_RUNNER_STATE": "redis", "REDIS_URL": redis_server.url}
    first = start_worker(AGENT_RUNNER_SHUTDOWN_GRACE_SECONDS="0.5", **state)
    turn = first.agents.turn("work", model=f"openai:{model}")
    script.wait_for_requests(1)
    first.process.send(signal.SIGTERM)
    assert first.process.wait() == 0, first.process.output
    script.wait_for_disconnect()
    assert_nothing_left(first, program)
    assert "redis-secret-42" not in first.process.output
    start_worker(TEMPORAL_TASK_QUEUE=first.environment["TEMPORAL_TASK_QUEUE"], **state)
    assert turn.result()["text"] == "second try"
    assert turn.status()["attempt"] == 2


def test_a_command_is_killed_when_the_grace_is_over(
    start_worker: StartWorker, program: AgentRunner, models: FakeModels, model: str
) -> None:
    models.play(call("execute", command="touch started; sleep 86398"), model=model)
    worker = start_worker(AGENT_RUNNER_SHUTDOWN_GRACE_SECONDS="0.5")
    turn = worker.agents.turn("sleep", model=f"openai:{model}")
    turn.wait_until(lambda now: now["progress"]["current_tool"] == "execute")
    worker.process.send(signal.SIGTERM)
    assert worker.process.wait() == 0, worker.process.output
    assert_nothing_left(worker, program)


def test_a_second_signal_ends_it_at_once(
    start_worker: StartWorker, program: AgentRunner, models: FakeModels, model: str
) -> None:
    script = models.play(hang(), model=model)
    worker = start_worker(AGENT_RUNNER_SHUTDOWN_GRACE_SECONDS="3600")
    worker.agents.turn("wait", model=f"openai:{model}")
    script.wait_for_requests(1)
    worker.process.send(signal.SIGTERM)
    wait_for_event(worker.process, "worker_draining")
    worker.process.send(signal.SIGINT)
    assert worker.process.wait(20) == 128 + signal.SIGINT, worker.process.output
    worker.process.assert_none_left()
    assert program.unpacked() == []


def test_killing_the_outer_process_of_a_one_file_program_ends_the_inner_one(
    start_worker: StartWorker, program: AgentRunner, models: FakeModels, model: str
) -> None:
    """The started process unpacks, then waits for its child, the actual program."""
    if sys.platform != "linux" or not program.frozen:
        pytest.skip("only Linux tells a child of its parent's end, and only a frozen one has two")
    models.play(call("execute", command="sleep 86397"), model=model)
    worker = start_worker(AGENT_RUNNER_SHUTDOWN_GRACE_SECONDS="0.5")
    turn = worker.agents.turn("sleep", model=f"openai:{model}")
    turn.wait_until(lambda now: now["progress"]["current_tool"] == "execute")
    assert len(worker.process.descendants()) >= 2
    worker.process.send(signal.SIGKILL)
    worker.process.wait()
    worker.process.assert_none_left()
    assert worker.sandboxes() == []
