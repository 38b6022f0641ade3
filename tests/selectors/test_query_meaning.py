"""What SQL makes of a query is what a few lines of Python make of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.ingest.records import EventRecord, Usage
from observability.ingest.terms import query_terms, search_terms
from observability.models import Project, Trace
from observability.query import And, Node, Not, Or, Query, Term, Text
from observability.query.fields import COMPARABLE, FIELDS, FieldKind
from observability.query.nodes import all_of, any_of, negate
from observability.query.values import Exact, Moment, Number, Pattern, Value
from observability.selectors import traces
from observability.selectors.shapes import TraceSummary
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.traces import list_traces
from tests.records import START, at, make_event, write

pytestmark = pytest.mark.usefixtures("store")

NAMES = ["chat", "Chat", "chat_desk", "chatXdesk", "100%", "a*b"]
WORDS = ["refund", "Überweisung", "overdraft", "chat"]
PEOPLE = [None, "u1", "u2"]


def _make_records() -> list[EventRecord]:
    """Return traces that differ in every field, many without a value."""
    return [
        make_event(
            f"t{number:02}",
            at=number * 60,
            lasts=(None, 0.5, 2, 60)[number % 4],
            name=NAMES[number % 6],
            kind="ai",
            status=("running", "ok", "error", "ok")[number % 4],
            model=(None, "gpt-5", "claude")[number % 3],
            cost_micros=(None, 0, 10_000, 1_500_000)[number * 3 % 4],
            usage=(None, Usage(input=900, output=100, total=1000), Usage(input=5, output=0, total=5))[number % 3],
            user_id=PEOPLE[number % 3],
            session_id=(None, "s1")[number // 2 % 2],
            environment=("prod", None)[number // 3 % 2],
            tags=((), ("beta",), ("beta", "eu"))[number // 4 % 3],
            source=("sdk", "otlp")[number % 2],
            error_message=("Card declined: 100%" if number % 4 == 2 else None),
            input=f'"{WORDS[number % 4]} {WORDS[number // 5 % 4]}"'.encode(),
        )
        for number in range(24)
    ]


_COLUMNS: dict[str, Callable[[TraceSummary], Any]] = {
    "status": lambda trace: trace.status,
    "workflow": lambda trace: trace.workflow_name,
    "model": lambda trace: trace.model_names,
    "session": lambda trace: trace.session_id,
    "user": lambda trace: trace.user_id,
    "environment": lambda trace: trace.environment,
    "tag": lambda trace: trace.tags,
    "source": lambda trace: trace.source,
    "error": lambda trace: trace.error_message,
    "id": lambda trace: trace.trace_id,
    "flag": lambda trace: trace.flags,
    "duration": lambda trace: trace.duration_ms,
    "cost": lambda trace: None if trace.cost_micros is None else Decimal(trace.cost_micros) / 1_000_000,
    "tokens": lambda trace: trace.total_tokens,
    "errors": lambda trace: trace.error_count,
    "started": lambda trace: trace.started_at,
    "ended": lambda trace: trace.ended_at,
}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ":": lambda one, other: one == other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
}


def _matches(node: Node | None, trace: TraceSummary, terms: dict[str, set[bytes]]) -> bool:
    if node is None:
        return True
    if isinstance(node, And):
        return all(_matches(item, trace, terms) for item in node.items)
    if isinstance(node, Or):
        return any(_matches(item, trace, terms) for item in node.items)
    if isinstance(node, Not):
        return not _matches(node.item, trace, terms)
    if isinstance(node, Text):
        wanted = {term.encode() for term in query_terms(node.text)}
        return node.text == trace.trace_id or wanted <= terms[trace.trace_id]
    held = _COLUMNS[node.field](trace)
    several = list(held) if isinstance(held, list | tuple) else [held]
    known = [one for one in several if one is not None]
    operator = ":" if node.operator == "!=" else node.operator
    found = any(_has(node.field, operator, one, value) for one in known for value in node.values)
    return found != (node.operator == "!=")


def _has(field: str, operator: str, held: Any, value: Value) -> bool:
    if isinstance(value, Pattern):
        return re.fullmatch(".*".join(map(re.escape, value.parts)), str(held), re.DOTALL) is not None
    if isinstance(value, Exact):
        contained = FIELDS[field].kind is FieldKind.CONTAINED
        return value.text.lower() in held.lower() if contained else value.text == held
    if isinstance(value, Number):
        return _COMPARE[operator](Decimal(held), value.amount)
    assert isinstance(value, Moment)
    if operator == ":":
        return bool(value.at <= held < value.at + timedelta(days=1))
    return _COMPARE[operator](held, value.at)


_TEXTS = {
    "workflow": [*NAMES, "never"],
    "model": ["gpt-5", "claude", "gpt"],
    "session": ["s1", "s2"],
    "user": ["u1", "u2"],
    "environment": ["prod"],
    "tag": ["beta", "eu"],
    "error": ["card", "100%", "_"],
    "id": ["t01", "t02", "t"],
}
_NUMBERS = {"duration": [0, 500, 1999, 2000, 60_000], "cost": [0, 1], "tokens": [0, 5, 1000], "errors": [0, 1, 10**12]}
_PARTS = ["", "chat", "c", "_", "%", "t0", "u", "5"]


def _values(field: str) -> st.SearchStrategy[Value]:
    kind = FIELDS[field].kind
    if kind is FieldKind.CHOICE:
        return st.sampled_from(FIELDS[field].choices).map(Exact)
    if field in _NUMBERS:
        return st.sampled_from(_NUMBERS[field]).map(lambda number: Number(Decimal(number).normalize()))
    if kind is FieldKind.TIME:
        day = datetime(START.year, START.month, START.day, tzinfo=UTC)
        return st.sampled_from([day - timedelta(days=1), day]).map(lambda when: Moment(when, is_day=True))
    exact: st.SearchStrategy[Value] = st.sampled_from(_TEXTS[field]).map(Exact)
    if kind is FieldKind.CONTAINED:
        return exact
    return st.one_of(exact, st.tuples(st.sampled_from(_PARTS), st.sampled_from(_PARTS)).map(Pattern))


@st.composite
def _terms(draw: st.DrawFn) -> Term:
    field = draw(st.sampled_from(list(_COLUMNS)))
    if FIELDS[field].kind in COMPARABLE and draw(st.booleans()):
        times = st.integers(0, 24 * 60).map(lambda minutes: Moment(at(minutes)))
        value = draw(times if FIELDS[field].kind is FieldKind.TIME else _values(field))
        return Term(field, draw(st.sampled_from([">", ">=", "<", "<="])), (value,))
    values = draw(st.lists(_values(field), min_size=1, max_size=3, unique=True))
    if draw(st.integers(0, 5)) == 0:
        values = [Pattern(("", ""))]
    return Term(field, draw(st.sampled_from([":", "!="])), tuple(values))


def _join(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    several = st.lists(nodes, min_size=2, max_size=3)
    return st.one_of(several.map(all_of), several.map(any_of), nodes.map(negate))


_TEXT = st.sampled_from([*WORDS, "REFUND overdraft", "never", "t05"]).map(Text)
_QUERIES = st.recursive(st.one_of(_terms(), _terms(), _TEXT), _join, max_leaves=6).map(Query)


@pytest.mark.parametrize("most_rare", [0, 1000], ids=["common", "rare"])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(query=_QUERIES, window=st.sampled_from([5, 2000]))
def test_query__any__finds_what_it_says(project: Project, most_rare: int, query: Query, window: int) -> None:
    records = _make_records()
    if not Trace.objects.exists():
        write(project.pk, *records)
    terms = {
        record.trace_id: search_terms((record.input or b"").decode()) | search_terms(record.name) for record in records
    }
    everything = list_traces(project.pk, limit=500).items

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("observability.selectors.budget.FIRST_WINDOW", window)
        patch.setattr(traces, "_RARE_DOCUMENTS", most_rare)
        found = list_traces(project.pk, filters=TraceFilters(query=query), limit=500)

    expected = [trace.trace_id for trace in everything if _matches(query.root, trace, terms)]
    assert [trace.trace_id for trace in found.items] == expected, query.to_text()
    assert len(everything) == 24
