"""What an id belongs to, whichever id it is: where a search box leads."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from django.db.models import Q
from msgspec import Meta

from observability.models import ApiKey, Event, Step
from observability.query.nodes import EQUAL, NO_QUERY, Term
from observability.query.values import Exact, Pattern
from observability.selectors.budget import Budget, OutOfTimeError
from observability.selectors.trace_filters import NO_FILTERS, TraceFilters
from observability.selectors.traces import find_window_end, is_from, select_traces

BUDGET_SECONDS = 1.0
SHORTEST_PREFIX = 6
_MOST_ROWS = 5
_NEWEST_ROWS = 100_000

Kind = Literal["trace", "event", "session", "user", "correlation", "step", "key"]


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the id names."""

    kind: Kind
    id: str
    label: str
    trace_id: str = ""
    step_kind: str = ""


class Jump(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found under an id."""

    items: list[Found]
    is_partial: Annotated[bool, Meta(description="Time ran out before all kinds were looked for, or old rows.")]


def find_by_id(project_id: int, text: str) -> Jump:
    """Return what an id, or the beginning of a trace id, names in a project, for `BUDGET_SECONDS` in all.

    Exact ids come first and have an index each: traces (primary key), sessions (`traces_by_session`), steps and keys
    (small tables), numbered events (`events_by_id`). Then what has none is looked for as far as the time goes: users
    and correlation ids in the newest traces, span ids in the primary key of `events`.
    """
    budget = Budget(BUDGET_SECONDS)
    items: list[Found] = []
    is_partial = False
    for find in _FINDERS:
        try:
            with budget.spend():
                items += find(project_id, text)
        except OutOfTimeError:
            is_partial = True
    return Jump(items=items, is_partial=is_partial)


def _find_traces(project_id: int, text: str) -> list[Found]:
    found = _select(project_id, "id", Exact(text))
    if not found and len(text) >= SHORTEST_PREFIX:
        # Where the database compares bytes, as ours does, the primary key serves this too.
        found = _select(project_id, "id", Pattern((text, "")))
    return [Found(kind="trace", id=trace_id, label=workflow, trace_id=trace_id) for trace_id, workflow in found]


def _find_numbered(project_id: int, text: str) -> list[Found]:
    number = text.removeprefix("events/")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        return []
    return _list_visible(project_id, Q(id=int(number)))


def _find_session(project_id: int, text: str) -> list[Found]:
    found = _select(project_id, "session", Exact(text))[:1]
    return [Found(kind="session", id=text, label=f"Session of {workflow}") for _, workflow in found]


def _find_steps(project_id: int, text: str) -> list[Found]:
    named = Step.objects.filter(Q(key=text) | Q(name=text), project_id=project_id).order_by("kind", "key")
    return [Found(kind="step", id=step.key, label=step.name, step_kind=step.kind) for step in named[:_MOST_ROWS]]


def _find_keys(project_id: int, text: str) -> list[Found]:
    keys = ApiKey.objects.filter(project_id=project_id, public_id=text.partition(".")[0])
    return [Found(kind="key", id=key.public_id, label=key.name) for key in keys]


def _find_people_and_chains(project_id: int, text: str) -> list[Found]:
    """Look through the newest traces, because no index leads there."""
    end = find_window_end(project_id, NO_FILTERS, None, _NEWEST_ROWS)
    rows = select_traces(project_id, NO_FILTERS, since=end.at if end else None)
    rows = rows.filter(Q(user_id=text) | Q(correlation_id=text))
    if end is not None:
        rows = rows.filter(is_from(end))
    found: dict[Kind, Found] = {}
    for user_id, correlation_id in rows.values_list("user_id", "correlation_id").distinct()[:_MOST_ROWS]:
        if user_id == text:
            found["user"] = Found(kind="user", id=text, label="User")
        if correlation_id == text:
            found["correlation"] = Found(kind="correlation", id=text, label="Correlation id")
    return list(found.values())


def _find_spans(project_id: int, text: str) -> list[Found]:
    return _list_visible(project_id, Q(span_id=text))


def _list_visible(project_id: int, condition: Q) -> list[Found]:
    """Return some events of traces that are not deleted. Two queries."""
    events = list(
        Event.objects.filter(condition, project_id=project_id).values_list("trace_id", "span_id", "kind", "name")[
            :_MOST_ROWS
        ]
    )
    ids = tuple({trace_id for trace_id, *_ in events})
    filters = TraceFilters(ids=ids, has_reruns=True)
    visible = set(select_traces(project_id, filters).values_list("trace_id", flat=True)) if ids else set()
    return [
        Found(kind="event", id=span_id, label=f"{kind} {name}", trace_id=trace_id)
        for trace_id, span_id, kind, name in events
        if trace_id in visible
    ]


def _select(project_id: int, field: str, value: Exact | Pattern) -> list[tuple[str, str]]:
    """Return the id and workflow of the newest visible traces of which the field has the value."""
    filters = TraceFilters(query=NO_QUERY.with_item(Term(field, EQUAL, (value,))))
    rows = select_traces(project_id, filters).order_by("-started_at", "-trace_id")
    return list(rows.values_list("trace_id", "workflow_name")[:_MOST_ROWS])


_FINDERS = (
    _find_traces,
    _find_numbered,
    _find_session,
    _find_steps,
    _find_keys,
    _find_people_and_chains,
    _find_spans,
)
