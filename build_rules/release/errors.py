"""The one exception of the release program, shown as a message."""

from __future__ import annotations


class ReleaseError(Exception):
    """A release cannot continue; the message says what is wrong, where, and what to do."""
