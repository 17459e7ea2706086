from __future__ import annotations

import threading
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest

from support.fake_models import (
    Dialect,
    FakeModels,
    Reply,
    ToolCall,
    call,
    calls,
    error,
    hang,
    text,
)

USER: Any = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    "dialect",
    [
        Dialect(),
        Dialect(usage=False, done=False),
        Dialect(empty_choices=True, keep_alive=True, whole_tool_calls=True, extra={"x": {"y": 1}}),
    ],
)
def test_the_openai_client_understands_a_stream(dialect: Dialect) -> None:
    tool = ToolCall("execute", {"command": "echo grüße"})
    with FakeModels([Reply("two words", (tool,), dialect=dialect)]) as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0)
        said, arguments = "", ""
        for chunk in client.chat.completions.create(
            model="m", messages=USER, stream=True, stream_options={"include_usage": True}
        ):
            for choice in chunk.choices:
                said += choice.delta.content or ""
                for part in choice.delta.tool_calls or []:
                    arguments += (part.function.arguments if part.function else "") or ""
    assert said == "two words"
    assert arguments == tool.arguments_json


def test_the_openai_client_understands_a_whole_answer() -> None:
    with FakeModels([call("execute", command="ls"), text("done")]) as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0)
        first = client.chat.completions.create(model="m", messages=USER)
        second = client.chat.completions.create(model="m", messages=USER)
        assert [model.id for model in client.models.list()] == ["scripted"]
    assert first.choices[0].message.content is None
    assert first.choices[0].finish_reason == "tool_calls"
    assert second.choices[0].message.content == "done"
    assert second.usage is not None
    assert second.usage.total_tokens == 18


def test_the_anthropic_client_understands_both_forms() -> None:
    tool = ToolCall("execute", {"command": "ls"})
    reply = calls(tool, content="two words")
    with FakeModels([reply, reply]) as server:
        client = anthropic.Anthropic(base_url=server.root_url, api_key="k", max_retries=0)
        whole = client.messages.create(model="m", max_tokens=9, messages=USER)
        with client.messages.stream(model="m", max_tokens=9, messages=USER) as stream:
            streamed = stream.get_final_message()
    assert [block.type for block in whole.content] == ["text", "tool_use"]
    assert [block.type for block in streamed.content] == ["text", "tool_use"]
    assert [block.input for block in streamed.content if block.type == "tool_use"] == [
        tool.arguments
    ]
    assert streamed.stop_reason == "tool_use"


def test_the_ollama_client_understands_both_forms() -> None:
    reply = calls(ToolCall("execute", {"command": "ls"}), content="two words")
    with FakeModels([reply, reply]) as server:
        client = ollama.Client(host=server.root_url)
        whole = client.chat(model="m", messages=USER, stream=False)
        parts = list(client.chat(model="m", messages=USER, stream=True))
        assert [model.model for model in client.list().models] == ["scripted"]
    assert whole.message.tool_calls
    assert whole.message.tool_calls[0].function.name == "execute"
    assert "".join(part.message.content or "" for part in parts) == "two words"
    assert [
        call.function.arguments for part in parts for call in part.message.tool_calls or []
    ] == [{"command": "ls"}]


def test_scripts_are_kept_apart_by_model_and_an_exhausted_one_fails() -> None:
    with FakeModels() as server:
        server.play(text("a"), model="one")
        script = server.play(text("b"), model="two")
        client = openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0)
        asked = client.chat.completions.create(model="two", messages=USER)
        assert asked.choices[0].message.content == "b"
        assert [request.messages for request in script.requests] == [USER]
        with pytest.raises(openai.InternalServerError, match="no reply for request 2"):
            client.chat.completions.create(model="two", messages=USER)


def test_errors_and_the_api_key_reach_the_client() -> None:
    with FakeModels([error(429, "slow down", retry_after=3)], api_key="right") as server:
        wrong = openai.OpenAI(base_url=server.base_url, api_key="wrong", max_retries=0)
        with pytest.raises(openai.AuthenticationError):
            wrong.chat.completions.create(model="m", messages=USER)
        with pytest.raises(openai.AuthenticationError):
            wrong.models.list()
        client = openai.OpenAI(base_url=server.base_url, api_key="right", max_retries=0)
        with pytest.raises(openai.RateLimitError, match="slow down") as caught:
            client.chat.completions.create(model="m", messages=USER)
    assert caught.value.response.headers["retry-after"] == "3"


@pytest.mark.parametrize("streamed", [True, False])
def test_a_hanging_reply_notices_that_its_client_went_away(streamed: bool) -> None:
    with FakeModels([hang()]) as server:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{server.base_url}/chat/completions",
                json={"model": "m", "messages": USER, "stream": streamed},
                timeout=0.2,
            )
        server.default_script.wait_for_disconnect()


def test_a_stream_can_pause_between_its_events() -> None:
    gate = threading.Event()
    with FakeModels([text("one two three", gate=gate, gate_after=2)]) as server:
        client = openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0)
        said: list[str] = []
        for chunk in client.chat.completions.create(model="m", messages=USER, stream=True):
            said += [choice.delta.content for choice in chunk.choices if choice.delta.content]
            if said == ["one "]:
                gate.set()
    assert said == ["one ", "two ", "three"]
