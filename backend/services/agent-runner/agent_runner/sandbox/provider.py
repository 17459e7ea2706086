"""What every kind of sandbox offers to the activities."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from deepagents.backends.protocol import SandboxBackendProtocol


class SandboxProvider(Protocol):
    """Makes, opens and removes sandboxes of one kind.

    Raises:
        SandboxUnavailable: the request could not be carried out; it may succeed later or elsewhere.
    """

    @property
    def kind(self) -> str:
        """`local` or `daytona`."""

    @property
    def tied_to_worker(self) -> bool:
        """Whether only the worker that made a sandbox reaches it."""

    async def create(self, key: str) -> str:
        """Make the sandbox of this key, unless it is there; return its id."""

    def open(self, sandbox_id: str) -> AbstractAsyncContextManager[SandboxBackendProtocol]:
        """The tools' view of a sandbox."""

    async def delete(self, sandbox_id: str) -> None:
        """Remove it and end its processes; one that is gone already is fine."""

    async def probe(self) -> str:
        """Make, use and remove a sandbox; return what was seen, for `agent-runner check`."""

    async def close(self) -> None:
        """Remove what this worker alone reaches, and close connections."""
