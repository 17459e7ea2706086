"""The store of threads: an interface, its errors, and its implementation in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Protocol

from agent_runner.errors import ThreadNotFound

Message = dict[str, Any]
"""One message as langchain serializes it: `{"type": …, "data": {…}}`."""


class ThreadStore(Protocol):
    """Threads and their messages.

    Raises:
        ThreadNotFound: no such thread.
        StateUnavailable: the store does not answer.
    """

    @property
    def tied_to_worker(self) -> bool:
        """Whether only this worker sees the threads."""

    async def create(self, thread_id: str) -> None:
        """Make a thread, unless it exists."""

    async def exists(self, thread_id: str) -> bool: ...

    async def messages(self, thread_id: str) -> list[Message]:
        """Everything said so far, oldest first."""

    async def result_of(self, thread_id: str, turn_id: str) -> dict[str, Any] | None:
        """The result that `append` stored for this turn, or None."""

    async def append(
        self, thread_id: str, turn_id: str, messages: list[Message], result: dict[str, Any]
    ) -> None:
        """Add one turn's messages and its result, both or neither; a turn that exists already stays
        unchanged."""

    async def probe(self) -> str:
        """Test the store; return a description for `agent-runner check`."""

    async def close(self) -> None: ...


@dataclass
class _Thread:
    messages: list[Message] = field(default_factory=list)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)


class MemoryStore:
    """Threads in this process: gone when it ends."""

    tied_to_worker = True

    def __init__(self) -> None:
        self._threads: dict[str, _Thread] = {}
        self._lock = asyncio.Lock()

    def _thread(self, thread_id: str) -> _Thread:
        try:
            return self._threads[thread_id]
        except KeyError:
            raise ThreadNotFound(
                f"thread {thread_id} is not known to this worker; threads in memory end with their "
                "worker (AGENT_RUNNER_STATE=redis keeps them)"
            ) from None

    async def create(self, thread_id: str) -> None:
        self._threads.setdefault(thread_id, _Thread())

    async def exists(self, thread_id: str) -> bool:
        return thread_id in self._threads

    async def messages(self, thread_id: str) -> list[Message]:
        return list(self._thread(thread_id).messages)

    async def result_of(self, thread_id: str, turn_id: str) -> dict[str, Any] | None:
        return self._thread(thread_id).results.get(turn_id)

    async def append(
        self, thread_id: str, turn_id: str, messages: list[Message], result: dict[str, Any]
    ) -> None:
        async with self._lock:
            thread = self._thread(thread_id)
            if turn_id not in thread.results:
                thread.messages += messages
                thread.results[turn_id] = result

    async def probe(self) -> str:
        return "memory"

    async def close(self) -> None:
        self._threads.clear()
