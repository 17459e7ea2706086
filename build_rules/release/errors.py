"""The one exception that a person who makes a release sees, as a message."""

from __future__ import annotations


class ReleaseError(Exception):
    """A release can't go on: what is wrong, where, and what to do, in words for a person."""
