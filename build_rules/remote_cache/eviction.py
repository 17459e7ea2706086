"""Choose the files to evict from a cache, so that it keeps its size. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LOW_WATER: Final = 0.9
"""How full a cache is after an eviction: below the limit, so that not every write causes
another."""


@dataclass(frozen=True)
class Entry:
    """A file: its size in bytes, and when it was last used, in seconds since the epoch."""

    path: str
    size: int
    used: float


@dataclass(frozen=True)
class Plan:
    """The files to evict, and the bytes that stay."""

    expired: list[Entry]
    evicted: list[Entry]
    kept_bytes: int


def allowance(max_bytes: int, kept_bytes: int, disk_free: int, keep_free: int) -> int:
    """How many bytes a cache of `kept_bytes` may hold while `keep_free` bytes of its disk stay
    free."""
    return max(0, min(max_bytes, kept_bytes + disk_free - keep_free))


def choose(entries: Iterable[Entry], limit: int, used_before: float) -> Plan:
    """Evict files unused since `used_before`, then the least recently used.

    The latter only above `limit` bytes, and then down to LOW_WATER of it.
    """
    expired: list[Entry] = []
    living: list[Entry] = []
    for entry in entries:
        (expired if entry.used < used_before else living).append(entry)
    kept = sum(entry.size for entry in living)
    evicted: list[Entry] = []
    if kept > limit:
        for entry in sorted(living, key=lambda entry: (entry.used, entry.path)):
            if kept <= limit * LOW_WATER:
                break
            evicted.append(entry)
            kept -= entry.size
    return Plan(expired, evicted, kept)
