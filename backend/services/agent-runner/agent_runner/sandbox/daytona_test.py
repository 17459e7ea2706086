from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_runner.errors import SandboxUnavailable
from agent_runner.sandbox.daytona_provider import DaytonaSandboxes
from agent_runner.shell import CommandLimits
from agent_runner.testing_support import MINIMAL, run, settings_of
from support.fake_daytona import FakeDaytona

LIMITS = CommandLimits(timeout=20, output=2_000)


@pytest.fixture
def server() -> Iterator[FakeDaytona]:
    with FakeDaytona(api_key="dtn_test-0123") as running:
        yield running


def provider(
    monkeypatch: pytest.MonkeyPatch, api_url: str, key: str = "dtn_test-0123"
) -> DaytonaSandboxes:
    values = {
        **MINIMAL,
        "AGENT_RUNNER_SANDBOX": "daytona",
        "DAYTONA_API_URL": api_url,
        "DAYTONA_API_KEY": key,
        "DAYTONA_SNAPSHOT": "python-3.13",
    }
    return DaytonaSandboxes(settings_of(monkeypatch, values), LIMITS)


def test_files_and_commands_in_a_remote_sandbox(
    server: FakeDaytona, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandboxes = provider(monkeypatch, server.api_url)

    async def scenario() -> None:
        sandbox_id = await sandboxes.create("key")
        assert await sandboxes.create("key") == sandbox_id  # found by its name
        created = server.sandboxes[sandbox_id]
        assert created.request["snapshot"] == "python-3.13"
        assert created.request["autoDeleteInterval"] == 0
        async with sandboxes.open(sandbox_id) as backend:
            assert backend.id == sandbox_id
            assert (await backend.awrite("/d/a.txt", "eins\nzwei ü\n")).error is None
            assert (await backend.aedit("/d/a.txt", "eins", "1")).occurrences == 1
            assert (await backend.aedit("/d/a.txt", "absent", "1")).error is not None
            read = await backend.aread("/d/a.txt")
            assert read.file_data is not None
            assert read.file_data["content"] == "1\nzwei ü\n"
            listed = await backend.als("/d")
            assert [entry["path"] for entry in listed.entries or []] == ["/d/a.txt"]
            assert [entry["path"] for entry in (await backend.als("/")).entries or []] == ["/d/"]
            shown = await backend.aexecute("cat d/a.txt; exit 4")
            assert (shown.output.strip(), shown.exit_code) == ("1\nzwei ü", 4)
            loud = await backend.aexecute("seq 1 5000")
            assert loud.truncated
            assert len(loud.output) < 2_200
            found = await backend.agrep("zwei")
            assert [match["path"] for match in found.matches or []] == ["/d/a.txt"]
            globbed = await backend.aglob("*.txt")
            assert [match["path"] for match in globbed.matches or []] == ["/d/a.txt"]
            for path in ("/../x", "/d/../../x"):
                assert (await backend.aread(path)).error is not None
                assert (await backend.awrite(path, "x")).error is not None
                assert (await backend.adelete(path)).error is not None
                assert (await backend.als(path)).error is not None
                assert (await backend.agrep("x", path)).error is not None
                assert (await backend.aglob("*", path)).error is not None
            assert (await backend.aread("/absent.txt")).error is not None
            assert (await backend.adelete("/")).error is not None
            assert (await backend.adelete("/d")).error is None
            up = await backend.aupload_files([("/raw.bin", b"\xff\x00")])
            assert up[0].error is None
            down = await backend.adownload_files(["/raw.bin", "/absent"])
            assert down[0].content == b"\xff\x00"
            assert down[1].error is not None
            assert (await backend.aread("/raw.bin")).error is not None
            with pytest.raises(NotImplementedError):
                backend.execute("echo")
        await sandboxes.delete(sandbox_id)
        await sandboxes.delete(sandbox_id)  # idempotent
        with pytest.raises(SandboxUnavailable, match="does not exist"):
            async with sandboxes.open(sandbox_id):
                pass
        await sandboxes.close()

    run(scenario())
    assert server.sandboxes == {}


def test_the_probe_makes_uses_and_removes_one(
    server: FakeDaytona, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandboxes = provider(monkeypatch, server.api_url)

    async def scenario() -> str:
        seen = await sandboxes.probe()
        await sandboxes.close()
        return seen

    assert server.api_url in run(scenario())
    assert server.sandboxes == {}


def test_a_refused_key_and_a_dead_address_say_where(
    server: FakeDaytona, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url, key in ((server.api_url, "dtn_wrong-0123"), ("http://127.0.0.1:1/api", "dtn_x-0123")):
        sandboxes = provider(monkeypatch, url, key)

        async def scenario(tried: DaytonaSandboxes = sandboxes) -> None:
            try:
                with pytest.raises(SandboxUnavailable, match="cannot create a sandbox"):
                    await tried.create("key")
            finally:
                await tried.close()

        run(scenario())


def test_the_sdk_does_not_change_the_environment(
    server: FakeDaytona, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # it reads .env by itself, with the file winning
    (tmp_path / ".env").write_text("OPENAI_API_KEY=from-the-file\nNEW_NAME=x\n")
    monkeypatch.chdir(tmp_path)
    sandboxes = provider(monkeypatch, server.api_url)

    async def scenario() -> None:
        await sandboxes.create("key")
        await sandboxes.close()

    run(scenario())
    assert os.environ["OPENAI_API_KEY"] == MINIMAL["OPENAI_API_KEY"]
    assert "NEW_NAME" not in os.environ
