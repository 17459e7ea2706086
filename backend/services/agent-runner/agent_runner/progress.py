"""Progress of one turn: kept, heartbeated, and sent on at a bounded rate."""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from typing import Final

from agent_runner import logs
from agent_runner.contract import Progress
from agent_runner.errors import TurnInterrupted

log = logs.get(__name__)

TEXT_KEPT: Final = 4_000
"""Characters of the model's text in a report."""

SEND_INTERVAL_SECONDS: Final = 1.0
"""Least time between two reports of text alone: each is an event in the workflow's history."""


class ProgressTracker:
    """`beat` gets every change (Temporal throttles heartbeats itself). `send` gets what changed, at
    most once in SEND_INTERVAL_SECONDS, and at once before a tool starts. A failing `send` is
    logged, except for the first side effect, whose mark must have arrived before the tool may run.
    """

    def __init__(
        self,
        beat: Callable[[Progress], None],
        send: Callable[[Progress], Awaitable[None]],
        interval: float = SEND_INTERVAL_SECONDS,
    ) -> None:
        self.current = Progress()
        self._beat = beat
        self._send = send
        self._interval = interval
        self._sent: Progress | None = None
        self._sent_at = 0.0
        self._marked = False
        self._lock = asyncio.Lock()

    def text(self, piece: str) -> None:
        self.current.text = (self.current.text + piece)[-TEXT_KEPT:]

    def answered(self, steps: int, text: str) -> None:
        """The model has answered so many calls; `text` is its last answer, whole."""
        if steps > self.current.steps:
            self.current.steps = steps
            self.current.text = (text or self.current.text)[-TEXT_KEPT:]

    async def tool(self, name: str, *, side_effects: bool) -> None:
        """A tool is about to start.

        Raises:
            TurnInterrupted: the workflow could not be told of the first side effect; the tool must
            not run.
        """
        self.current.current_tool = name
        if not side_effects:
            return
        self.current.tools_started += 1
        self._beat(self.current)
        try:
            await self.flush()
        except Exception as error:
            if not self._marked:
                raise TurnInterrupted(
                    f"the workflow could not be told that a tool starts: {error}"
                ) from error
            log.warning("progress_not_sent", error=str(error))

    def tool_ended(self) -> None:
        self.current.current_tool = None

    async def flush(self) -> None:
        """Send what changed since the last report."""
        async with self._lock:
            now = copy.copy(self.current)
            if now == self._sent:
                return
            await self._send(now)
            self._sent, self._sent_at = now, time.monotonic()
            self._marked = self._marked or now.tools_started > 0

    async def run(self) -> None:
        """Heartbeat and report until cancelled."""
        while True:
            self._beat(self.current)
            if time.monotonic() - self._sent_at >= self._interval:
                try:
                    await self.flush()
                except Exception as error:
                    log.warning("progress_not_sent", error=str(error))
            await asyncio.sleep(min(self._interval, 0.5))
