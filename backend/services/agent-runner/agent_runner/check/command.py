"""The command `agent-runner check`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, MutableMapping, Sequence

from agent_runner import exit_codes, logs, processes, settings
from agent_runner.check import checks
from agent_runner.logs import Redactor
from agent_runner.services import Services
from agent_runner.stop_signals import StopSignals
from agent_runner.variables import Problem


def run(problems: Sequence[Problem], *, as_json: bool) -> int:
    """Run every check that the configuration allows; print the outcomes; return the exit code."""
    # a check has nothing to drain: the first signal ends it with its children
    StopSignals(_end_now, first_ends=True).install()
    _leave_out(problems, os.environ)
    configured = settings.load()
    secrets = configured.secret_values()
    logs.configure(log_format=configured.log_format, level="error", secrets=secrets)
    redact = Redactor(secrets).text

    def show(outcome: checks.Outcome) -> None:
        if not as_json:
            print(redact(checks.as_text(outcome)), flush=True)

    outcomes = asyncio.new_event_loop().run_until_complete(
        _run_all(Services(configured), problems, show)
    )
    if as_json:
        print(redact(checks.as_json(outcomes)))
        return exit_codes.OK if checks.exit_ok(outcomes) else exit_codes.FAILED
    if checks.exit_ok(outcomes):
        return exit_codes.OK
    failed = [outcome.name for outcome in outcomes if outcome.status == checks.FAILED]
    sys.stderr.write(f"agent-runner check: failed: {', '.join(failed)}\n")
    return exit_codes.FAILED


async def _run_all(
    services: Services, problems: Sequence[Problem], show: Callable[[checks.Outcome], None]
) -> list[checks.Outcome]:
    outcomes = [checks.configuration(problems)]
    show(outcomes[0])
    try:
        for check in checks.CHECKS:
            outcomes.append(await checks.run_one(check, services, problems))
            show(outcomes[-1])
    finally:
        await services.close()
        processes.kill_all()
    return outcomes


def _leave_out(problems: Sequence[Problem], environment: MutableMapping[str, str]) -> None:
    """Drop wrong values, so that checks that don't depend on them can still run."""
    for problem in problems:
        if problem.variable in settings.BY_NAME:
            environment.pop(problem.variable, None)


def _end_now(number: int) -> None:
    processes.kill_all()
    os._exit(exit_codes.by_signal(number))
