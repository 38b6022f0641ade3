"""Two traces side by side: their events aligned, what differs in each, and what it cost.

Values are not loaded to find out whether they differ: Postgres hashes the ends of what is stored, and only that comes
over. Two different values of one size that agree in their first and last `_HASHED_BYTES` would pass for the same.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet

from observability.models import Event, Trace
from observability.selectors.compare_align import AlignedPair, Step, align
from observability.selectors.compare_shapes import (
    Change,
    ComparedEvent,
    ComparedRow,
    ComparedTotals,
    Comparison,
)
from observability.selectors.events import InferredPart, find_inferred_part, inferred_events, own_events
from observability.selectors.paging import Position, is_before
from observability.selectors.shapes import TraceSummary

MOST_COMPARED = 20_000
_HASHED_BYTES = 8_192
_MOST_RUNS = 200
_Hashes = tuple[str | None, str | None]


class Candidate(NamedTuple):
    """A run that one may want to compare with, and why."""

    label: str
    trace_id: str
    started_at: datetime
    status: str


class _Compared(NamedTuple):
    """One event with what is compared of it. The first ten come from a row in this order."""

    span_id: str
    parent_span_id: str | None
    kind: str
    name: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    duration_ms: float | None
    tokens: int | None
    cost_micros: int | None
    model: str | None
    error_message: str | None
    is_inferred: bool
    hashes: _Hashes

    def make_step(self) -> Step:
        content = (self.status, self.model, self.error_message, self.hashes)
        return Step(self.span_id, self.parent_span_id, self.kind, self.name, content, self.is_inferred)


_COLUMNS = (
    "span_id",
    "parent_span_id",
    "kind",
    "name",
    "status",
    "started_at",
    "ended_at",
    "duration_ms",
    "total_tokens",
    "cost_micros",
    "model",
    "error_message",
)
# Both ends and the size: a long value is not read whole, and its columns are stored so that parts can be.
_HASH = (
    "octet_length({0}) || '.' || md5(substring({0} FROM 1 FOR %s) || "
    "substring({0} FROM greatest(octet_length({0}) - %s, 1)))"
)
_READ_HASHES = (
    f"SELECT started_at, span_id, {_HASH.format('input')}, {_HASH.format('output')} FROM payloads "  # noqa: S608
    "WHERE project_id = %s AND trace_id = %s AND started_at >= %s AND started_at <= %s "
    "ORDER BY started_at, span_id LIMIT %s"
)


def compare_traces(project_id: int, left: TraceSummary, right: TraceSummary) -> Comparison:
    """Return two traces of a project aligned, the first `MOST_COMPARED` events of each.

    Two queries for each trace, both along the primary key (three and four for an SDK trace with inferred events).
    10,000 events on both sides took 0.7 s at the API (`bench page`).
    """
    sides = [_read_events(project_id, trace) for trace in (left, right)]
    pairs = align(*([event.make_step() for event in events[:MOST_COMPARED]] for events in sides))
    rows = [_make_row(pair, sides[0], sides[1], starts=(left.started_at, right.started_at)) for pair in pairs]
    return Comparison(
        left=left,
        right=right,
        deltas=_make_totals(left, right),
        counts=dict.fromkeys(("same", "changed", "added", "missing"), 0) | Counter(row.state for row in rows),
        first_divergence=_find_first_divergence(rows),
        rows=rows,
        is_partial=any(len(events) > MOST_COMPARED for events in sides),
    )


def list_candidates(project_id: int, trace: TraceSummary) -> list[Candidate]:
    """Return the runs of the same workflow one may want beside this: the one before, the last good one, the next.

    Two queries on `traces_by_workflow`; the last good run is looked for among the `_MOST_RUNS` before.
    """
    runs = Trace.objects.filter(project_id=project_id, workflow_name=trace.workflow_name, deleted_at=None)
    columns = ("trace_id", "started_at", "status")
    before = list(
        runs.filter(started_at__lte=trace.started_at)
        .exclude(trace_id=trace.trace_id)
        .order_by("-started_at", "-trace_id")
        .values_list(*columns)[:_MOST_RUNS]
    )
    after = runs.filter(started_at__gt=trace.started_at).order_by("started_at", "trace_id").values_list(*columns)[:1]
    good = [run for run in before if run[2] == "ok"]
    named = [("Previous run", before[:1]), ("Last ok run before", good[:1]), ("Next run", list(after))]
    return [Candidate(label, *run) for label, found in named for run in found]


def find_previous_run(project_id: int, trace: TraceSummary) -> str | None:
    """Return the id of the run of the same workflow that began last before this. One query on `traces_by_workflow`."""
    runs = Trace.objects.filter(project_id=project_id, workflow_name=trace.workflow_name, deleted_at=None)
    earlier = runs.filter(is_before(Position(trace.started_at, trace.trace_id), time="started_at", key="trace_id"))
    return earlier.order_by("-started_at", "-trace_id").values_list("trace_id", flat=True).first()


def _read_events(project_id: int, trace: TraceSummary) -> list[_Compared]:
    """Return the first events by start, one more than are compared when there are more."""
    last = trace.ended_at or datetime.max.replace(tzinfo=trace.started_at.tzinfo)
    hashes = _read_hashes(project_id, trace.trace_id, since=trace.started_at, until=last)
    events = _make_events(own_events(project_id, trace), hashes, is_inferred=False)
    part = find_inferred_part(project_id, trace)
    if part is not None:
        events = heapq.merge(events, _read_inferred(project_id, part, last), key=_order_of)
    return list(islice(events, MOST_COMPARED + 1))


def _read_inferred(project_id: int, part: InferredPart, last: datetime) -> Iterator[_Compared]:
    until = part.until or datetime.max.replace(tzinfo=last.tzinfo)
    hashes = _read_hashes(project_id, part.trace_id, since=part.since, until=until)
    return _make_events(inferred_events(project_id, part), hashes, is_inferred=True)


def _order_of(event: _Compared) -> tuple[datetime, str]:
    return event.started_at, event.span_id


def _make_events(
    events: QuerySet[Event], hashes: dict[tuple[datetime, str], _Hashes], *, is_inferred: bool
) -> Iterator[_Compared]:
    rows: QuerySet[Event, tuple[Any, ...]] = events.order_by("started_at", "span_id").values_list(*_COLUMNS)
    for row in rows[: MOST_COMPARED + 1].iterator(chunk_size=5_000):
        yield _Compared._make((*row, is_inferred, hashes.get((row[5], row[0]), (None, None))))


def _read_hashes(
    project_id: int, trace_id: str, *, since: datetime, until: datetime
) -> dict[tuple[datetime, str], _Hashes]:
    ends = [_HASHED_BYTES, _HASHED_BYTES - 1]
    with connection.cursor() as cursor:
        cursor.execute(_READ_HASHES, [*ends, *ends, project_id, trace_id, since, until, MOST_COMPARED + 1])
        return {(started_at, span_id): (given, produced) for started_at, span_id, given, produced in cursor}


def _make_row(
    pair: AlignedPair, lefts: Sequence[_Compared], rights: Sequence[_Compared], *, starts: tuple[datetime, datetime]
) -> ComparedRow:
    left = None if pair.left is None else lefts[pair.left]
    right = None if pair.right is None else rights[pair.right]
    shown = left or right
    # A row has at least one side.
    assert shown is not None
    changes = _list_changes(left, right) if left and right else ()
    return ComparedRow(
        state="added" if left is None else "missing" if right is None else "changed" if changes else "same",
        depth=pair.depth,
        kind=shown.kind,
        name=shown.name,
        left=_make_side(left, starts[0], name=shown.name),
        right=_make_side(right, starts[1], name=shown.name),
        changes=changes,
        duration_delta_ms=_subtract(right and right.duration_ms, left and left.duration_ms),
        tokens_delta=_subtract(right and right.tokens, left and left.tokens),
        cost_delta_micros=_subtract(right and right.cost_micros, left and left.cost_micros),
    )


def _make_side(event: _Compared | None, start: datetime, *, name: str) -> ComparedEvent | None:
    if event is None:
        return None
    return ComparedEvent(
        span_id=event.span_id,
        status=event.status,
        offset_ms=(event.started_at - start).total_seconds() * 1000,
        duration_ms=event.duration_ms,
        tokens=event.tokens,
        cost_micros=event.cost_micros,
        name=None if event.name == name else event.name,
    )


def _list_changes(left: _Compared, right: _Compared) -> tuple[Change, ...]:
    compared: tuple[tuple[Change, object, object], ...] = (
        ("name", left.name, right.name),
        ("status", left.status, right.status),
        ("model", left.model, right.model),
        ("error", left.error_message, right.error_message),
        ("input", left.hashes[0], right.hashes[0]),
        ("output", left.hashes[1], right.hashes[1]),
    )
    return tuple(change for change, one, other in compared if one != other)


def _find_first_divergence(rows: Sequence[ComparedRow]) -> int | None:
    """Return the row that differs first in time.

    Not the first in the tree: a caller's output differs because of what it called, and is known only at its end.
    """
    moments = [(_get_moment(row), index) for index, row in enumerate(rows) if row.state != "same"]
    return min(moments)[1] if moments else None


def _get_moment(row: ComparedRow) -> float:
    sides = [side for side in (row.left, row.right) if side is not None]
    is_known_at_start = not row.changes or bool({"name", "model", "input"} & set(row.changes))
    return min(side.offset_ms + (0.0 if is_known_at_start else side.duration_ms or 0.0) for side in sides)


def _make_totals(left: TraceSummary, right: TraceSummary) -> ComparedTotals:
    return ComparedTotals(
        duration_ms=_subtract(right.duration_ms, left.duration_ms),
        event_count=right.event_count - left.event_count,
        error_count=right.error_count - left.error_count,
        total_tokens=right.total_tokens - left.total_tokens,
        cost_micros=_subtract(right.cost_micros, left.cost_micros),
    )


def _subtract(right: Any, left: Any) -> Any:
    return None if right is None or left is None else right - left
