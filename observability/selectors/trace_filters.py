"""Which traces a list shows: the filters that pages and API share, as conditions on `traces`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from django.db.models import Q

from observability.selectors.conditions import has_wildcard, matches_item, matches_text


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFilters:
    """What a trace must be like; None asks for nothing. In `workflow` and `model`, `*` stands for anything.

    `since` is included, `until` is not. `text` must be found among the search terms of the trace (the match rule is in
    `ingest/terms.py`), or be its exact id. `ids` narrows to some traces.
    """

    statuses: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    workflow: str | None = None
    session: str | None = None
    user: str | None = None
    environment: str | None = None
    service: str | None = None
    correlation: str | None = None
    tag: str | None = None
    model: str | None = None
    min_duration_ms: float | None = None
    min_cost_micros: int | None = None
    has_errors: bool | None = None
    text: str | None = None
    ids: tuple[str, ...] = ()


NO_FILTERS = TraceFilters()
_EQUALS = {
    "session": "session_id",
    "user": "user_id",
    "environment": "environment",
    "service": "service_name",
    "correlation": "correlation_id",
}
_INDEXED = {"since", "until", "ids", "session"}


def is_indexed(filters: TraceFilters) -> bool:
    """Say whether an index on `traces` leads straight to the matches, so that no scan has to be budgeted.

    One status goes through `traces_not_ok` or `traces_newest` (most traces are ok), one exact workflow name through
    `traces_by_workflow`, a session through `traces_by_session`, ids through the primary key.
    """
    used = {field.name for field in fields(filters) if getattr(filters, field.name) != field.default}
    if used & {"ids", "session"}:
        return not filters.text
    if len(filters.statuses) == 1 and "workflow" not in used:
        used.discard("statuses")
    if filters.workflow and not has_wildcard(filters.workflow):
        used.discard("workflow")
    return used <= _INDEXED


def keep_walkable(filters: TraceFilters) -> TraceFilters:
    """Return the part of the filters that an index leads along: windows are counted in rows of that part alone."""
    if filters.session:
        return TraceFilters(since=filters.since, until=filters.until, session=filters.session)
    if filters.workflow and not has_wildcard(filters.workflow):
        return TraceFilters(since=filters.since, until=filters.until, workflow=filters.workflow)
    if len(filters.statuses) == 1 and filters.statuses != ("ok",):
        return TraceFilters(since=filters.since, until=filters.until, statuses=filters.statuses)
    return TraceFilters(since=filters.since, until=filters.until)


def build_conditions(filters: TraceFilters) -> Q:
    """Return every condition but `text`, which needs the search documents."""
    return _match_time(filters) & _match_identity(filters) & _match_figures(filters)


def _match_time(filters: TraceFilters) -> Q:
    condition = Q()
    if filters.since is not None:
        condition &= Q(started_at__gte=filters.since)
    if filters.until is not None:
        condition &= Q(started_at__lt=filters.until)
    return condition


def _match_identity(filters: TraceFilters) -> Q:
    condition = Q()
    if filters.ids:
        condition &= Q(trace_id__in=filters.ids)
    if filters.workflow:
        condition &= matches_text("workflow_name", filters.workflow)
    if filters.model:
        condition &= matches_item("model_names", filters.model)
    if filters.tag:
        condition &= Q(tags__contains=[filters.tag])
    for name, column in _EQUALS.items():
        value = getattr(filters, name)
        if value:
            condition &= Q(**{column: value})
    return condition


def _match_figures(filters: TraceFilters) -> Q:
    condition = Q()
    if len(filters.statuses) == 1:
        # As equality, so that the partial index on what is not ok can also give the order.
        condition &= Q(status=filters.statuses[0])
    elif filters.statuses:
        condition &= Q(status__in=filters.statuses)
    if filters.min_duration_ms is not None:
        condition &= Q(duration_ms__gte=filters.min_duration_ms)
    if filters.min_cost_micros is not None:
        condition &= Q(cost_micros__gte=filters.min_cost_micros)
    if filters.has_errors is not None:
        condition &= Q(error_count__gt=0) if filters.has_errors else Q(error_count=0)
    return condition
