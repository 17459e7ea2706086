"""The one exception that a person can mend."""

from __future__ import annotations


class AssemblyError(Exception):
    """A mistake in the inputs or on the machine; its text says what to do."""
