"""How a stretch of time is cut into buckets, for every series the pages and the API show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from observability.errors import InvalidError
from observability.selectors.budget import Budget, OutOfTimeError

Found = TypeVar("Found")

MOST_BUCKETS = 500
USUAL_BUCKETS = 60
_LADDER_S = (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86_400, 7 * 86_400, 30 * 86_400)
ORIGIN = datetime(2001, 1, 1, tzinfo=UTC)
"""Where buckets begin to be counted: a Monday, so that days and weeks begin as people expect, in UTC."""
_SHARES = (1, 12, 144)


def choose_bucket(
    since: datetime, until: datetime, *, asked_s: int | None = None, usual: int = USUAL_BUCKETS
) -> timedelta:
    """Return the length of a bucket: as asked, else the shortest of the usual ones that makes at most `usual`.

    Raises `InvalidError` for a range that is empty, or more than `MOST_BUCKETS` buckets.
    """
    seconds = (until - since).total_seconds()
    if seconds <= 0:
        raise InvalidError("to: must be later than from")
    fitting = [size for size in _LADDER_S if seconds / size <= usual]
    size = asked_s or (fitting or _LADDER_S[-1:])[0]
    if seconds / size > MOST_BUCKETS - 2:
        raise InvalidError(f"bucket_s: the range would have more than {MOST_BUCKETS} buckets")
    return timedelta(seconds=size)


def list_buckets(since: datetime, until: datetime, size: timedelta) -> list[datetime]:
    """Return the starts of the buckets that hold the range; the first may begin before it."""
    start = ORIGIN + (since - ORIGIN) // size * size
    count = -((start - until) // size)
    return [start + number * size for number in range(count)]


def read_newest_share(
    since: datetime, until: datetime, *, seconds: float, read: Callable[[datetime], Found]
) -> tuple[Found | None, datetime | None]:
    """Read a whole range, or as much of its newest part as a budget of time allows.

    `read(since)` is tried with the range, then with ever smaller parts of it that end alike. Returns what it found and
    from where on, None for the whole; and nothing found when even the smallest part took too long.
    """
    for share in _SHARES:
        start = until - (until - since) / share
        try:
            with Budget(seconds).spend():
                return read(start), start if share > 1 else None
        except OutOfTimeError:
            continue
    return None, until
