"""SIGTERM, SIGINT and Ctrl-Break: the first asks for an orderly stop, a second one ends the process
at once."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Final

NUMBERS: Final[tuple[signal.Signals, ...]] = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGBREAK") if hasattr(signal, name)
)
"""Signals that stop the worker. SIGBREAK (Ctrl-Break) exists on Windows only."""

SAME_SIGNAL_SECONDS: Final = 0.25
"""The same signal again within this time is a repeat, not a second request.

Ctrl-C reaches a one-file program twice: from the terminal, and forwarded by the bootloader's parent
process.
"""


class StopSignals:
    """Installs the handlers; keeps what came. Install it before anything slow, from the main
    thread.

    `end_now(number)` runs at the second signal (or at the first, where there is nothing to drain),
    in the signal handler, and should not return.
    """

    def __init__(
        self,
        end_now: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        first_ends: bool = False,
    ) -> None:
        self._end_now = end_now
        self._clock = clock
        self._first_ends = first_ends
        self._first: tuple[int, float] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event: asyncio.Event | None = None

    @property
    def received(self) -> str | None:
        """Name of the signal that asked for the stop, such as "SIGTERM"."""
        return signal.Signals(self._first[0]).name if self._first else None

    def install(self) -> None:
        for number in NUMBERS:
            signal.signal(number, self.handle)

    def handle(self, number: int, frame: FrameType | None = None) -> None:
        if self._first_ends:
            self._end_now(number)
        now = self._clock()
        if self._first is None:
            self._first = (number, now)
            if self._loop is not None and self._event is not None:
                # wakes the loop's select too, which a plain flag would not
                self._loop.call_soon_threadsafe(self._event.set)
            return
        first, at = self._first
        if number == first and now - at < SAME_SIGNAL_SECONDS:
            return
        self._end_now(number)

    def event(self) -> asyncio.Event:
        """Set at the first signal. Call it on the loop that waits."""
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        if self._first is not None:
            self._event.set()
        return self._event
