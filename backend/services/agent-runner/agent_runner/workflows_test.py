"""The workflows and activities against a real Temporal server, with a scripted model."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.worker import Replayer

from agent_runner import models, worker
from agent_runner.backend.backend_test import Backend, TokenServer
from agent_runner.services import Services
from agent_runner.testing_support import CLOUD, MINIMAL, run, settings_of
from agent_runner.workflows import WORKFLOWS
from support.fake_daytona import FakeDaytona
from support.fake_models import FakeModels, call, error, hang, text
from support.redis_server import RedisServer
from support.temporal_server import TemporalServer

Handle = WorkflowHandle[Any, Any]


@pytest.fixture(scope="module")
def temporal() -> Iterator[TemporalServer]:
    with TemporalServer() as running:
        yield running


@pytest.fixture(scope="module")
def model_server() -> Iterator[FakeModels]:
    with FakeModels() as running:
        yield running


@pytest.fixture(autouse=True)
def no_client_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    # the workflow's own retries are what is tested here
    monkeypatch.setattr(models, "REQUEST_RETRIES", 0)


@dataclass
class World:
    """A running worker and its client."""

    client: Client
    services: Services
    root: Path
    queue: str
    names: Iterator[int]

    async def start(self, workflow: str, **given: Any) -> Handle:
        name = f"{self.queue}-{next(self.names)}"
        handle: Handle = await self.client.start_workflow(
            workflow, given, id=name, task_queue=self.queue
        )
        return handle

    def sandboxes(self) -> list[str]:
        return [path.name for path in self.root.glob("worker-*/*")]

    async def no_sandbox_left(self) -> None:
        await until(lambda: not self.sandboxes())


async def until(condition: Callable[[], Any]) -> None:
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return
        await asyncio.sleep(0.05)


Start = Callable[..., Any]


@pytest.fixture
def world(
    temporal: TemporalServer,
    model_server: FakeModels,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Start:
    """Start a worker with these variables, as an asynchronous context."""

    @asynccontextmanager
    async def start(base: dict[str, str] = MINIMAL, **more: str) -> AsyncIterator[World]:
        queue = request.node.name[:60]
        values = {
            **base,
            "TEMPORAL_SERVICE_ADDRESS": temporal.address,
            "TEMPORAL_TASK_QUEUE": queue,
            "OPENAI_BASE_URL": model_server.base_url,
            "AGENT_RUNNER_SANDBOX_ROOT": str(tmp_path / "root"),
            "AGENT_RUNNER_SHUTDOWN_GRACE_SECONDS": "0.2",
            **more,
        }
        services = Services(settings_of(monkeypatch, values))
        client = await Client.connect(temporal.address)
        first, own = worker.workers(client, services, f"{queue}.own")
        async with first, own:
            yield World(client, services, tmp_path / "root", queue, iter(range(100)))
        await services.close()

    return start


async def failure_of(handle: Handle) -> ApplicationError:
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause


async def waiting(handle: Handle) -> bool:
    return bool((await handle.query("status"))["phase"] == "waiting")


async def running_tool(handle: Handle) -> dict[str, Any]:
    async def busy() -> bool:
        status = await handle.query("status")
        return status["progress"]["current_tool"] is not None

    await until(busy)
    status: dict[str, Any] = await handle.query("status")
    return status


def test_a_turn_completes_and_replays(world: Start, model_server: FakeModels) -> None:
    model_server.play(
        call("execute", command="echo hi > a.txt; pwd"),
        call("read_file", file_path="/a.txt"),
        text("done"),
        model="complete",
    )

    async def scenario() -> None:
        async with world() as w:
            handle = await w.start("AgentTurn", message="hello", model="openai:complete")
            result = await handle.result()
            assert result["status"] == "completed"
            assert result["text"] == "done"
            assert [made["name"] for made in result["tool_calls"]] == ["execute", "read_file"]
            assert result["usage"] == {"input_tokens": 33, "output_tokens": 21}
            status = await handle.query("status")
            assert status["phase"] == "completed"
            assert status["progress"]["tools_started"] == 1
            await w.no_sandbox_left()
            history = await handle.fetch_history()
            await Replayer(workflows=list(WORKFLOWS)).replay_workflow(history)

    run(scenario())


def test_the_signal_cancels_the_turn_and_its_command(
    world: Start, model_server: FakeModels
) -> None:
    model_server.play(call("execute", command="echo $$ > pid; sleep 60"), model="cancel")

    async def scenario() -> None:
        async with world() as w:
            handle = await w.start("AgentTurn", message="hello", model="openai:cancel")
            await running_tool(handle)
            (pid_file,) = w.root.glob("worker-*/*/pid")
            await until(lambda: pid_file.read_text().strip())
            pid = int(pid_file.read_text())
            await handle.signal("cancel", "enough")
            result = await handle.result()
            assert result["status"] == "cancelled"
            assert (await handle.query("status"))["phase"] == "cancelled"
            await w.no_sandbox_left()
            if sys.platform.startswith("linux"):
                await until(lambda: not Path(f"/proc/{pid}").exists())
            history = await handle.fetch_history()
            await Replayer(workflows=list(WORKFLOWS)).replay_workflow(history)

    run(scenario())


def test_temporals_own_cancellation_and_termination_clean_up(
    world: Start, model_server: FakeModels
) -> None:
    model_server.play(hang(), hang(), model="hang")

    async def scenario() -> None:
        async with world() as w:
            handle = await w.start("AgentTurn", message="hello", model="openai:hang")
            await until(w.sandboxes)
            await until(lambda: model_server.script("hang").requests)
            await handle.cancel()
            with pytest.raises(WorkflowFailureError) as caught:
                await handle.result()
            assert isinstance(caught.value.cause, CancelledError)
            await w.no_sandbox_left()

            handle = await w.start("AgentTurn", message="hello", model="openai:hang")
            await until(lambda: len(model_server.script("hang").requests) == 2)
            await handle.terminate()
            # the activity finds out by its heartbeat, and cleans up itself
            await w.no_sandbox_left()

    run(scenario())


def test_a_failing_model_is_tried_again_while_no_tool_has_run(
    world: Start, model_server: FakeModels
) -> None:
    script = model_server.play(
        error(503), call("ls", path="/"), error(503), text("at last"), model="flaky"
    )

    async def scenario() -> None:
        async with world() as w:
            handle = await w.start("AgentTurn", message="hello", model="openai:flaky")
            assert (await handle.result())["text"] == "at last"
            status = await handle.query("status")
            assert status["attempt"] == 3
            await w.no_sandbox_left()

    run(scenario())
    assert script.unused == 0


def test_a_turn_whose_tools_ran_is_not_repeated(world: Start, model_server: FakeModels) -> None:
    script = model_server.play(
        call("execute", command="echo once"), error(503), text("never"), model="ran"
    )

    async def scenario() -> None:
        async with world() as w:
            handle = await w.start("AgentTurn", message="hello", model="openai:ran")
            failed = await failure_of(handle)
            assert failed.type == "ModelUnavailable"
            assert "HTTP 503" in failed.message
            status = await handle.query("status")
            assert (status["phase"], status["attempt"]) == ("failed", 1)
            assert status["error"].startswith("ModelUnavailable: ")
            await w.no_sandbox_left()

    run(scenario())
    assert script.unused == 1


def test_what_cannot_succeed_fails_at_once(world: Start, model_server: FakeModels) -> None:
    script = model_server.play(error(401), model="refused")

    async def scenario() -> None:
        async with world() as w:
            for given, kind in (
                ({}, "InvalidInput"),
                ({"message": ""}, "InvalidInput"),
                ({"message": 3}, "InvalidInput"),
                ({"message": "x", "mesage": "y"}, "InvalidInput"),
                ({"message": "x", "turn_timeout_seconds": "long"}, "InvalidInput"),
                ({"message": "x", "model": "gpt"}, "InvalidInput"),
                ({"message": "x", "model": "bedrock:x"}, "ConfigurationError"),
                ({"message": "x", "model": "anthropic:x"}, "ConfigurationError"),
                ({"message": "x", "mcp_servers": ["absent"]}, "ConfigurationError"),
                ({"message": "x", "thread_id": "absent"}, "ThreadNotFound"),
                ({"message": "x", "model": "openai:refused"}, "ModelRejected"),
            ):
                handle = await w.start("AgentTurn", **given)
                assert (await failure_of(handle)).type == kind, given
            handle = await w.client.start_workflow("AgentTurn", id="none", task_queue=w.queue)
            assert (await failure_of(handle)).type == "InvalidInput"
            handle = await w.client.start_workflow(
                "AgentConversation", "text", id="text", task_queue=w.queue
            )
            assert (await failure_of(handle)).type == "InvalidInput"
            await w.no_sandbox_left()

    run(scenario())
    assert len(script.requests) == 1


def test_a_turn_that_takes_too_long_or_too_many_steps(
    world: Start, model_server: FakeModels
) -> None:
    model_server.play(hang(), model="slow")
    model_server.play_rule(lambda request: call("ls", path="/"), model="endless")

    async def scenario() -> None:
        async with world(AGENT_RUNNER_MAX_STEPS="3") as w:
            handle = await w.start(
                "AgentTurn", message="x", model="openai:slow", turn_timeout_seconds=1
            )
            failed = await failure_of(handle)
            assert (failed.type, "1 seconds" in failed.message) == ("TurnLimitExceeded", True)
            handle = await w.start("AgentTurn", message="x", model="openai:endless")
            assert (await failure_of(handle)).type == "TurnLimitExceeded"
            await w.no_sandbox_left()

    run(scenario())


def test_a_thread_goes_on_in_another_workflow(world: Start, model_server: FakeModels) -> None:
    script = model_server.play(text("first"), text("second"), model="thread")

    async def scenario() -> None:
        async with world() as w:
            one = await (await w.start("AgentTurn", message="a", model="openai:thread")).result()
            two = await (
                await w.start(
                    "AgentTurn", message="b", model="openai:thread", thread_id=one["thread_id"]
                )
            ).result()
            assert two["thread_id"] == one["thread_id"]

    run(scenario())
    said = [entry["content"] for entry in script.requests[1].messages if entry["role"] != "system"]
    assert said == ["a", "first", "b"]


def test_a_conversation(world: Start, model_server: FakeModels) -> None:
    script = model_server.play(
        call("execute", command="echo kept > a.txt"),
        text("one"),
        error(400, "no"),
        call("execute", command="cat a.txt"),
        text("three"),
        call("execute", command="sleep 60"),
        text("five"),
        model="talk",
    )

    async def scenario() -> None:
        async with world() as w:
            handle = await w.start("AgentConversation", message="a", model="openai:talk")
            await handle.signal("send_message", {"text": "b"})
            await handle.signal("send_message", {"text": ""})

            async def turns(count: int) -> bool:
                return len((await handle.query("status"))["turns"]) >= count

            await until(lambda: turns(2))
            await until(lambda: waiting(handle))
            await handle.signal("cancel")  # nothing runs: of no consequence
            await handle.signal("send_message", {"text": "c"})
            await until(lambda: turns(3))
            await handle.signal("send_message", {"text": "d"})
            await running_tool(handle)
            await handle.signal("cancel", "stop that")
            await until(lambda: turns(4))
            await handle.signal("send_message", {"text": "e"})
            await handle.signal("close")
            await handle.signal("send_message", {"text": "too late"})
            assert (await handle.result())["status"] == "closed"
            status = await handle.query("status")
            kinds = [turn["status"] for turn in status["turns"]]
            assert kinds == ["completed", "failed", "completed", "cancelled", "completed"]
            assert status["turns"][1]["error"].startswith("ModelRejected: ")
            await w.no_sandbox_left()
            history = await handle.fetch_history()
            await Replayer(workflows=list(WORKFLOWS)).replay_workflow(history)

    run(scenario())
    # the sandbox lasts for the whole conversation; cancelled and failed turns leave no messages
    assert "kept" in script.requests[4].tool_results[-1]
    said = [entry["content"] for entry in script.requests[-1].messages if entry["role"] == "user"]
    assert said == ["a", "c", "e"]


def test_an_idle_conversation_ends(world: Start) -> None:
    async def scenario() -> None:
        async with world() as w:
            handle = await w.start("AgentConversation", idle_timeout_seconds=0.2)
            result = await handle.result()
            assert result == {"status": "idle", "thread_id": None, "turns": 0}

    run(scenario())


def test_a_conversation_continues_as_new_and_keeps_all(
    world: Start, model_server: FakeModels
) -> None:
    model_server.play(text("after"), model="resumed")

    async def scenario() -> None:
        async with world() as w:
            first = await w.start("AgentConversation", message="x", model="openai:resumed")
            await until(lambda: model_server.script("resumed").requests)
            await first.signal("close")
            before = await first.result()
            resume = {
                "thread": {
                    "thread_id": before["thread_id"],
                    "queue": f"{w.queue}.own",
                    "turn_timeout_seconds": 60,
                    "report_status": False,
                },
                "sandbox": None,
                "turn": 7,
                "summaries": [{"turn_id": "t", "status": "completed", "text": "y", "error": None}],
                "queue": ["again"],
                "closing": True,
            }
            model_server.play(text("more"), model="resumed")
            handle = await w.start("AgentConversation", model="openai:resumed", resume=resume)
            after = await handle.result()
            assert after == {"status": "closed", "thread_id": before["thread_id"], "turns": 8}

    run(scenario())
    said = [
        entry["content"]
        for entry in model_server.script("resumed").requests[0].messages
        if entry["role"] != "system"
    ]
    assert said == ["x", "after", "again"]


def test_cloud_mode_with_redis_daytona_and_the_backend(
    world: Start, model_server: FakeModels
) -> None:
    model_server.play(call("execute", command="echo remote"), text("done"), model="cloud")

    async def scenario(redis: RedisServer, daytona: FakeDaytona, backend: Backend) -> None:
        async with world(
            CLOUD,
            REDIS_URL=redis.url,
            DAYTONA_API_URL=daytona.api_url,
            DAYTONA_API_KEY="dtn_test-0123",
            AGENT_RUNNER_BACKEND_ADDRESS=f"127.0.0.1:{backend.port}",
            AGENT_RUNNER_BACKEND_TLS="false",
            AGENT_RUNNER_OAUTH_TOKEN_URL=f"{tokens.root_url}/token",
        ) as w:
            handle = await w.start("AgentTurn", message="x", model="openai:cloud")
            result = await handle.result()
            assert result["text"] == "done"
            assert await w.services.store().exists(result["thread_id"])
        assert daytona.sandboxes == {}
        final = [report.phase for report in backend.reports if not report.HasField("progress")]
        assert final == ["running", "completed"]
        assert {report.workflow_id for report in backend.reports} == {handle.id}

    with (
        RedisServer() as redis,
        FakeDaytona(api_key="dtn_test-0123") as daytona,
        Backend() as backend,
        TokenServer() as tokens,
    ):
        run(scenario(redis, daytona, backend))
    assert "remote" in model_server.script("cloud").requests[1].tool_results[0]


def test_a_backend_that_is_gone_does_not_fail_the_turn(
    world: Start, model_server: FakeModels
) -> None:
    model_server.play(text("done"), model="alone")

    async def scenario() -> None:
        async with world(
            CLOUD,
            AGENT_RUNNER_STATE="memory",
            AGENT_RUNNER_SANDBOX="local",
            AGENT_RUNNER_BACKEND_ADDRESS="127.0.0.1:1",
        ) as w:
            handle = await w.start("AgentTurn", message="x", model="openai:alone")
            assert (await handle.result())["text"] == "done"
            await w.no_sandbox_left()

    run(scenario())


def test_a_stopped_worker_hands_its_turn_to_the_next(
    world: Start, model_server: FakeModels
) -> None:
    model_server.play(hang(), text("by the next"), model="handed")

    async def scenario() -> None:
        async with world() as w:
            handle = await w.start("AgentTurn", message="x", model="openai:handed")
            await until(lambda: model_server.script("handed").requests)
        assert w.sandboxes() == []
        async with world() as w:
            assert (await handle.result())["text"] == "by the next"
            await w.no_sandbox_left()

    run(scenario())
