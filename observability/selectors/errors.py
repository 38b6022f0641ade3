"""Errors by fingerprint (`ingest/fingerprints.py`), counted from the events themselves: nothing here can drift.

`events_errors` holds fingerprint and trace id beside the time, so a range's errors are counted from that index alone;
`events_by_fingerprint` leads to one error's first and newest events. Events of deleted traces are not counted.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from observability.errors import NotFoundError
from observability.models import ErrorGroup
from observability.selectors.buckets import ORIGIN, choose_bucket, list_buckets, read_newest_share
from observability.selectors.budget import bound_read
from observability.selectors.error_queries import BREAKDOWN, EVER, LISTS, LOOK_UP, SAMPLE_COLUMNS, SAMPLES, SERIES_OF
from observability.selectors.error_shapes import (
    ErrorBreakdown,
    ErrorBucket,
    ErrorDetail,
    ErrorPage,
    ErrorSample,
    ErrorShare,
    ErrorSummary,
)
from observability.selectors.paging import EPOCH, Position, check_numbered, make_cursor, read_cursor
from observability.selectors.rows import read_rows

BUDGET_SECONDS = 2.0
MOST_ERRORS = 200
SORTS = tuple(LISTS)
_SERIES = 30
_MICROSECOND = timedelta(microseconds=1)


def list_errors(
    project_id: int,
    *,
    since: datetime,
    until: datetime,
    text: str = "",
    sort: str = "last",
    cursor: str | None = None,
    limit: int = 50,
) -> ErrorPage:
    """Return up to `limit` errors of a range: the latest first, the first seen latest, or the most frequent.

    `text` must be in name or message. Two queries: one counts the range's errors, one looks up what the page shows.
    Raises `InvalidError` for an empty range, and for a cursor that no page gave.
    """
    size = choose_bucket(since, until, usual=_SERIES)
    position = read_cursor(cursor)
    asked = {
        "project": project_id,
        "until": until,
        "size": size,
        "origin": ORIGIN,
        "text": f"%{_escape(text)}%" if text else None,
        "before": (position.at - EPOCH) // _MICROSECOND if position else None,
        "before_key": position.key if position else None,
        "limit": limit + 1,
    }
    query = LISTS[sort]
    found, covered_from = read_newest_share(
        since, until, seconds=BUDGET_SECONDS, read=lambda start: read_rows(query, {**asked, "since": start})
    )
    rows = (found or [])[:limit]
    more = found[limit - 1] if found and len(found) > limit else None
    return ErrorPage(
        items=_make_summaries(project_id, rows, since=since, until=until, size=size),
        next_cursor=_make_cursor(more) if more else None,
        since=since,
        until=until,
        bucket_s=int(size.total_seconds()),
        is_partial=covered_from is not None,
        covered_from=covered_from,
    )


def _make_summaries(
    project_id: int, rows: list[dict[str, Any]], *, since: datetime, until: datetime, size: timedelta
) -> list[ErrorSummary]:
    if not rows:
        return []
    asked = {
        "project": project_id,
        "fingerprints": [row["fingerprint"] for row in rows],
        "since": since,
        "until": until,
        "previous": since - (until - since),
    }
    more = {row["fingerprint"]: row for row in read_rows(LOOK_UP, asked)}
    buckets = list_buckets(since, until, size)
    # Between the two queries a trace may have been deleted.
    return [_make_summary(row, more[row["fingerprint"]], since, buckets) for row in rows if row["fingerprint"] in more]


def _make_summary(row: dict[str, Any], more: dict[str, Any], since: datetime, buckets: list[datetime]) -> ErrorSummary:
    counts = dict(zip(row["buckets"], row["counts"], strict=True))
    return ErrorSummary(
        fingerprint=row["fingerprint"],
        kind=row["kind"],
        name=row["name"],
        message=row["message"],
        count=row["count"],
        previous_count=more["previous_count"],
        traces=more["traces"],
        is_more_traces=row["count"] > more["looked_at"],
        series=[counts.get(start, 0) for start in buckets],
        first_seen_at=more["first_seen_at"],
        last_seen_at=row["last_at"],
        is_new=more["first_seen_at"] >= since,
        sample=ErrorSample(**{column: more[column] for column in SAMPLE_COLUMNS}),
    )


@bound_read(BUDGET_SECONDS, what="The error")
def get_error(
    project_id: int,
    fingerprint: str,
    *,
    since: datetime,
    until: datetime,
    cursor: str | None = None,
    limit: int = 20,
) -> ErrorDetail:
    """Return one error over a range, with its newest samples or those after a cursor. Six queries.

    Raises `NotFoundError`, `InvalidError` for an empty range or a cursor that no page gave, and `SlowReadError`.
    """
    size = choose_bucket(since, until)
    group = ErrorGroup.objects.filter(project_id=project_id, fingerprint=fingerprint).first()
    asked = {"project": project_id, "fingerprint": fingerprint, "since": since, "until": until}
    ever = read_rows(EVER, {**asked, "previous": since - (until - since)})[0]
    if group is None or ever["first_seen_at"] is None:
        raise NotFoundError("No such error.")
    cells = {row["bucket"]: row["count"] for row in read_rows(SERIES_OF, {**asked, "size": size, "origin": ORIGIN})}
    samples, next_cursor = list_error_samples(
        project_id, fingerprint, since=since, until=until, cursor=cursor, limit=limit
    )
    breakdown, traces = _get_breakdown(asked)
    count = sum(cells.values())
    return ErrorDetail(
        fingerprint=fingerprint,
        kind=group.kind,
        name=group.name,
        message=group.message,
        since=since,
        until=until,
        bucket_s=int(size.total_seconds()),
        count=count,
        previous_count=ever["previous_count"],
        traces=traces,
        is_more_traces=count > breakdown.events,
        first_seen_at=ever["first_seen_at"],
        last_seen_at=ever["last_seen_at"],
        buckets=[
            ErrorBucket(started_at=start, count=cells.get(start, 0)) for start in list_buckets(since, until, size)
        ],
        breakdown=breakdown,
        samples=samples,
        next_cursor=next_cursor,
    )


# Of `grouping`: the bit of the one column that is not rolled up is clear.
_PARTS = {"workflow_name": 0b0111, "model": 0b1011, "environment": 0b1101, "service_version": 0b1110}
_WHOLE = 0b1111
_MOST_SHARES = 8


def list_error_samples(
    project_id: int,
    fingerprint: str,
    *,
    since: datetime,
    until: datetime,
    cursor: str | None = None,
    limit: int = 20,
) -> tuple[list[ErrorSample], str | None]:
    """Return occurrences of an error, newest first, and the cursor of what comes after. One query."""
    position = read_cursor(cursor)
    if position is not None:
        check_numbered(position)
    rows = read_rows(
        SAMPLES,
        {
            "project": project_id,
            "fingerprint": fingerprint,
            "since": since,
            "until": until,
            "at": position.at if position else None,
            "id": int(position.key) if position else None,
            "limit": limit + 1,
        },
    )
    samples = [ErrorSample(**row) for row in rows[:limit]]
    last = samples[-1] if len(rows) > limit else None
    return samples, make_cursor(Position(last.started_at, str(last.id))) if last else None


def _get_breakdown(asked: dict[str, Any]) -> tuple[ErrorBreakdown, int]:
    """Return what the newest events share, and how many traces they are of."""
    rows = read_rows(BREAKDOWN, asked)
    whole = next(row for row in rows if row["part"] == _WHOLE)
    shares = {
        column: [ErrorShare(value=row[column], count=row["count"]) for row in rows if row["part"] == part][
            :_MOST_SHARES
        ]
        for column, part in _PARTS.items()
    }
    breakdown = ErrorBreakdown(
        events=whole["count"],
        workflows=shares["workflow_name"],
        models=shares["model"],
        environments=shares["environment"],
        versions=shares["service_version"],
    )
    return breakdown, whole["traces"]


def _make_cursor(row: dict[str, Any]) -> str:
    return make_cursor(Position(EPOCH + row["place"] * _MICROSECOND, row["fingerprint"]))


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
