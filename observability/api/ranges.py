"""Byte ranges of a value, as RFC 9110 section 14 describes them. One range; several are answered by the whole."""

from __future__ import annotations

import re
from typing import NamedTuple

_ONE_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*\Z", re.IGNORECASE | re.ASCII)


class ByteRange(NamedTuple):
    """From the byte `start` up to `stop`, which is not among them."""

    start: int
    stop: int


class UnsatisfiableRangeError(ValueError):
    """The range begins where there is nothing."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Return the range that a `Range` header asks for, or None where it is to be ignored and all of it sent.

    Raises `UnsatisfiableRangeError`.
    """
    match = _ONE_RANGE.match(header or "")
    if match is None or match[0].strip().endswith("=-"):
        return None
    first, last = match.groups()
    if not first:
        length = int(last)
        if not length or not size:
            raise UnsatisfiableRangeError
        return ByteRange(max(0, size - length), size)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise UnsatisfiableRangeError
    return ByteRange(start, min(int(last) + 1, size) if last else size)
