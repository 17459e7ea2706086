from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent_runner import agent, models
from agent_runner.agent import TurnOutcome
from agent_runner.contract import Progress, Usage
from agent_runner.errors import (
    ConfigurationError,
    ModelRejected,
    ModelUnavailable,
    TurnLimitExceeded,
)
from agent_runner.progress import ProgressTracker
from agent_runner.sandbox.local import LocalSandboxes
from agent_runner.settings import Settings
from agent_runner.shell import CommandLimits
from agent_runner.state.store import Message
from agent_runner.testing_support import MINIMAL, run, settings_of
from support.fake_models import (
    Dialect,
    FakeModels,
    RecordedRequest,
    Reply,
    ToolCall,
    call,
    calls,
    error,
    text,
)

KEY = "sk-model-0123"


def settings_for(monkeypatch: pytest.MonkeyPatch, server: FakeModels, **more: str) -> Settings:
    return settings_of(
        monkeypatch,
        {
            **MINIMAL,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": server.base_url,
            "ANTHROPIC_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": server.root_url,
            "OLLAMA_BASE_URL": server.root_url,
            **more,
        },
    )


def turn(
    settings: Settings,
    root: Path,
    *,
    model: str = "openai:scripted",
    history: Sequence[Message] = (),
    message: str = "hello",
    reports: list[Progress] | None = None,
    **options: Any,
) -> TurnOutcome:
    """One turn in a local sandbox."""
    sandboxes = LocalSandboxes(root / "sandboxes", CommandLimits(20, 10_000))
    seen = reports if reports is not None else []

    async def send(progress: Progress) -> None:
        seen.append(progress)

    async def scenario() -> TurnOutcome:
        progress = ProgressTracker(lambda now: None, send)
        async with sandboxes.open(await sandboxes.create("key")) as backend:
            outcome = await agent.run_turn(
                model=models.build(model, settings),
                backend=backend,
                tools=[],
                history=history,
                message=message,
                system_prompt=options.get("system_prompt"),
                max_steps=options.get("max_steps", 10),
                progress=progress,
            )
        await sandboxes.close()
        return outcome

    return run(scenario())


@pytest.mark.parametrize("streaming", ["true", "false"])
@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
def test_a_turn_with_tools_through_each_wire_format(
    provider: str, streaming: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with FakeModels(api_key=None if provider == "ollama" else KEY) as server:
        script = server.play(
            calls(
                ToolCall("write_file", {"file_path": "/a.txt", "content": "grüß"}),
                ToolCall("ls", {"path": "/"}),
            ),
            call("execute", command="cat a.txt; exit 3"),
            text("all done here"),
            model="m:1",
        )
        settings = settings_for(monkeypatch, server, AGENT_RUNNER_MODEL_STREAMING=streaming)
        reports: list[Progress] = []
        outcome = turn(settings, tmp_path, model=f"{provider}:m:1", reports=reports)
    assert outcome.text == "all done here"
    names = sorted((made.name, made.status) for made in outcome.tool_calls[:2])
    assert names == [("ls", "success"), ("write_file", "success")]
    assert outcome.tool_calls[2].name == "execute"
    assert "grüß" in script.requests[2].tool_results[-1]
    assert outcome.usage == Usage(input_tokens=33, output_tokens=21)
    # Ollama's client streams in any case
    assert script.requests[0].streamed == (streaming == "true" or provider == "ollama")
    assert script.unused == 0
    # told before the tool ran, each time
    assert [report.tools_started for report in reports] == [1, 2]
    assert {"execute", "read_file", "edit_file", "glob", "grep", "task"} <= script.requests[0].tools
    kinds = [entry["type"] for entry in outcome.messages]
    assert kinds == ["human", "ai", "tool", "tool", "ai", "tool", "ai"]


def test_the_thread_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with FakeModels([text("I am well"), text("you said hello")]) as server:
        settings = settings_for(monkeypatch, server)
        first = turn(settings, tmp_path, message="hello")
        second = turn(settings, tmp_path, history=first.messages, message="hello")
        said = [
            (entry["role"], entry["content"])
            for entry in server.requests[1].messages
            if entry["role"] != "system"
        ]
    assert said == [("user", "hello"), ("assistant", "I am well"), ("user", "hello")]
    assert [entry["type"] for entry in second.messages] == ["human", "ai"]
    assert second.text == "you said hello"


def test_a_system_prompt_of_the_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with FakeModels([text("arr")]) as server:
        turn(settings_for(monkeypatch, server), tmp_path, system_prompt="You are a pirate.")
        system = [entry for entry in server.requests[0].messages if entry["role"] == "system"]
    assert "You are a pirate." in str(system)


@pytest.mark.parametrize(
    "dialect",
    [
        Dialect(usage=False),
        Dialect(extra={"system_fingerprint": "x", "timings": {"ms": 1}}),
        Dialect(empty_choices=True, keep_alive=True),
        Dialect(null_content=False, whole_tool_calls=True),
        Dialect(done=False),
        Dialect(finish_reason="stop"),
    ],
    ids=str,
)
def test_servers_that_differ_from_openais_own(
    dialect: Dialect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = calls(ToolCall("execute", {"command": "echo works"}), dialect=dialect)
    with FakeModels([tool, text("done", dialect=dialect)]) as server:
        outcome = turn(settings_for(monkeypatch, server), tmp_path)
        assert "works" in server.requests[1].tool_results[0]
    assert outcome.text == "done"


def test_a_server_without_stream_options_is_asked_again_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def picky(request: RecordedRequest) -> Reply:
        if "stream_options" in request.body:
            return error(400, "unknown field: stream_options")
        return text("fine")

    with FakeModels(picky) as server:
        assert turn(settings_for(monkeypatch, server), tmp_path).text == "fine"


def test_a_server_without_streaming_is_asked_again_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    from support.loopback import LoopbackServer

    asked: list[bool] = []

    async def answer(request: Request) -> Response:
        asked.append(bool((await request.json()).get("stream")))
        message = {"role": "assistant", "content": "whole"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
        return JSONResponse({**body, "choices": [choice]})

    app = Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])])
    with LoopbackServer(app) as server:
        settings = settings_of(monkeypatch, {**MINIMAL, "OPENAI_BASE_URL": f"{server.root_url}/v1"})
        assert turn(settings, tmp_path).text == "whole"
    assert asked == [True, False]


def test_text_arrives_as_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gate = threading.Event()
    with FakeModels([text("one two three", gate=gate, gate_after=3)]) as server:
        settings = settings_for(monkeypatch, server)
        seen: list[str] = []

        class Tracker(ProgressTracker):
            def text(self, piece: str) -> None:
                super().text(piece)
                seen.append(self.current.text)
                gate.set()

        monkeypatch.setitem(globals(), "ProgressTracker", Tracker)
        assert turn(settings, tmp_path).text == "one two three"
    assert seen[0].strip() in ("one", "one two")
    assert seen[-1] == "one two three"


def test_a_tool_that_fails_is_the_models_to_deal_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    replies = [
        call("read_file", file_path="/../../etc/passwd"),
        call("no_such_tool"),
        call("execute"),
        text("sorry"),
    ]
    with FakeModels(replies) as server:
        outcome = turn(settings_for(monkeypatch, server), tmp_path)
        results = server.requests[3].tool_results
    assert outcome.text == "sorry"
    assert all("rror" in result for result in results), results
    assert "root:" not in "".join(results)


def test_too_many_steps_end_the_turn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with FakeModels(lambda request: call("ls", path="/")) as server:
        settings = settings_for(monkeypatch, server)
        with pytest.raises(TurnLimitExceeded, match="more than 4 model calls"):
            turn(settings, tmp_path, max_steps=4)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ModelRejected),
        (401, ModelRejected),
        (404, ModelRejected),
        (429, ModelUnavailable),
        (503, ModelUnavailable),
    ],
)
def test_what_an_http_status_means(
    provider: str,
    status: int,
    kind: type[Exception],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(models, "REQUEST_RETRIES", 0)
    with FakeModels(lambda request: error(status, "no thanks")) as server:
        settings = settings_for(monkeypatch, server)
        model = f"{provider}:m"
        with pytest.raises(Exception) as caught:  # noqa: PT011  # each client's own class
            turn(settings, tmp_path, model=model)
        known = models.error_of(caught.value, model, settings)
    assert type(known) is kind
    assert f"HTTP {status}" in str(known)
    assert server.root_url in str(known)
    assert KEY not in str(known)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
def test_a_dead_endpoint_is_unavailable(
    provider: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(models, "REQUEST_RETRIES", 0)
    dead = "http://127.0.0.1:1"
    settings = settings_of(
        monkeypatch,
        {
            **MINIMAL,
            "OPENAI_BASE_URL": dead,
            "ANTHROPIC_BASE_URL": dead,
            "ANTHROPIC_API_KEY": KEY,
            "OLLAMA_BASE_URL": dead,
        },
    )
    model = f"{provider}:m"
    with pytest.raises(Exception) as caught:  # noqa: PT011  # each client's own class
        turn(settings, tmp_path, model=model)
    known = models.error_of(caught.value, model, settings)
    assert type(known) is ModelUnavailable
    assert dead in str(known)


def test_errors_of_our_own_code_are_not_the_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_of(monkeypatch, MINIMAL)
    assert models.error_of(KeyError("x"), "openai:m", settings) is None


def test_a_provider_without_its_key_is_a_configuration_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {key: value for key, value in MINIMAL.items() if key != "OPENAI_API_KEY"}
    settings = settings_of(monkeypatch, values)
    for model in ("openai:x", "anthropic:x", "bedrock:x", "x"):
        with pytest.raises(ConfigurationError):
            models.build(model, settings)
        with pytest.raises(ConfigurationError):
            models.check_configured(model, settings)


def test_another_server_without_keys_needs_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with FakeModels([text("free")]) as server:
        values = {key: value for key, value in MINIMAL.items() if key != "OPENAI_API_KEY"}
        settings = settings_of(monkeypatch, {**values, "OPENAI_BASE_URL": server.base_url})
        assert turn(settings, tmp_path).text == "free"
