from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.records import Usage
from observability.models import Project
from observability.selectors import flow as flow_module
from observability.selectors.flow import get_flow
from observability.selectors.flow_fold import MORE, NO_NODE, FlowCall, fold_calls, fold_rest
from observability.selectors.flow_layout import HEIGHT, WIDTH, place_nodes
from observability.selectors.flow_shapes import FlowGraph
from observability.selectors.traces import get_trace
from tests.records import START, make_event, write

NAMES = st.sampled_from(["plan", "search", "write"])
SPANS = st.sampled_from([f"s{number}" for number in range(12)])


def make_call(span_id: str, parent: str = "", *, at: float = 0, lasts: float | None = 1, **fields: Any) -> FlowCall:
    started_at = START + timedelta(seconds=at)
    given_ = {
        "kind": "tool",
        "name": span_id,
        "status": "running" if lasts is None else "ok",
        "ended_at": None if lasts is None else started_at + timedelta(seconds=lasts),
        "duration_ms": None if lasts is None else lasts * 1000,
        "tokens": None,
        "cost_micros": None,
    }
    return FlowCall(span_id=span_id, parent_span_id=parent, started_at=started_at, **(given_ | fields))


@st.composite
def any_calls(draw: st.DrawFn) -> list[FlowCall]:
    """Events with any parents: missing, later, themselves, in circles."""
    spans = draw(st.lists(SPANS, unique=True, max_size=12))
    return [
        make_call(
            span,
            draw(st.one_of(SPANS, st.just(""))),
            at=index,
            lasts=draw(st.sampled_from([None, 0.5, 3])),
            name=draw(NAMES),
            status=draw(st.sampled_from(["ok", "error"])),
            tokens=draw(st.sampled_from([None, 5])),
        )
        for index, span in enumerate(spans)
    ]


def find_overlaps(graph: FlowGraph) -> list[tuple[str, str]]:
    boxes = graph.nodes
    return [
        (one.name, other.name)
        for index, one in enumerate(boxes)
        for other in boxes[index + 1 :]
        if abs(one.x - other.x) < WIDTH and abs(one.y - other.y) < HEIGHT
    ]


def test_fold__repeated_calls__one_node_with_their_sums() -> None:
    calls = [
        make_call("root", lasts=10),
        make_call("a", "root", at=1, name="search", tokens=10, cost_micros=5),
        make_call("b", "root", at=2, name="search", tokens=20, status="error", lasts=3),
        make_call("c", "root", at=5, name="search", lasts=None),
    ]

    fold = fold_calls(calls)

    search = fold.nodes[1]
    assert [node.name for node in fold.nodes] == ["root", "search"]
    assert (search.calls, search.errors, search.running, search.tokens, search.cost_micros) == (3, 1, 1, 30, 5)
    assert (search.duration_ms, search.longest_ms) == (4000, 3000)
    assert (search.span_ids, search.error_span_ids) == (["a", "b", "c"], ["b"])
    assert fold.calls == {(0, 1): 3}


def test_fold__same_name_under_another_caller__another_node() -> None:
    calls = [
        make_call("one"),
        make_call("two", at=1),
        make_call("x", "one", at=2, name="ask"),
        make_call("y", "two", at=3, name="ask"),
    ]

    assert [(node.name, node.parent) for node in fold_calls(calls).nodes] == [
        ("one", NO_NODE),
        ("two", NO_NODE),
        ("ask", 0),
        ("ask", 1),
    ]


def test_fold__loop_of_siblings__handovers_counted_both_ways() -> None:
    steps = ["ask", "search", "ask", "search", "ask"]
    calls = [make_call("root", lasts=20)]
    calls += [make_call(f"s{at}", "root", at=at, name=name) for at, name in enumerate(steps)]

    fold = fold_calls(calls)

    assert fold.handovers == {(1, 2): 2, (2, 1): 2}


def test_fold__calls_at_the_same_time__no_handover() -> None:
    calls = [make_call("root", lasts=9), make_call("a", "root", at=1, lasts=3), make_call("b", "root", at=2, lasts=3)]

    assert not fold_calls(calls).handovers


def test_fold__recursion__folds_into_the_node_above() -> None:
    calls = [
        make_call("p1", name="plan"),
        make_call("w1", "p1", at=1, name="work"),
        make_call("p2", "w1", at=2, name="plan"),
        make_call("w2", "p2", at=3, name="work"),
        make_call("w3", "w2", at=4, name="work"),
    ]

    fold = fold_calls(calls)

    assert [(node.name, node.calls) for node in fold.nodes] == [("plan", 2), ("work", 3)]
    assert fold.calls == {(0, 1): 2, (1, 0): 1, (1, 1): 1}


@given(any_calls())
def test_fold__any_parents__every_event_in_exactly_one_node(calls: list[FlowCall]) -> None:
    fold = fold_calls(calls)

    assert sorted(span for node in fold.nodes for span in node.span_ids) == sorted(call.span_id for call in calls)
    assert sum(node.calls for node in fold.nodes) == len(calls)
    assert sum(node.tokens or 0 for node in fold.nodes) == sum(call.tokens or 0 for call in calls)
    assert all(node.parent < index for index, node in enumerate(fold.nodes))


@given(any_calls(), st.integers(min_value=2, max_value=6))
def test_fold_rest__any_graph__keeps_within_bounds_and_loses_no_call(calls: list[FlowCall], most: int) -> None:
    before = fold_calls(calls)
    count = len(before.nodes)

    after, folded = fold_rest(before, most=most)

    mores = [node for node in after.nodes if node.kind == MORE]
    assert len(after.nodes) <= most
    assert folded == count - (len(after.nodes) - len(mores))
    assert folded == sum(int(node.name.split()[0]) for node in mores)
    assert sum(node.calls for node in after.nodes) == len(calls)
    assert sum(node.errors for node in after.nodes) == sum(call.status == "error" for call in calls)


@given(st.lists(st.integers(min_value=0, max_value=50), max_size=60))
def test_place_nodes__any_tree__no_overlap_children_right_of_their_caller(choices: list[int]) -> None:
    parents = [choice % (index + 1) - 1 for index, choice in enumerate(choices)]
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(parents):
        children.setdefault(parent, []).append(node)

    places = place_nodes(children, root=-1)

    taken = [(place.x, place.y) for place in places.values()]
    assert len(places) == len(parents)
    assert len(set(taken)) == len(taken)
    assert all(places[node].x > places[parent].x for node, parent in enumerate(parents) if parent >= 0)
    assert all(places[parent].y == places[nodes[0]].y for parent, nodes in children.items() if parent >= 0)
    assert places == place_nodes(children, root=-1)


def test_place_nodes__a_later_child__moves_nothing_above_it() -> None:
    children = {-1: [0], 0: [1, 2], 1: [3, 4]}

    before = place_nodes(children, root=-1)
    after = place_nodes({**children, 0: [1, 2, 5]}, root=-1)

    assert {node: after[node] for node in before} == before


@pytest.mark.usefixtures("store")
def test_flow__stored_run__nodes_edges_and_places(project: Project) -> None:
    write(
        project.pk,
        make_event("t", "root", name="chat", lasts=10),
        make_event("t", "agent", name="planner", kind="agent", parent_span_id="root", at=1, lasts=8),
        make_event("t", "c1", name="gpt", kind="ai", parent_span_id="agent", at=2, usage=Usage(total=7), cost_micros=3),
        make_event("t", "t1", name="find", parent_span_id="agent", at=4, status="error"),
        make_event("t", "c2", name="gpt", kind="ai", parent_span_id="agent", at=6, usage=Usage(total=5), cost_micros=4),
    )

    graph = get_flow(project.pk, get_trace(project.pk, "t"))

    nodes = {node.name: node for node in graph.nodes}
    assert [(node.name, node.calls, node.errors) for node in graph.nodes] == [
        ("chat", 1, 0),
        ("planner", 1, 0),
        ("gpt", 2, 0),
        ("find", 1, 1),
    ]
    assert (nodes["gpt"].tokens, nodes["gpt"].cost_micros, nodes["gpt"].duration_ms) == (12, 7, 2000)
    names = {node.id: node.name for node in graph.nodes}
    assert sorted((names[edge.source], names[edge.target], edge.kind, edge.count) for edge in graph.edges) == [
        ("chat", "planner", "call", 1),
        ("find", "gpt", "handover", 1),
        ("gpt", "find", "handover", 1),
        ("planner", "find", "call", 1),
        ("planner", "gpt", "call", 2),
    ]
    assert find_overlaps(graph) == []
    assert (graph.event_count, graph.folded_count, graph.is_partial) == (5, 0, False)
    assert math.isclose(graph.width, nodes["find"].x + WIDTH)
    assert math.isclose(graph.height, nodes["find"].y + HEIGHT)


@pytest.mark.usefixtures("store")
def test_flow__inferred_events__hang_below_the_run(project: Project) -> None:
    run = "chat::1::a"
    sent: dict[str, Any] = {"source": "sdk", "session_id": "s"}
    write(
        project.pk,
        make_event(run, lasts=5, **sent),
        make_event("unknown-workflow::s", "x", at=1, kind="tool", name="find", parent_span_id=None, **sent),
    )

    graph = get_flow(project.pk, get_trace(project.pk, run))

    assert [(node.name, node.calls) for node in graph.nodes] == [("chat", 1), ("find", 1)]
    assert graph.nodes[1].parent_id == graph.nodes[0].id


@pytest.mark.usefixtures("store")
def test_flow__many_events__bounded_and_as_few_queries_as_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_module, "MOST_CALLS", 20)
    monkeypatch.setattr(flow_module, "MOST_NODES", 10)
    write(project.pk, make_event("one"))
    write(
        project.pk,
        make_event("many", lasts=99),
        *(make_event("many", f"s{n}", name=f"step {n}", parent_span_id="root", at=n) for n in range(1, 40)),
    )
    one, many = get_trace(project.pk, "one"), get_trace(project.pk, "many")

    with CaptureQueriesContext(connection) as of_one:
        get_flow(project.pk, one)
    with CaptureQueriesContext(connection) as of_many:
        graph = get_flow(project.pk, many)

    assert len(of_many) == len(of_one)
    assert (len(graph.nodes), graph.event_count, graph.is_partial) == (10, 20, True)
    assert graph.folded_count == 20 - 9
