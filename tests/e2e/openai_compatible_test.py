"""Servers that claim to be OpenAI-compatible, and their differences."""

from __future__ import annotations

import pytest

from support.fake_models import Dialect, FakeModels, Reply, ToolCall, text
from support.workers import StartWorker, Worker

DIALECTS = {
    "no usage": Dialect(usage=False),
    "no usage, no end mark": Dialect(usage=False, done=False),
    "extra fields": Dialect(
        extra={"provider": "X", "timings": {"ms": 1}, "system_fingerprint": None}
    ),
    "empty choices first": Dialect(empty_choices=True),
    "comments between events": Dialect(keep_alive=True),
    "empty content beside tool calls": Dialect(null_content=False),
    "tool calls in one piece": Dialect(whole_tool_calls=True),
    "tool calls that end with stop": Dialect(finish_reason="stop"),
    "answers a stream without one": Dialect(streams=False),
}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS.keys())
def test_a_turn_with_a_tool_call_works(
    worker: Worker, models: FakeModels, model: str, dialect: Dialect
) -> None:
    tool = ToolCall("execute", {"command": "echo grüße"})
    reply = Reply(tool_calls=(tool,), dialect=dialect)
    # Such a server answers a repeated request the same way.
    script = models.play_rule(
        lambda request: text("done", dialect=dialect) if request.tool_results else reply,
        model=model,
    )
    result = worker.agents.turn("go", model=f"openai:{model}").result()
    assert result["text"] == "done"
    assert [one["name"] for one in result["tool_calls"]] == ["execute"]
    assert "grüße" in script.requests[-1].tool_results[0]
    if not dialect.usage:
        assert result["usage"] == {"input_tokens": 0, "output_tokens": 0}


@pytest.mark.parametrize(
    "dialect", [Dialect(), Dialect(usage=False, null_content=False)], ids=["plain", "bare"]
)
def test_without_streaming(
    start_worker: StartWorker, models: FakeModels, model: str, dialect: Dialect
) -> None:
    worker = start_worker(AGENT_RUNNER_MODEL_STREAMING="false")
    tool = ToolCall("execute", {"command": "echo grüße"})
    script = models.play(
        Reply(tool_calls=(tool,), dialect=dialect), text("done", dialect=dialect), model=model
    )
    result = worker.agents.turn("go", model=f"openai:{model}").result()
    assert result["text"] == "done"
    assert [request.streamed for request in script.requests] == [False, False]


def test_a_server_without_keys(start_worker: StartWorker) -> None:
    with FakeModels([text("no key needed")]) as keyless:
        worker = start_worker(OPENAI_BASE_URL=keyless.base_url, OPENAI_API_KEY="")
        assert worker.agents.turn("go").result()["text"] == "no key needed"


def test_arguments_that_are_no_json_go_back_to_the_model(
    worker: Worker, models: FakeModels, model: str
) -> None:
    script = models.play(
        Reply(tool_calls=(ToolCall("execute", '{"command": "echo'),)),
        Reply(tool_calls=(ToolCall("no_such_tool", {"x": 1}),)),
        text("I gave up"),
        model=model,
    )
    result = worker.agents.turn("go", model=f"openai:{model}").result()
    assert result["text"] == "I gave up"
    assert script.unused == 0
