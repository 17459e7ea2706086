"""The mistake of a person, with what to do about it."""

from __future__ import annotations


class ExplainError(Exception):
    """A question that cannot be answered; the message stands alone."""
