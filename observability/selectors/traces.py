"""Reads of `traces`: the list, its live news, and one trace. Deleted traces are hidden from the moment of deletion."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from observability.errors import NotFoundError
from observability.ingest.terms import hash_term, query_terms
from observability.models import SearchDocument, SearchSegment, Trace
from observability.query.nodes import Text, make_query
from observability.selectors.budget import Budget, OutOfTimeError
from observability.selectors.conditions import matches_terms
from observability.selectors.paging import EPOCH, Position, is_before, make_cursor, read_cursor
from observability.selectors.production import NO_RERUNS
from observability.selectors.shapes import NewerTraces, TracePage, TraceSummary, format_usd, name_flags
from observability.selectors.trace_days import Stretch, list_stretches
from observability.selectors.trace_filters import (
    NO_FILTERS,
    TraceFilters,
    build_conditions,
    is_indexed,
    keep_walkable,
)
from observability.selectors.unfit_days import list_unfit_days

BUDGET_SECONDS = 2.0
COUNT_AT_MOST = 1000
MOST_TRACES = 500
_RARE_SHARE = 0.05
"""Of a page: with no more found in the first window, it is worth knowing where not to look."""
_RARE_DOCUMENTS = 1_000
_RARE_SEGMENTS = 1_000
_MOST_LOOKED_UP = 5
_MOST_RECENT = 5_000
# No trace has an empty id, so asking for it asks for none.
_NO_ID = ""
_DERIVED = {"cost_usd"}
_COLUMNS = tuple(name for name in TraceSummary.__struct_fields__ if name not in _DERIVED)


def list_traces(
    project_id: int, *, filters: TraceFilters = NO_FILTERS, cursor: str | None = None, limit: int = 50
) -> TracePage:
    """Return up to `limit` traces, newest start first.

    One query where an index leads to the matches (see `is_indexed`); other filters walk an index in growing windows
    for at most `BUDGET_SECONDS` and may answer in part, with a cursor to go on from. Searched text takes a query more
    for each of its first words. Raises `InvalidError` for a cursor that no list gave.
    """
    position = read_cursor(cursor)
    filters = resolve_rare_text(project_id, filters)
    if is_indexed(filters):
        found = [_make_summary(row) for row in _select(project_id, filters, position)[: limit + 1]]
        return _make_page(found, limit)
    return _scan(project_id, filters, position, limit)


def count_newer_traces(project_id: int, *, filters: TraceFilters = NO_FILTERS, newer_than: str) -> NewerTraces:
    """Count the traces that match and have started after a page's `newest_cursor`, up to `COUNT_AT_MOST`.

    One query on `traces_newest`, bounded below by the cursor and in time by the budget.
    """
    position = read_cursor(newer_than) or Position(EPOCH, "")
    newer = Q(started_at__gte=position.at) & (Q(started_at__gt=position.at) | Q(trace_id__gt=position.key))
    query = select_traces(project_id, filters, since=position.at).filter(newer)
    try:
        with Budget(BUDGET_SECONDS).spend():
            count = query.values("trace_id")[: COUNT_AT_MOST + 1].count()
    except OutOfTimeError:
        return NewerTraces(count=0, is_more=True)
    return NewerTraces(count=min(count, COUNT_AT_MOST), is_more=count > COUNT_AT_MOST)


def list_traces_by_id(project_id: int, trace_ids: Sequence[str]) -> list[TraceSummary]:
    """Return the visible ones of up to `MOST_TRACES` traces as they are now, newest first. One query, primary key."""
    filters = TraceFilters(ids=tuple(trace_ids[:MOST_TRACES]), has_reruns=True)
    return [_make_summary(row) for row in _select(project_id, filters, None)] if trace_ids else []


def get_trace(project_id: int, trace_id: str) -> TraceSummary:
    """Return one trace. One query, primary key. Raises `NotFoundError`, also for a deleted trace."""
    row = _visible(project_id).filter(trace_id=trace_id).values_list(*_COLUMNS).first()
    if row is None:
        raise NotFoundError("No such trace.")
    return _make_summary(row)


def get_newest_start(project_id: int, *, until: datetime) -> datetime | None:
    """Return when the last visible trace before a time started. One query, `traces_newest`. Reruns do not count."""
    starts = _visible(project_id).filter(NO_RERUNS, started_at__lt=until).order_by("-started_at", "-trace_id")
    return starts.values_list("started_at", flat=True).first()


def get_oldest_start(project_id: int, *, since: datetime) -> datetime | None:
    """Return when the first visible trace from a time on started. One query, `traces_newest` backwards. Reruns do not
    count.
    """
    starts = _visible(project_id).filter(NO_RERUNS, started_at__gte=since).order_by("started_at", "trace_id")
    return starts.values_list("started_at", flat=True).first()


def list_recent_values(project_id: int, column: str, *, prefix: str, limit: int) -> list[tuple[str, int]]:
    """Return values of a text column among the newest traces that begin so, with their counts, the frequent first.

    One query over the `_MOST_RECENT` newest rows of `traces_newest`.
    """
    newest = _visible(project_id).order_by("-started_at", "-trace_id").values("trace_id")[:_MOST_RECENT]
    values = Trace.objects.filter(project_id=project_id, trace_id__in=newest, **{f"{column}__istartswith": prefix})
    counted = values.exclude(**{column: ""}).values_list(column).annotate(traces=Count("trace_id"))
    return list(counted.order_by("-traces", column)[:limit])


def _visible(project_id: int) -> QuerySet[Trace]:
    return Trace.objects.filter(project_id=project_id, deleted_at=None)


def select_traces(project_id: int, filters: TraceFilters, *, since: datetime | None = None) -> QuerySet[Trace]:
    """Return all visible traces that match, in no order; every read of lists, bars and counts narrows this.

    `since` says that the caller looks at no trace that started earlier, so that older search documents are not read.
    """
    earliest = max((at for at in (since, filters.earliest) if at is not None), default=None)
    conditions = build_conditions(filters, match_text=lambda text: _match_text(project_id, text, since=earliest))
    return _visible(project_id).filter(conditions)


def _select(
    project_id: int, filters: TraceFilters, position: Position | None, *, since: datetime | None = None
) -> QuerySet[Trace, tuple[Any, ...]]:
    """Return the matching rows before the position, newest first."""
    return (
        select_traces(project_id, filters, since=since)
        .filter(is_before(position, time="started_at", key="trace_id"))
        .order_by("-started_at", "-trace_id")
        .values_list(*_COLUMNS)
    )


def _make_summary(row: tuple[Any, ...]) -> TraceSummary:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["cost_usd"] = format_usd(values["cost_micros"])
    values["flags"] = name_flags(values["flags"])
    return TraceSummary(**values)


def _make_page(found: list[TraceSummary], limit: int) -> TracePage:
    items = found[:limit]
    next_cursor = make_cursor(_position_of(items[-1])) if len(found) > limit else None
    return TracePage(items=items, next_cursor=next_cursor, newest_cursor=_newest_cursor(items))


def _position_of(trace: TraceSummary) -> Position:
    return Position(trace.started_at, trace.trace_id)


def _newest_cursor(items: list[TraceSummary]) -> str:
    return make_cursor(_position_of(items[0]) if items else Position(EPOCH, ""))


# --- Filters without an index: windows of rows, in a budget ----------------------------------------------------------


def _scan(project_id: int, filters: TraceFilters, position: Position | None, limit: int) -> TracePage:
    """Look through the newest rows, then ever more of the older ones, until the page is full or the time is up.

    Where matches turn out to be rare, past days that are known to have none are left out.
    """
    budget = Budget(BUDGET_SECONDS)
    stretches = [Stretch(filters.since, filters.until)]
    found: list[TraceSummary] = []
    is_first = True
    while stretches and len(found) <= limit:
        narrowed = stretches[0].narrow(filters)
        try:
            with budget.spend():
                end = find_window_end(project_id, narrowed, position, budget.window)
                rows = _read_window(project_id, narrowed, position, end, count=limit + 1 - len(found))
                found += [_make_summary(row) for row in rows]
        except OutOfTimeError:
            return _make_partial_page(found, position)
        if end is not None:
            position = end
            if is_first and len(found) <= limit * _RARE_SHARE:
                stretches = _list_stretches_left(project_id, filters, end, budget)
        else:
            del stretches[0]
            if stretches:
                position = Position(stretches[0].until or EPOCH, _NO_ID)
        is_first = False
    return _make_page(found, limit)


def _list_stretches_left(project_id: int, filters: TraceFilters, position: Position, budget: Budget) -> list[Stretch]:
    """Return where matches may be, before the position: all of the range but the days without."""
    try:
        with budget.spend():
            days = list_unfit_days(project_id, dataclasses.replace(filters, until=position.at))
    except OutOfTimeError:
        days = []
    return [stretch for stretch in list_stretches(filters, days) if not stretch.is_empty]


def _make_partial_page(found: list[TraceSummary], position: Position | None) -> TracePage:
    return TracePage(
        items=found,
        next_cursor=make_cursor(position) if position else None,
        newest_cursor=_newest_cursor(found),
        is_partial=True,
        covered_from=position.at if position else None,
    )


def find_window_end(project_id: int, filters: TraceFilters, position: Position | None, size: int) -> Position | None:
    """Return the last of the next `size` rows along an index, or None when fewer are left."""
    rows = _select(project_id, keep_walkable(filters), position).values_list("started_at", "trace_id")
    last = rows[size - 1 : size].first()
    return None if last is None else Position(*last)


def _read_window(
    project_id: int, filters: TraceFilters, position: Position | None, end: Position | None, *, count: int
) -> QuerySet[Trace, tuple[Any, ...]]:
    """Return the first matches between two positions, `end` included.

    Their ids first: an index that knows what is asked, as `traces_newest` knows numbers, finds them without the rows.
    """
    matches = _select(project_id, filters, position, since=end.at if end else None)
    if end is not None:
        matches = matches.filter(is_from(end))
    # Reruns are among the ids, or were left out already.
    rows = _select(project_id, TraceFilters(has_reruns=True), None)
    return rows.filter(trace_id__in=matches.values("trace_id")[:count])


def is_from(end: Position) -> Q:
    """Return the condition for traces at or before a place in the list, newest first."""
    return Q(started_at__gte=end.at) & (Q(started_at__gt=end.at) | Q(trace_id__gte=end.key))


# --- Text ------------------------------------------------------------------------------------------------------------


def resolve_rare_text(project_id: int, filters: TraceFilters) -> TraceFilters:
    """Put ids in place of text that few documents hold: then the primary key leads to all matches.

    Only text that every match must have counts. Up to `_MOST_LOOKED_UP` of the texts, long ones first, are looked up
    through `search_segments_terms` until one is rare; the others are then looked for among its traces alone. Where
    all are common, matches come up in any window, and the text stays.
    """
    texts = sorted(
        {item.text for item in filters.query.items if isinstance(item, Text)}, key=lambda text: (-len(text), text)
    )
    if not texts:
        return filters
    budget = Budget(BUDGET_SECONDS)
    try:
        ids = set(filters.ids) or _find_rare(project_id, texts, filters.earliest, budget)
        if ids is None:
            return filters
        for text in texts:
            ids = _keep_those_with(project_id, text, ids, filters.earliest, budget)
    except OutOfTimeError:
        return filters
    rest = make_query(item for item in filters.query.items if not isinstance(item, Text))
    return dataclasses.replace(filters, query=rest, ids=tuple(ids) or (_NO_ID,), named=tuple(texts))


def _find_rare(project_id: int, texts: list[str], since: datetime | None, budget: Budget) -> set[str] | None:
    """Return the traces that have one of the texts, or may be named by it; None where all are common."""
    for text in texts[:_MOST_LOOKED_UP]:
        with budget.spend():
            segments = list(_find_segments(project_id, text, since=since)[: _RARE_SEGMENTS + 1])
        if len(segments) > _RARE_SEGMENTS:
            continue
        documents = _find_documents(project_id, text, since=since).filter(segment_id__in=segments)
        with budget.spend():
            found = set(documents.values_list("trace_id", flat=True)[: _RARE_DOCUMENTS + 1])
        if len(found) <= _RARE_DOCUMENTS:
            return {*found, text}
    return None


def _keep_those_with(project_id: int, text: str, ids: set[str], since: datetime | None, budget: Budget) -> set[str]:
    if not ids - {text}:
        return ids & {text}
    documents = _find_documents(project_id, text, since=since).filter(trace_id__in=ids)
    with budget.spend():
        return {*documents.values_list("trace_id", flat=True).distinct(), *(ids & {text})}


def _match_text(project_id: int, text: str, *, since: datetime | None) -> Q:
    """Return the condition that a trace has all the terms of the text, or is named by it.

    Documents are looked up by their trace. One is dated with the start of its trace as known at that commit, which
    later commits only move back: so none lies before its trace, and earlier partitions are not read.
    """
    documents = _find_documents(project_id, text, since=since)
    own = documents.filter(trace_id=OuterRef("trace_id"), started_at__gte=OuterRef("started_at"))
    return Q(trace_id=text) | Q(Exists(own))


def _find_documents(project_id: int, text: str, *, since: datetime | None) -> QuerySet[SearchDocument]:
    """Return the documents with all the terms of the text. Not indexed: to be narrowed to traces or segments."""
    documents = SearchDocument.objects.filter(matches_terms("terms", query_terms(text)), project_id=project_id)
    return documents if since is None else documents.filter(started_at__gte=since)


def _find_segments(project_id: int, text: str, *, since: datetime | None) -> QuerySet[SearchSegment, int]:
    """Return the ids of the segments that may hold such documents, through `search_segments_terms`."""
    terms = query_terms(text)
    if not terms:
        return SearchSegment.objects.none().values_list("segment_id", flat=True)
    hashes = sorted(hash_term(term.encode(errors="replace")) for term in terms)
    segments = SearchSegment.objects.filter(project_id=project_id, terms__contains=hashes)
    segments = segments if since is None else segments.filter(started_at__gte=since)
    return segments.values_list("segment_id", flat=True)
