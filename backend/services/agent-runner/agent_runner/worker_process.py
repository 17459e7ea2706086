"""The worker's life: connect, poll, drain, end. Returns the exit code; `main.leave` ends the
process with it."""

from __future__ import annotations

import asyncio
import os
import sys

from agent_runner import exit_codes, processes
from agent_runner.stop_signals import StopSignals


def _end_now(number: int) -> None:
    processes.kill_all()
    os._exit(exit_codes.by_signal(number))


def run() -> int:
    """Run the worker until a signal stops it. The configuration has been checked."""
    signals = StopSignals(_end_now)
    signals.install()
    from agent_runner import logs, settings

    configured = settings.load()
    logs.configure(
        log_format=configured.log_format,
        level=configured.log_level,
        secrets=configured.secret_values(),
    )
    log = logs.get(__name__)
    for name, near in settings.unknown(os.environ).items():
        log.warning("unknown_variable", name=name, did_you_mean=near)
    from agent_runner import temporal_connection, worker

    # our own loop, never closed: asyncio.run would wait for its threads, but the process ends
    # right after
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(worker.run(configured, signals))
    except temporal_connection.TemporalUnreachable as error:
        sys.stderr.write(f"agent-runner: {error}\n")
        return exit_codes.TEMPORAL_UNREACHABLE
    except Exception:
        log.exception("worker_failed")
        return exit_codes.FAILED
    finally:
        processes.kill_all()
