"""Reads of a trace's events: windows of the timeline, and the one event a cursor points at.

Events that an SDK sent without a trace id lie under a trace of their session's own. Which run they belong to is
inferred here, when they are read: the latest workflow of the session that had started by then (contract
`sdk-rerun.md` B6.11), so it cannot depend on the order of arrival.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet, TextField, Value
from django.db.models.expressions import RawSQL

from observability.errors import InvalidError
from observability.ingest.sdk.trace_ids import is_unattributed, make_unattributed_trace_id
from observability.models import Event, Trace
from observability.selectors.paging import Position, is_after, make_cursor, read_cursor
from observability.selectors.production import NO_RERUNS
from observability.selectors.shapes import EventPage, EventSummary, TraceSummary, format_usd, name_flags

MOST_EVENTS = 10_000
_DERIVED = {"cost_usd", "inferred", "stored_trace_id"}
_COLUMNS = tuple(name for name in EventSummary.__struct_fields__ if name not in _DERIVED)
_PREVIEWS = {"input_preview", "output_preview"}
_COLUMNS_WITHOUT_PREVIEWS = tuple(name for name in _COLUMNS if name not in _PREVIEWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventWindow:
    """Which events of a trace to read. Default: all.

    `since` and `until` keep what overlaps that time, however early it started. `max_depth` 0 keeps the roots: events
    without a parent, or whose parent is not there. `changed_since` is the `since` of an earlier page.
    """

    since: datetime | None = None
    until: datetime | None = None
    max_depth: int | None = None
    changed_since: str | None = None


WHOLE_TRACE = EventWindow()


@dataclass(frozen=True, slots=True, kw_only=True)
class InferredPart:
    """The stretch of a session's unattributed events that falls to one trace."""

    trace_id: str
    version: int
    since: datetime
    until: datetime | None


def list_events(
    project_id: int,
    trace: TraceSummary,
    *,
    window: EventWindow = WHOLE_TRACE,
    cursor: str | None = None,
    limit: int = 1000,
    has_previews: bool = True,
) -> EventPage:
    """Return up to `limit` (at most `MOST_EVENTS`) events by start and span id, inferred ones among them.

    One query on the primary key of `events`, bounded by the times of the trace so that other days' partitions are not
    read; one more for a trace of an SDK session. `max_depth` joins the trace with itself once a level.
    Raises `InvalidError` for a cursor or token that no page gave.
    """
    limit = min(limit, MOST_EVENTS)
    columns = _COLUMNS if has_previews else _COLUMNS_WITHOUT_PREVIEWS
    position = read_cursor(cursor)
    inferred = find_inferred_part(project_id, trace)
    own_since, inferred_since = _read_versions(window.changed_since)
    conditions = _match_window(window) & is_after(position, time="started_at", key="span_id")

    own = own_events(project_id, trace).filter(conditions)
    if own_since is not None:
        own = own.filter(version__gt=own_since)
    if window.max_depth is not None:
        own = own.filter(span_id__in=_select_down_to(project_id, trace, window.max_depth))
    rows = _order(own, columns, limit + 1, stored_trace_id=None)
    if inferred is not None and window.max_depth != 0:
        others = inferred_events(project_id, inferred).filter(conditions)
        if inferred_since is not None:
            others = others.filter(version__gt=inferred_since)
        both = rows.union(_order(others, columns, limit + 1, stored_trace_id=inferred.trace_id), all=True)
        rows = both.order_by("started_at", "span_id")[: limit + 1]

    found = list(rows)
    items = [_make_summary(columns, row) for row in found[:limit]]
    last = items[-1] if len(found) > limit else None
    return EventPage(
        items=items,
        next_cursor=make_cursor(Position(last.started_at, last.span_id)) if last else None,
        since=f"{trace.version}.{inferred.version}" if inferred else str(trace.version),
    )


def find_unattributed_trace_id(trace: TraceSummary) -> str | None:
    """Return the id of the trace that may hold events inferred to belong to this one; None where there can be none."""
    if trace.source != "sdk" or not trace.session_id or "rerun" in trace.flags:
        return None
    if is_unattributed(trace.trace_id, trace.session_id):
        return None
    return make_unattributed_trace_id(trace.session_id)


def find_inferred_part(project_id: int, trace: TraceSummary) -> InferredPart | None:
    """Return where the events inferred to belong to the trace are stored, or None when there are none.

    From the start of the trace up to the start of the session's next, deleted ones included: a deletion must not hand
    its events to the run before. Traces that start in the same microsecond take turns by id. A rerun begins while the
    session goes on with its own work, so it neither has such events nor ends another's. One query for traces of an SDK
    session (primary key and `traces_by_session`), none for others.
    """
    unattributed = find_unattributed_trace_id(trace)
    if unattributed is None:
        return None
    start = Position(trace.started_at, trace.trace_id)
    following = (
        Trace.objects.filter(NO_RERUNS, is_after(start, time="started_at", key="trace_id"))
        .filter(project_id=project_id, session_id=trace.session_id, source="sdk")
        .exclude(trace_id=unattributed)
        .order_by("started_at", "trace_id")
        .values("started_at")[:1]
    )
    holder = Trace.objects.filter(project_id=project_id, trace_id=unattributed, deleted_at=None, event_count__gt=0)
    found = holder.annotate(next_start=following).values_list("version", "next_start").first()
    if found is None:
        return None
    version, until = found
    return InferredPart(trace_id=unattributed, version=version, since=trace.started_at, until=until)


def own_events(project_id: int, trace: TraceSummary) -> QuerySet[Event]:
    """Return the events stored under the trace, bounded by its times so that the planner drops other partitions.

    The summary's times are exact, so the bound loses nothing, also where times are far off.
    """
    events = Event.objects.filter(project_id=project_id, trace_id=trace.trace_id, started_at__gte=trace.started_at)
    return events if trace.ended_at is None else events.filter(started_at__lte=trace.ended_at)


def inferred_events(project_id: int, part: InferredPart) -> QuerySet[Event]:
    """Return the events of an inferred part."""
    events = Event.objects.filter(project_id=project_id, trace_id=part.trace_id, started_at__gte=part.since)
    return events if part.until is None else events.filter(started_at__lt=part.until)


def _match_window(window: EventWindow) -> Q:
    condition = Q()
    if window.since is not None:
        condition &= Q(ended_at=None) | Q(ended_at__gte=window.since)
    if window.until is not None:
        condition &= Q(started_at__lt=window.until)
    return condition


def _order(
    events: QuerySet[Event], columns: tuple[str, ...], limit: int, *, stored_trace_id: str | None
) -> QuerySet[Event, tuple[Any, ...]]:
    marked = events.annotate(stored_trace_id=Value(stored_trace_id, TextField()))
    return marked.order_by("started_at", "span_id").values_list(*columns, "stored_trace_id")[:limit]


def _make_summary(columns: tuple[str, ...], row: tuple[Any, ...]) -> EventSummary:
    values = dict(zip(columns, row, strict=False))
    stored_trace_id = row[-1]
    if stored_trace_id is not None:
        values["inferred"] = True
        values["stored_trace_id"] = stored_trace_id
    if values["cost_micros"] is not None:
        values["cost_usd"] = format_usd(values["cost_micros"])
    values["flags"] = name_flags(values["flags"])
    return EventSummary(**values)


def _read_versions(token: str | None) -> tuple[int | None, int | None]:
    """Return the versions of the trace and of its inferred part that an earlier page's `since` names."""
    if not token:
        return None, None
    own, _, inferred = token.partition(".")
    if not _is_version(own) or (inferred and not _is_version(inferred)):
        raise InvalidError("since: not one that a page of this trace gave")
    return int(own), int(inferred) if inferred else None


def _is_version(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _select_down_to(project_id: int, trace: TraceSummary, max_depth: int) -> RawSQL:
    """Return the span ids of the trace's events at most `max_depth` levels below a root."""
    query, params = own_events(project_id, trace).values_list("span_id", "parent_span_id").query.sql_with_params()
    # Only constants and what the query set compiled are joined; every value is a parameter.
    return RawSQL(_DOWN_TO.format(events=query), (*params, max_depth))  # noqa: S611


# An event that names itself, or a parent that is not there, is a root: nothing may fall out of the tree.
_DOWN_TO = """
WITH RECURSIVE nodes (span_id, parent_id) AS MATERIALIZED ({events}),
roots AS (
    SELECT n.span_id FROM nodes n
    WHERE coalesce(n.parent_id, '') IN ('', n.span_id)
       OR NOT EXISTS (SELECT FROM nodes p WHERE p.span_id = n.parent_id)
),
tree (span_id, depth) AS (
    SELECT span_id, 0 FROM roots
    UNION
    SELECT n.span_id, t.depth + 1 FROM tree t JOIN nodes n ON n.parent_id = t.span_id AND n.span_id <> t.span_id
    WHERE t.depth < %s
)
SELECT span_id FROM tree
"""
