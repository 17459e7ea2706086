from __future__ import annotations

import asyncio

import pytest
from daytona import AsyncDaytona, AsyncSandbox, DaytonaConfig
from daytona.common.errors import DaytonaError

from support.fake_daytona import FakeDaytona


async def _use(client: AsyncDaytona, sandbox: AsyncSandbox) -> None:
    home = await sandbox.get_user_home_dir()
    await sandbox.fs.upload_file("grüße\n".encode(), f"{home}/a/ü.txt")
    assert await sandbox.fs.download_file(f"{home}/a/ü.txt") == "grüße\n".encode()
    with pytest.raises(DaytonaError, match="file not found"):
        await sandbox.fs.download_file("missing.txt")
    with pytest.raises(DaytonaError, match="no such file"):
        await sandbox.fs.get_file_info("/etc/passwd")
    assert [one.name for one in await sandbox.fs.list_files("a")] == ["ü.txt"]
    assert [one.content for one in await sandbox.fs.find_files(home, "üß")] == ["grüße"]
    ran = await sandbox.process.exec("cat a/*; echo $WORD; exit 3", env={"WORD": "w"})
    assert (ran.exit_code, ran.result) == (3, "grüße\nw")
    with pytest.raises(DaytonaError, match="timeout"):
        await sandbox.process.exec("sleep 60", timeout=1)
    await sandbox.fs.delete_file("a", recursive=True)
    assert await sandbox.fs.list_files(".") == []


def test_the_sdk_can_use_a_sandbox_and_delete_it() -> None:
    async def run() -> None:
        config = DaytonaConfig(api_key=server.api_key, api_url=server.api_url)
        async with AsyncDaytona(config) as client:
            sandbox = await client.create()
            await _use(client, sandbox)
            await client.delete(sandbox)
        wrong = DaytonaConfig(api_key="wrong", api_url=server.api_url)
        async with AsyncDaytona(wrong) as client:
            with pytest.raises(DaytonaError, match="Unauthorized"):
                await client.create()

    with FakeDaytona() as server:
        asyncio.run(run())
        assert server.sandboxes == {}
        assert [sandbox.directory.exists() for sandbox in server.deleted] == [False]
        assert server.unexpected == []
