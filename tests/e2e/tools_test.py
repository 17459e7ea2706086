"""Remote tools and sandboxes (MCP servers, Daytona), and cloud mode's backend and state."""

from __future__ import annotations

import json

from support.agent_runner import python_environment
from support.fake_backend import CLIENT_SECRET, FakeBackend
from support.fake_daytona import FakeDaytona
from support.fake_models import FakeModels, call, text
from support.mcp_servers import http_server, stdio_server
from support.redis_server import RedisServer
from support.workers import StartWorker


def test_mcp_servers_by_stdio_and_http_are_tools(
    start_worker: StartWorker, models: FakeModels, model: str
) -> None:
    script = models.play(
        call("near_repeat", text="grüße", times=2),
        call("far_repeat", text="x", times=3),
        call("near_environment"),
        text("done"),
        model=model,
    )
    with http_server() as far:
        servers = {"near": stdio_server(python_environment()), "far": far.configuration}
        worker = start_worker(AGENT_RUNNER_MCP_SERVERS=json.dumps(servers))
        result = worker.agents.turn("use them", model=f"openai:{model}").result()
        assert result["text"] == "done", result
        near, far_said, environment = script.requests[-1].tool_results
        assert "near: grüße grüße" in near
        assert "far: x x x" in far_said
        assert "PYTHONPATH" in environment
        assert [name for name in ("OPENAI_API_KEY", "LD_LIBRARY_PATH") if name in environment] == []
        few = models.play(text("none"), model=model)
        worker.agents.turn("use none", model=f"openai:{model}", mcp_servers=[]).result()
        assert [name for name in few.requests[0].tools if name.startswith(("near", "far"))] == []


def test_daytona_is_a_sandbox_with_files_and_commands(
    start_worker: StartWorker, models: FakeModels, model: str
) -> None:
    """Reading a file goes through `multipart.MultipartSegment`, the import that a frozen program
    can lose to python-multipart's shim of the same name."""
    fill = "head -c 300000 /dev/zero | tr '\\0' x >> notes/a.txt"
    with FakeDaytona() as daytona:
        script = models.play(
            call("write_file", file_path="/notes/a.txt", content="für dich\n"),
            call("execute", command=f"{fill}; wc -c < notes/a.txt; echo $OPENAI_API_KEY"),
            call("read_file", file_path="/notes/a.txt", limit=1),
            call("read_file", file_path="/notes/missing.txt"),
            text("done"),
            model=model,
        )
        worker = start_worker(
            AGENT_RUNNER_SANDBOX="daytona",
            DAYTONA_API_URL=daytona.api_url,
            DAYTONA_API_KEY=daytona.api_key,
        )
        result = worker.agents.turn("work there", model=f"openai:{model}").result()
        assert result["text"] == "done"
        _, executed, read, missing = script.requests[-1].tool_results
        assert "für dich" in read
        assert "300010" in executed
        assert "sk-test" not in executed
        assert "missing.txt" in missing
        assert daytona.sandboxes == {}
        (used,) = daytona.deleted
        assert any(path.endswith("notes/a.txt") for path in used.downloads)
        assert daytona.unexpected == []
    assert worker.sandboxes() == []


def test_cloud_mode_reports_to_the_backend_and_keeps_threads_in_redis(
    start_worker: StartWorker, models: FakeModels, model: str, redis_server: RedisServer
) -> None:
    script = models.play(text("Hello Ada"), text("You are Ada"), model=model)
    with FakeBackend() as backend, FakeDaytona() as daytona:
        cloud = backend.environment | {
            "DAYTONA_API_URL": daytona.api_url,
            "DAYTONA_API_KEY": daytona.api_key,
            "REDIS_URL": redis_server.url,
        }
        first = start_worker(**cloud)
        turn = first.agents.turn("I am Ada", model=f"openai:{model}")
        thread = turn.result()["thread_id"]
        backend.wait_for_report(lambda it: turn.id.encode() in it and b"completed" in it)
        # Another worker, which shares only Redis, knows the thread.
        second = start_worker(**cloud)
        again = second.agents.turn("Who?", model=f"openai:{model}", thread_id=thread)
        assert again.result()["text"] == "You are Ada"
        assert "I am Ada" in json.dumps(script.requests[1].messages)
        assert daytona.sandboxes == {}
    for worker in (first, second):
        assert CLIENT_SECRET not in worker.process.output
        assert "redis-secret-42" not in worker.process.output
