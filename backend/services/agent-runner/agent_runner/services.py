"""What the activities work with: store, sandboxes and backend, made when first needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent_runner import build_info, logs
from agent_runner.errors import ConfigurationError
from agent_runner.sandbox.local import LocalSandboxes
from agent_runner.sandbox.provider import SandboxProvider
from agent_runner.settings import Settings
from agent_runner.shell import CommandLimits
from agent_runner.state.store import MemoryStore, ThreadStore

if TYPE_CHECKING:
    from agent_runner.backend.reporter import StatusReporter

log = logs.get(__name__)


class Services:
    """Keeps one of each. Heavy packages (redis, daytona, grpc) are imported on first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._store: ThreadStore | None = None
        self._sandboxes: dict[str, SandboxProvider] = {}
        self._reporter: StatusReporter | None = None

    def store(self) -> ThreadStore:
        if self._store is None:
            if self.settings.state == "redis":
                from agent_runner.state.redis_store import RedisStore

                assert self.settings.redis_url is not None  # settings.problems requires it
                self._store = RedisStore(self.settings.redis_url, self.settings.state_ttl)
            else:
                self._store = MemoryStore()
        return self._store

    def sandboxes(self, kind: str | None = None) -> SandboxProvider:
        """The provider of this kind, or of the configured one.

        Raises:
            ConfigurationError: this worker is not configured for that kind.
        """
        wanted = kind or self.settings.sandbox
        if wanted not in self._sandboxes:
            limits = CommandLimits(
                self.settings.command_timeout,
                self.settings.command_output_limit,
                self.settings.command_env or (),
            )
            if wanted == "local":
                self._sandboxes[wanted] = LocalSandboxes(Path(self.settings.sandbox_root), limits)
            elif wanted == "daytona" and self.settings.daytona_api_key is not None:
                from agent_runner.sandbox.daytona_provider import DaytonaSandboxes

                self._sandboxes[wanted] = DaytonaSandboxes(self.settings, limits)
            else:
                raise ConfigurationError(f"this worker has no {wanted} sandboxes")
        return self._sandboxes[wanted]

    def reporter(self) -> StatusReporter | None:
        """The way to the backend; None in local mode."""
        if not self.settings.cloud:
            return None
        if self._reporter is None:
            from agent_runner.backend.oauth import TokenSource
            from agent_runner.backend.reporter import StatusReporter

            self._reporter = StatusReporter(
                self.settings, TokenSource(self.settings), build_info.load().version
            )
        return self._reporter

    async def close(self) -> None:
        """Remove this worker's own sandboxes and close connections. Never raises."""
        closing = [*self._sandboxes.values(), self._store, self._reporter]
        for service in closing:
            if service is None:
                continue
            try:
                await service.close()
            except Exception as error:
                log.warning("close_failed", service=type(service).__name__, error=str(error))
