from __future__ import annotations

import asyncio
import signal

from agent_runner.stop_signals import SAME_SIGNAL_SECONDS, StopSignals
from agent_runner.testing_support import run


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_asks_and_a_second_ends() -> None:
    ended: list[int] = []
    clock = Clock()
    signals = StopSignals(ended.append, clock)
    signals.handle(signal.SIGTERM)
    assert (signals.received, ended) == ("SIGTERM", [])
    clock.now += 1
    signals.handle(signal.SIGTERM)
    assert ended == [signal.SIGTERM]


def test_an_echo_of_the_same_signal_counts_once_but_another_signal_does_not_wait() -> None:
    ended: list[int] = []
    clock = Clock()
    signals = StopSignals(ended.append, clock)
    signals.handle(signal.SIGINT)
    clock.now += SAME_SIGNAL_SECONDS / 2
    signals.handle(signal.SIGINT)
    assert ended == []
    signals.handle(signal.SIGTERM)
    assert ended == [signal.SIGTERM]


def test_a_signal_before_the_loop_runs_is_not_lost() -> None:
    signals = StopSignals(lambda number: None)
    signals.handle(signal.SIGTERM)

    async def scenario() -> bool:
        return signals.event().is_set()

    assert run(scenario())


def test_the_event_wakes_a_waiting_loop() -> None:
    signals = StopSignals(lambda number: None)

    async def scenario() -> None:
        event = signals.event()
        asyncio.get_running_loop().call_later(0.05, signals.handle, signal.SIGTERM)
        await event.wait()

    run(scenario(), seconds=5)


def test_where_there_is_nothing_to_drain_the_first_ends() -> None:
    ended: list[int] = []
    StopSignals(ended.append, first_ends=True).handle(signal.SIGINT)
    assert ended == [signal.SIGINT]
