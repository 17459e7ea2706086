"""The one exception that means "a person can mend this"."""

from __future__ import annotations


class DriverError(Exception):
    """A mistake in the inputs or on the machine: printed without a traceback, exit code 1.

    The message states what is wrong, where, and what to do.
    """


def listing(names: list[str], limit: int = 20) -> str:
    """``names`` as an indented list, cut after ``limit`` with the number of those left out."""
    lines = [f"  {name}" for name in names[:limit]]
    if len(names) > limit:
        lines.append(f"  ... and {len(names) - limit} more")
    return "\n".join(lines)
