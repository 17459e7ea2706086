"""The one exception that a person who runs the cache sees, as a message."""

from __future__ import annotations


class CacheError(Exception):
    """The cache can't go on: what is wrong, where, and what to do, in words for a person."""
