"""What became of the items that were sent, per door and hour, why some were refused, and how late they come."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Annotated, Any

import msgspec
from django.db import connection
from django.db.models import Sum
from msgspec import Meta

from observability.models import IngestCount, IngestRejection
from observability.selectors.budget import Budget, OutOfTimeError
from observability.selectors.shapes import Time

NEWEST_TRACES = 200
_LAG_SECONDS = 2.0
_NEWEST_EVENTS = 2_000
_MOST_SAMPLES = 50
ACCEPTED, DUPLICATE = "accepted", "duplicate"


class DoorHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What one door took and refused."""

    door: str
    accepted: int
    duplicates: int
    rejected: int


class RejectionCause(msgspec.Struct, frozen=True, kw_only=True):
    """How many items one door refused for one cause."""

    door: str
    code: str
    count: int
    last_hour: Time


class RejectionSample(msgspec.Struct, frozen=True, kw_only=True):
    """One refused item."""

    door: str
    code: str
    reason: str
    item_index: Annotated[int, Meta(description="Its place in the request.")]
    received_at: Time


class IngestHour(msgspec.Struct, frozen=True, kw_only=True):
    """What all doors took and refused in one hour."""

    hour: Time
    accepted: int
    duplicates: int
    rejected: int


class IngestLag(msgspec.Struct, frozen=True, kw_only=True):
    """How long after their end events were received, over those of the newest traces."""

    events: int
    p50_ms: float | None
    p95_ms: float | None
    last_received_at: Time | None


class IngestHealth(msgspec.Struct, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """How sending to a project goes. Counts are kept by the hour: a range is widened to whole hours."""

    since: Time
    until: Time
    accepted: int
    duplicates: int
    rejected: int
    doors: list[DoorHealth]
    causes: list[RejectionCause]
    hours: list[IngestHour]
    samples: list[RejectionSample]
    lag: IngestLag


def get_ingest_health(project_id: int, *, since: datetime, until: datetime) -> IngestHealth:
    """Return counts by door, cause and hour, samples of what was refused in the range, and the lag now.

    Three queries: counts by primary key, samples along theirs, and the events of the newest traces.
    """
    first = since.replace(minute=0, second=0, microsecond=0)
    counts = IngestCount.objects.filter(project_id=project_id, hour__gte=first, hour__lt=until)
    rows = list(counts.values_list("door", "code", "hour").annotate(total=Sum("items")).order_by("hour", "door"))
    doors = _sum_by(rows, 0)
    hours = _sum_by(rows, 2)
    whole = _sum_all(rows)
    return IngestHealth(
        since=first,
        until=until,
        accepted=whole[0],
        duplicates=whole[1],
        rejected=whole[2],
        doors=[DoorHealth(door=door, **_name(sums)) for door, sums in sorted(doors.items())],
        causes=_list_causes(rows),
        hours=[IngestHour(hour=hour, **_name(sums)) for hour, sums in sorted(hours.items())],
        samples=list_rejections(project_id, since=first, until=until),
        lag=get_ingest_lag(project_id),
    )


_Row = tuple[str, str, datetime, int]
_PLACES = {ACCEPTED: 0, DUPLICATE: 1}


def _sum_by(rows: list[_Row], column: int) -> dict[Any, list[int]]:
    sums: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
    for row in rows:
        sums[row[column]][_PLACES.get(row[1], 2)] += row[3]
    return sums


def _sum_all(rows: list[_Row]) -> list[int]:
    sums = [0, 0, 0]
    for row in rows:
        sums[_PLACES.get(row[1], 2)] += row[3]
    return sums


def _name(sums: list[int]) -> dict[str, int]:
    return dict(zip(("accepted", "duplicates", "rejected"), sums, strict=True))


def _list_causes(rows: list[_Row]) -> list[RejectionCause]:
    """Return the causes, the most frequent first."""
    found: dict[tuple[str, str], tuple[int, datetime]] = {}
    for door, code, hour, items in rows:
        if code not in _PLACES:
            count, last = found.get((door, code), (0, hour))
            found[door, code] = (count + items, max(last, hour))
    causes = [
        RejectionCause(door=door, code=code, count=count, last_hour=last)
        for (door, code), (count, last) in found.items()
    ]
    return sorted(causes, key=lambda cause: (-cause.count, cause.door, cause.code))


def list_rejections(
    project_id: int, *, since: datetime, until: datetime, limit: int = _MOST_SAMPLES
) -> list[RejectionSample]:
    """Return samples of refused items, newest first. One query along the primary key; the newest thousand are kept."""
    rows = IngestRejection.objects.filter(project_id=project_id, received_at__gte=since, received_at__lt=until)
    columns = ("door", "code", "reason", "item_index", "received_at")
    return [RejectionSample(**row) for row in rows.order_by("-id").values(*columns)[:limit]]


_LAG = """
WITH newest AS (
    SELECT trace_id, started_at FROM traces
    WHERE project_id = %(project)s AND deleted_at IS NULL AND event_count > 0
    ORDER BY started_at DESC, trace_id DESC LIMIT %(traces)s
), sent AS (
    SELECT e.received_at, extract(epoch FROM e.received_at - e.ended_at) * 1000 AS lag_ms
    FROM newest AS n
    CROSS JOIN LATERAL (
        SELECT received_at, ended_at FROM events AS e
        WHERE e.project_id = %(project)s AND e.trace_id = n.trace_id AND e.started_at >= n.started_at
            AND e.started_at >= (SELECT min(started_at) FROM newest) AND e.ended_at IS NOT NULL
        LIMIT %(events)s
    ) AS e
    LIMIT %(events)s
)
SELECT count(*), percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY greatest(lag_ms, 0)::float8), max(received_at)
FROM sent
"""


def get_ingest_lag(project_id: int) -> IngestLag:
    """Return how late events came, over the ended events of the newest `NEWEST_TRACES` traces. One query.

    An event that ended in the future, by its sender's clock, came at once. What takes too long is not known.
    """
    asked = {"project": project_id, "traces": NEWEST_TRACES, "events": _NEWEST_EVENTS}
    try:
        with Budget(_LAG_SECONDS).spend(), connection.cursor() as cursor:
            cursor.execute(_LAG, asked)
            events, percentiles, last = cursor.fetchone()
    except OutOfTimeError:
        return IngestLag(events=0, p50_ms=None, p95_ms=None, last_received_at=None)
    p50, p95 = percentiles or (None, None)
    return IngestLag(events=events, p50_ms=p50, p95_ms=p95, last_received_at=last)
