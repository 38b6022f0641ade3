"""Which traces a list shows: a query (`observability.query`) and a stretch of time, as conditions on `traces`.

What a query means: a field without a value matches no comparison, so `-cost>1` also finds what has no cost. Text is
found by its search terms (`ingest/terms.py`): a trace has a word or a quoted text when one of its search documents has
all the terms of it, or when it is the id of the trace.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

from django.db.models import F, Q
from django.db.models.lookups import GreaterThan
from django.utils import timezone

from observability.flags import EventFlag
from observability.query.fields import FIELDS, FLAG_NAMES, FieldKind
from observability.query.nodes import (
    EQUAL,
    NO_QUERY,
    NOT_EQUAL,
    And,
    Node,
    Not,
    Or,
    Query,
    Term,
    Text,
    make_query,
    walk,
)
from observability.query.values import Ago, Exact, Moment, Number, Pattern, Value, resolve_time
from observability.selectors.conditions import matches_item_pattern, matches_pattern
from observability.selectors.production import NO_RERUNS

TextMatch = Callable[[str], Q]
"""Returns the condition that a trace has a text."""

_DAY = timedelta(days=1)
_LOOKUPS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte", EQUAL: "exact"}
COLUMNS = {
    "status": "status",
    "workflow": "workflow_name",
    "model": "model_names",
    "session": "session_id",
    "user": "user_id",
    "environment": "environment",
    "service": "service_name",
    "version": "service_version",
    "agent": "agent_name",
    "tag": "tags",
    "correlation": "correlation_id",
    "source": "source",
    "flag": "flags",
    "error": "error_message",
    "id": "trace_id",
    "duration": "duration_ms",
    "cost": "cost_micros",
    "tokens": "total_tokens",
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "events": "event_count",
    "errors": "error_count",
    "logs": "log_count",
    "started": "started_at",
    "ended": "ended_at",
}
"""The column behind each field of a query."""
LISTS = {"model", "tag"}
"""Fields of which a trace has several values."""
FACETS = (
    "status",
    "workflow",
    "model",
    "environment",
    "service",
    "version",
    "agent",
    "user",
    "tag",
    "flag",
    "source",
)
"""Fields that are counted, in the order pages show them."""
USER = "user"
HASHED = frozenset(FACETS) - {USER}
"""Fields that `facets_hash` is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFilters:
    """What a trace must be like. `since` is included, `until` is not; `ids` narrows to some traces.

    Reruns are left out, unless `has_reruns`, or the query asks for them: by `flag:rerun`, or by the id of a trace.
    `named` are texts of the query, which may be whole ids, in case they are not in `query` any more.
    """

    query: Query = NO_QUERY
    since: datetime | None = None
    until: datetime | None = None
    ids: tuple[str, ...] = ()
    has_reruns: bool = False
    named: tuple[str, ...] = ()

    @property
    def includes_reruns(self) -> bool:
        """Say whether reruns match like any other trace."""
        return self.has_reruns or any(_asks_for_reruns(node) for node in walk(self.query.root))

    @property
    def has_text(self) -> bool:
        """Say whether search documents have to be read."""
        return self.query.has_text

    @property
    def earliest(self) -> datetime | None:
        """Return the time before which nothing matches, by `since` and by what the query says of `started`."""
        now = timezone.now()
        bounds = [
            resolve_time(value, now=now)
            for item in self.query.items
            if isinstance(item, Term) and item.field == "started" and item.operator in (">", ">=", EQUAL)
            for value in item.values[:1]
            if isinstance(value, Moment | Ago) and len(item.values) == 1
        ]
        return max([*bounds, *([self.since] if self.since else [])], default=None)


NO_FILTERS = TraceFilters()


def list_asked_fields(query: Query) -> set[str]:
    """Return the fields that a query says something of, anywhere in it; `text` where it searches."""
    nodes = walk(query.root)
    return {"text" if isinstance(node, Text) else node.field for node in nodes if isinstance(node, Text | Term)}


def build_query_conditions(query: Query) -> Q:
    """Return the condition that a trace matches a query without text, whether it is a rerun or not."""
    return build_conditions(TraceFilters(query=query, has_reruns=True), match_text=lambda text: Q(trace_id=text))


def is_indexed(filters: TraceFilters) -> bool:
    """Say whether an index on `traces` leads straight to the matches, so that no scan has to be budgeted.

    Looks at the conditions that must all hold. One status goes through `traces_not_ok` or `traces_newest` (most traces
    are ok), one exact workflow name through `traces_by_workflow`, one user through `traces_by_user`, a session through
    `traces_by_session`, ids through the primary key. Text never does: what is rare was replaced by ids before
    (`selectors/traces.py`).
    """
    if filters.has_text:
        return False
    items = [item for item in filters.query.items if not _is_time(item)]
    if filters.ids or any(_is_single(item, "session") or _is_any_id(item) for item in items):
        return True
    led = _find_led(items)
    return not items or items == [led]


def keep_walkable(filters: TraceFilters) -> TraceFilters:
    """Return the part of the filters that an index leads along: windows are counted in rows of that part alone,
    reruns included.
    """
    if filters.ids:
        return replace(filters, query=NO_QUERY, has_reruns=True)
    items = filters.query.items
    kept = [item for item in items if _is_time(item)]
    led = _find_led(items)
    if led is not None and led.values != (Exact("ok"),):
        kept.append(led)
    return replace(filters, query=make_query(kept), has_reruns=True)


def _find_led(items: tuple[Node, ...] | list[Node]) -> Term | None:
    """Return the condition whose index leads to the fewest rows."""
    found = (_find_single(items, field) for field in ("session", "user", "workflow", "status"))
    return next((term for term in found if term is not None), None)


def build_conditions(filters: TraceFilters, *, match_text: TextMatch) -> Q:
    """Return the condition that a trace matches all of the filters. Raises nothing: every query has a meaning."""
    condition = Q()
    if filters.since is not None:
        condition &= Q(started_at__gte=filters.since)
    if filters.until is not None:
        condition &= Q(started_at__lt=filters.until)
    if filters.ids:
        condition &= Q(trace_id__in=filters.ids)
    if not filters.includes_reruns:
        named = filters.named or [item.text for item in filters.query.items if isinstance(item, Text)]
        condition &= NO_RERUNS | Q(trace_id__in=named) if named else NO_RERUNS
    now = timezone.now()
    for item in filters.query.items:
        condition &= _build(item, match_text=match_text, now=now)
    return condition


def _build(node: Node, *, match_text: TextMatch, now: datetime) -> Q:
    """Return a condition that is true or false, never unknown, or that Django guards when it negates it."""
    if isinstance(node, Term):
        matches = _match_any(node, now=now)
        return ~matches if node.operator == NOT_EQUAL else matches
    if isinstance(node, Text):
        return match_text(node.text)
    if isinstance(node, Not):
        return ~_build(node.item, match_text=match_text, now=now)
    if isinstance(node, And | Or):
        condition = Q()
        for item in node.items:
            built = _build(item, match_text=match_text, now=now)
            condition = condition & built if isinstance(node, And) else condition | built
        return condition
    assert_never(node)


def _match_any(term: Term, *, now: datetime) -> Q:
    """Return the condition that the field is any of the term's values, or compares so with the one it has."""
    column = COLUMNS[term.field]
    exact = [value.text for value in term.values if isinstance(value, Exact)]
    condition = _match_exact(term.field, column, exact) if exact else Q()
    for value in term.values:
        if isinstance(value, Pattern):
            condition |= _match_pattern(term.field, column, value)
        elif isinstance(value, Number | Moment | Ago):
            condition |= _compare(term, column, value, now=now)
    return condition


def _match_exact(field: str, column: str, texts: list[str]) -> Q:
    if field == "flag":
        return Q(GreaterThan(F(column).bitand(_mask(texts)), 0))
    if field in LISTS:
        return Q(**{f"{column}__overlap" if len(texts) > 1 else f"{column}__contains": texts})
    if FIELDS[field].kind is FieldKind.CONTAINED:
        condition = Q()
        for text in texts:
            condition |= Q(**{f"{column}__icontains": text})
        return condition
    # One value as equality, so that the partial index on what is not ok can also give the order.
    return Q(**{column: texts[0]}) if len(texts) == 1 else Q(**{f"{column}__in": texts})


def _match_pattern(field: str, column: str, pattern: Pattern) -> Q:
    if field == "flag":
        return _match_exact(field, column, list(FLAG_NAMES))
    if field in LISTS:
        return Q(**{f"{column}__len__gt": 0}) if pattern.is_anything else matches_item_pattern(column, pattern.parts)
    known = Q(**{f"{column}__isnull": False})
    return known if pattern.is_anything else known & matches_pattern(column, pattern.parts)


def _compare(term: Term, column: str, value: Number | Moment | Ago, *, now: datetime) -> Q:
    lookup = _LOOKUPS[EQUAL if term.operator == NOT_EQUAL else term.operator]
    if not isinstance(value, Number):
        at = resolve_time(value, now=now)
        if lookup == "exact":
            return Q(**{f"{column}__gte": at, f"{column}__lt": at + _DAY})
        return Q(**{f"{column}__{lookup}": at})
    kind = FIELDS[term.field].kind
    if kind is FieldKind.DURATION:
        return Q(**{f"{column}__{lookup}": float(value.amount)})
    return Q(**{f"{column}__{lookup}": int(value.amount * 1_000_000 if kind is FieldKind.COST else value.amount)})


def _mask(names: list[str]) -> int:
    return sum(EventFlag[name.upper()] for name in set(names))


def _asks_for_reruns(node: Node) -> bool:
    """Say whether a part of a query names reruns, or traces by their id, which may be those of reruns."""
    if not isinstance(node, Term):
        return False
    return node.field == "id" or (node.field == "flag" and Exact("rerun") in node.values)


def _is_time(item: Node) -> bool:
    return isinstance(item, Term) and item.field == "started" and item.operator != NOT_EQUAL and len(item.values) == 1


def _is_any_id(item: Node) -> bool:
    return isinstance(item, Term) and (item.field, item.operator) == ("id", EQUAL) and _are_exact(item.values)


def _is_single(item: Node, field: str) -> bool:
    """Say whether the item asks for one exact value of the field."""
    if not isinstance(item, Term) or len(item.values) != 1:
        return False
    return (item.field, item.operator) == (field, EQUAL) and _are_exact(item.values)


def _find_single(items: tuple[Node, ...] | list[Node], field: str) -> Term | None:
    found = (item for item in items if isinstance(item, Term) and _is_single(item, field))
    return next(found, None)


def _are_exact(values: tuple[Value, ...]) -> bool:
    return all(isinstance(value, Exact) for value in values)
