"""Remote sandboxes by Daytona: its asynchronous SDK for sandboxes, files and commands."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from agent_runner import logs
from agent_runner.errors import SandboxUnavailable
from agent_runner.settings import Settings
from agent_runner.shell import CommandLimits

if TYPE_CHECKING:
    from daytona import AsyncDaytona, AsyncSandbox
    from deepagents.backends.protocol import SandboxBackendProtocol

log = logs.get(__name__)

_LABEL: Final = "agent-runner"
_AUTO_STOP_MINUTES: Final = 30
"""A sandbox unused for this long stops, and is then deleted because it is ephemeral: the net under a
lost worker."""

_CREATE_TIMEOUT_SECONDS: Final = 100
"""Below the activity's own time limit."""


class DaytonaSandboxes:
    """One Daytona sandbox a key, found again by its name."""

    kind = "daytona"
    tied_to_worker = False

    def __init__(self, settings: Settings, limits: CommandLimits) -> None:
        self._settings = settings
        self._limits = limits
        self._client: AsyncDaytona | None = None

    def _daytona(self) -> AsyncDaytona:
        if self._client is None:
            # heavy: only when a sandbox is needed
            from daytona import AsyncDaytona, DaytonaConfig

            with _environment_kept():
                self._client = AsyncDaytona(
                    DaytonaConfig(
                        api_key=self._settings.daytona_api_key,
                        api_url=self._settings.daytona_api_url,
                        target=self._settings.daytona_target,
                    )
                )
        return self._client

    @contextlib.contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        """Turn whatever the SDK and its HTTP client raise into SandboxUnavailable."""
        try:
            yield
        except SandboxUnavailable:
            raise
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise SandboxUnavailable(
                f"Daytona at {self._settings.daytona_api_url}: cannot {what}: {reason}"
            ) from error

    async def create(self, key: str) -> str:
        with self._reporting("create a sandbox"):
            from daytona import CreateSandboxFromSnapshotParams

            existing = await self._find(_name(key))
            if existing is not None:
                return existing.id
            sandbox = await self._daytona().create(
                CreateSandboxFromSnapshotParams(
                    name=_name(key),
                    snapshot=self._settings.daytona_snapshot,
                    labels={_LABEL: "true"},
                    auto_stop_interval=_AUTO_STOP_MINUTES,
                    ephemeral=True,
                ),
                timeout=_CREATE_TIMEOUT_SECONDS,
            )
            return sandbox.id

    async def _find(self, id_or_name: str) -> AsyncSandbox | None:
        from daytona import DaytonaError, DaytonaNotFoundError

        try:
            return await self._daytona().get(id_or_name)
        except DaytonaNotFoundError:
            return None
        except DaytonaError as error:
            if error.status_code == 404:
                return None
            raise

    @asynccontextmanager
    async def open(self, sandbox_id: str) -> AsyncIterator[SandboxBackendProtocol]:
        with self._reporting(f"open sandbox {sandbox_id}"):
            sandbox = await self._find(sandbox_id)
            if sandbox is None:
                raise SandboxUnavailable(f"Daytona sandbox {sandbox_id} does not exist (any more)")
            root = await sandbox.get_work_dir()
            from agent_runner.sandbox.daytona_backend import DaytonaBackend
        yield DaytonaBackend(sandbox, root, self._limits)

    async def delete(self, sandbox_id: str) -> None:
        with self._reporting(f"delete sandbox {sandbox_id}"):
            sandbox = await self._find(sandbox_id)
            if sandbox is not None:
                await sandbox.delete()

    async def probe(self) -> str:
        sandbox_id = await self.create(f"check-{uuid.uuid4().hex[:12]}")
        try:
            async with self.open(sandbox_id) as backend:
                answer = await backend.aexecute("echo works")
            if answer.exit_code != 0 or "works" not in answer.output:
                raise SandboxUnavailable(
                    f"a command in a Daytona sandbox did not work: exit code {answer.exit_code}"
                )
        finally:
            await self.delete(sandbox_id)
        return f"Daytona, {self._settings.daytona_api_url}"

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()  # type: ignore[no-untyped-call]  # the SDK's
            self._client = None


def _name(key: str) -> str:
    return f"agent-runner-{key}"


@contextlib.contextmanager
def _environment_kept() -> Iterator[None]:
    """Undo what the SDK does to the environment: it lets `.env` files override it; with ours the
    environment wins."""
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)
