"""The one exception that a person sees, as a message."""

from __future__ import annotations


class DescriptionError(Exception):
    """What is bundled can't be described, or must not be given away: what is wrong, and where."""
