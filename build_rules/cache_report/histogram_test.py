from __future__ import annotations

import base64
import struct
import zlib

import pytest

from cache_report.histogram import HistogramError, total

# By hdrhistogram 0.10.8 of these values, with three digits.
VALUES = (1, 5, 5, 1000, 2047, 2048, 4096, 1048576, 52996632, 52996632, 9018568)
ENCODED = base64.b64decode(
    "HISTFAAAADR4nJNpmSzMwMAgzgABzFCaEYyAwP4DVICJleUwP9NqASamv/xMf+uZphoytWuwAAC0mwg4"
)


def test_the_sum_is_right_to_three_digits() -> None:
    assert total(ENCODED) == pytest.approx(sum(VALUES), rel=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\0" * 8,
        ENCODED[:-5],
        struct.pack(">ii", 0x1C849314, 8) + zlib.compress(b"short"),
    ],
)
def test_what_is_none(wrong: bytes) -> None:
    with pytest.raises(HistogramError):
        total(wrong)
