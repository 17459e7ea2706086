"""The meaning of the process's exit codes. Documented in the service's README."""

from __future__ import annotations

from typing import Final

OK: Final = 0
"""The worker drained after a stop signal, or every check passed."""

FAILED: Final = 1
"""`check` found a problem, or the worker failed unexpectedly."""

USAGE: Final = 2
"""Wrong command line, or missing or wrong configuration."""

TEMPORAL_UNREACHABLE: Final = 3
"""Temporal did not answer within `TEMPORAL_CONNECT_TIMEOUT_SECONDS`."""


def by_signal(number: int) -> int:
    """The status of a process that a second signal ended: the shells' 128 + signal number."""
    return 128 + number
