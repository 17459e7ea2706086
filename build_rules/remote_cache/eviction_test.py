from __future__ import annotations

import pytest

from remote_cache.eviction import Entry, allowance, choose


def entry(name: str, size: int, used: float) -> Entry:
    return Entry(name, size, used)


def test_what_was_not_used_expires_even_with_room() -> None:
    old, new = entry("old", 10, 99.0), entry("new", 10, 100.0)
    plan = choose([old, new], limit=1000, used_before=100.0)
    assert (plan.expired, plan.evicted, plan.kept_bytes) == ([old], [], 10)


def test_the_least_recently_used_make_room_and_no_more_than_needed() -> None:
    files = [entry(f"{number}", 10, float(number)) for number in range(10)]
    plan = choose(reversed(files), limit=95, used_before=0.0)
    assert [one.path for one in plan.evicted] == ["0", "1"]
    assert plan.kept_bytes == 80  # the first multiple of ten below nine tenths of the limit


def test_a_full_cache_that_fits_loses_nothing() -> None:
    plan = choose([entry("a", 100, 1.0)], limit=100, used_before=0.0)
    assert (plan.evicted, plan.kept_bytes) == ([], 100)


@pytest.mark.parametrize(
    ("kept", "free", "expected"),
    [
        (50, 1000, 100),  # its own limit
        (50, 30, 60),  # the disk keeps 20 bytes for others
        (50, 5, 35),  # the disk is nearly full: something has to go
        (5, 0, 0),
    ],
)
def test_the_disk_comes_before_the_limit(kept: int, free: int, expected: int) -> None:
    assert allowance(100, kept, disk_free=free, keep_free=20) == expected
