"""The sum of what an HdrHistogram recorded, from its compressed form (V2).

Pants gives bytes moved to and from a remote cache as such a histogram alone. The library that reads
them has no wheel for Pants' own Python, and a sum needs little of it. The format:
https://github.com/HdrHistogram/HdrHistogram/blob/master/src/main/java/org/HdrHistogram, encoding
"V2": a zlib stream of a header and ZigZag LEB128 counts, a negative one for a run of zeros.
"""

from __future__ import annotations

import struct
import zlib

_COMPRESSED_COOKIE = 0x1C849304 | 0x10
_COOKIE = 0x1C849303 | 0x10
_OUTER = struct.Struct(">ii")
_HEADER = struct.Struct(">iiiiqqd")


class HistogramError(ValueError):
    """Bytes that are no such histogram."""


def total(encoded: bytes) -> int:
    """The sum of all recorded values, each as the middle of its bucket: three digits are right.

    Raises HistogramError.
    """
    try:
        cookie, length = _OUTER.unpack_from(encoded)
        if cookie != _COMPRESSED_COOKIE:
            raise HistogramError(f"cookie {cookie:#x}")
        content = zlib.decompress(encoded[_OUTER.size : _OUTER.size + length])
        cookie, size, _offset, digits, lowest, _highest, _ratio = _HEADER.unpack_from(content)
        if cookie != _COOKIE:
            raise HistogramError(f"inner cookie {cookie:#x}")
        counts = content[_HEADER.size : _HEADER.size + size]
    except (struct.error, zlib.error) as error:
        raise HistogramError(str(error)) from error
    unit = max(lowest, 1).bit_length() - 1
    half_bits = (2 * 10**digits - 1).bit_length() - 1
    return round(sum(count * _middle(index, unit, half_bits) for index, count in _decode(counts)))


def _middle(index: int, unit: int, half_bits: int) -> float:
    """The middle of the values that the counter `index` stands for."""
    half = 1 << half_bits
    bucket = (index >> half_bits) - 1
    sub = (index & (half - 1)) + half
    if bucket < 0:
        sub -= half
        bucket = 0
    width = 1 << (bucket + unit)
    return sub * width + (width - 1) / 2


def _decode(data: bytes) -> list[tuple[int, int]]:
    """(index, count) of the counters that are not zero."""
    found = []
    index = position = 0
    while position < len(data):
        value = shift = 0
        while True:
            if position >= len(data):
                raise HistogramError("it ends within a number")
            byte = data[position]
            position += 1
            if shift == 56:  # the ninth byte holds eight bits
                value |= byte << shift
                break
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        count = (value >> 1) ^ -(value & 1)
        if count < 0:
            index -= count
        else:
            if count:
                found.append((index, count))
            index += 1
    return found
