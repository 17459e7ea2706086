"""One turn: `AgentTurn`, through the packaged worker, from the client's signal to the shell."""

from __future__ import annotations

import threading

import pytest
from temporalio.exceptions import CancelledError

from support import process_table
from support.fake_models import FakeModels, ToolCall, call, calls, error, hang, text
from support.workers import API_KEY, StartWorker, Worker


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
def test_files_and_commands_share_a_sandbox_that_is_gone_afterwards(
    worker: Worker, models: FakeModels, model: str, provider: str
) -> None:
    script = models.play(
        call("write_file", file_path="/notes/grüße.txt", content="für dich\n"),
        calls(
            ToolCall("execute", {"command": "cat notes/*.txt; echo two >&2; exit 3"}),
            content="Let me look.",
        ),
        call("read_file", file_path="/notes/grüße.txt"),
        text("It says: für dich"),
        model=model,
    )
    turn = worker.agents.turn("write and show", model=f"{provider}:{model}")
    result = turn.result()

    assert result["status"] == "completed"
    assert result["text"] == "It says: für dich"
    assert [(one["name"], one["status"]) for one in result["tool_calls"]] == [
        ("write_file", "success"),
        ("execute", "success"),
        ("read_file", "success"),
    ]
    assert script.unused == 0
    written, executed, read = script.requests[-1].tool_results
    assert "grüße.txt" in written
    assert all(part in executed for part in ("für dich", "two", "3"))
    assert "für dich" in read
    assert {"execute", "read_file", "write_file", "edit_file", "ls", "grep"} <= script.requests[
        0
    ].tools
    assert turn.status()["phase"] == "completed"
    assert worker.sandboxes() == []


def test_usage_is_summed_over_the_model_calls(
    worker: Worker, models: FakeModels, model: str
) -> None:
    models.play(call("ls", path="/"), text("nothing", input_tokens=100), model=model)
    result = worker.agents.turn("look", model=f"anthropic:{model}").result()
    assert result["usage"] == {"input_tokens": 111, "output_tokens": 14}


def test_a_thread_remembers_and_an_unknown_one_fails(
    worker: Worker, models: FakeModels, model: str
) -> None:
    script = models.play(text("Hello Ada"), text("You are Ada"), model=model)
    first = worker.agents.turn("I am Ada", model=f"openai:{model}").result()
    again = worker.agents.turn("Who?", model=f"openai:{model}", thread_id=first["thread_id"])
    assert again.result()["thread_id"] == first["thread_id"]
    said = [str(message.get("content")) for message in script.requests[1].messages]
    assert [any(part in one for one in said) for part in ("I am Ada", "Hello Ada", "Who?")] == [
        True,
        True,
        True,
    ]
    unknown = worker.agents.turn("hi", model=f"openai:{model}", thread_id="thread-unknown")
    assert unknown.failure().type == "ThreadNotFound"


def test_progress_is_streamed_while_the_model_speaks(
    worker: Worker, models: FakeModels, model: str
) -> None:
    gate = threading.Event()
    models.play(
        call("write_file", file_path="/a.txt", content="a"),
        text("first words and the rest", gate=gate, gate_after=3),
        model=model,
    )
    turn = worker.agents.turn("speak", model=f"openai:{model}")
    try:
        status = turn.wait_until(lambda now: now["progress"]["text"].startswith("first words"))
    finally:
        gate.set()
    assert status["phase"] == "running"
    assert status["attempt"] == 1
    assert status["progress"]["steps"] == 1
    assert status["progress"]["tools_started"] == 1
    assert "rest" not in status["progress"]["text"]
    assert turn.result()["text"] == "first words and the rest"


def test_the_signal_cancels_a_model_call(worker: Worker, models: FakeModels, model: str) -> None:
    script = models.play(hang(), model=model)
    turn = worker.agents.turn("wait", model=f"openai:{model}")
    script.wait_for_requests(1)
    turn.signal("cancel", "changed my mind")
    assert turn.result()["status"] == "cancelled"
    script.wait_for_disconnect()
    assert len(script.requests) == 1
    assert worker.sandboxes() == []


def test_the_signal_kills_a_running_command_with_all_its_children(
    worker: Worker, models: FakeModels, model: str
) -> None:
    models.play(call("execute", command="sleep 86399 & sleep 86399; wait"), model=model)
    turn = worker.agents.turn("sleep", model=f"openai:{model}")
    turn.wait_until(lambda now: now["progress"]["current_tool"] == "execute")
    wait_for_command("sleep 86399", 2)
    turn.signal("cancel")
    assert turn.result()["status"] == "cancelled"
    wait_for_command("sleep 86399", 0)
    assert worker.sandboxes() == []


def wait_for_command(command: str, count: int) -> None:
    """Waits until exactly `count` processes on this machine run this command line."""
    moment = threading.Event()
    for _ in range(500):
        found = [one for one in process_table.snapshot().values() if one.command == command]
        if len(found) == count:
            return
        moment.wait(0.02)
    raise AssertionError(f"expected {count} processes `{command}`, there are {found}")


def test_temporals_own_cancellation_cleans_up_too(
    worker: Worker, models: FakeModels, model: str
) -> None:
    script = models.play(hang(), model=model)
    turn = worker.agents.turn("wait", model=f"openai:{model}")
    script.wait_for_requests(1)
    turn.cancel()
    assert isinstance(turn.ending(), CancelledError)
    script.wait_for_disconnect()
    assert worker.sandboxes() == []


def test_a_passing_model_failure_is_retried_while_no_tool_has_run(
    worker: Worker, models: FakeModels, model: str
) -> None:
    script = models.play(
        *(error(status, "try later", retry_after=0) for status in (503, 429, 500, 408)),
        text("back again"),
        model=model,
    )
    turn = worker.agents.turn("hi", model=f"openai:{model}")
    assert turn.result()["text"] == "back again"
    assert script.unused == 0


def test_a_turn_whose_tool_has_run_is_not_repeated(
    worker: Worker, models: FakeModels, model: str
) -> None:
    script = models.play_rule(
        lambda request: (
            error(503, "overloaded", retry_after=0)
            if request.tool_results
            else call("execute", command="echo once")
        ),
        model=model,
    )
    failure = worker.agents.turn("hi", model=f"openai:{model}").failure()
    assert failure.type == "ModelUnavailable"
    assert sum(not request.tool_results for request in script.requests) == 1
    assert worker.sandboxes() == []


@pytest.mark.parametrize(
    ("fields", "type_", "words"),
    [
        ({"message": "  "}, "InvalidInput", ["message"]),
        ({"message": "hi", "model": "no-provider"}, "InvalidInput", ["model", "no-provider"]),
        ({"message": "hi", "turn_timeout_seconds": -1}, "InvalidInput", ["turn_timeout_seconds"]),
        ({"message": "hi", "mcp_servers": ["no-such"]}, None, ["no-such"]),
        ({"message": "hi", "model": "nobody:gpt"}, None, ["nobody"]),
    ],
)
def test_wrong_input_names_its_field_and_is_not_retried(
    worker: Worker, fields: dict[str, object], type_: str | None, words: list[str]
) -> None:
    turn = worker.agents.start("AgentTurn", fields)
    failure = turn.failure()
    assert failure.type == type_ or (type_ is None and failure.type), failure
    assert failure.type in ("InvalidInput", "ConfigurationError")
    assert [word for word in words if word not in failure.message] == []
    assert worker.sandboxes() == []


@pytest.mark.parametrize(
    ("status", "type_"), [(400, "ModelRejected"), (401, "ModelRejected"), (404, "ModelRejected")]
)
def test_a_refused_request_fails_at_once_with_the_endpoints_words(
    worker: Worker, models: FakeModels, model: str, status: int, type_: str
) -> None:
    script = models.play(error(status, "not like this"), model=model)
    failure = worker.agents.turn("hi", model=f"openai:{model}").failure()
    assert failure.type == type_
    assert "not like this" in failure.message
    assert API_KEY not in failure.message
    assert len(script.requests) == 1


def test_a_turn_that_takes_too_long_or_too_many_steps_is_ended(
    start_worker: StartWorker, models: FakeModels, model: str
) -> None:
    worker = start_worker(AGENT_RUNNER_MAX_STEPS="4")
    script = models.play_rule(lambda _: call("ls", path="/"), model=model)
    endless = worker.agents.turn("again and again", model=f"openai:{model}")
    assert endless.failure().type == "TurnLimitExceeded"
    assert len(script.requests) <= 5
    models.play(hang(), model=model)
    slow = worker.agents.turn("wait", model=f"openai:{model}", turn_timeout_seconds=1)
    assert slow.failure().type == "TurnLimitExceeded"
    assert worker.sandboxes() == []


def test_no_tool_leaves_the_sandbox_and_commands_see_no_secrets(
    worker: Worker, models: FakeModels, model: str
) -> None:
    script = models.play(
        call("execute", command="ln -s / out; env; pwd"),
        call("read_file", file_path="/out/etc/passwd"),
        call("read_file", file_path="/../../../../etc/passwd"),
        call("write_file", file_path="/out/tmp/escaped", content="x"),
        text("no way out"),
        model=model,
    )
    result = worker.agents.turn("break out", model=f"openai:{model}").result()
    assert result["text"] == "no way out"
    environment, *escapes = script.requests[-1].tool_results
    names = {line.partition("=")[0] for line in environment.splitlines() if "=" in line}
    assert {"PATH", "HOME"} <= names
    leaked = {
        name
        for name in names
        if name.startswith(("AGENT_RUNNER", "OPENAI", "ANTHROPIC", "TEMPORAL", "LD_", "DYLD", "_"))
    }
    assert leaked - {"_"} <= {"AGENT_RUNNER_SANDBOX_ID"}
    assert API_KEY not in environment
    assert [escape for escape in escapes if "root:" in escape] == []
