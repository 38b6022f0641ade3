"""The flow of a trace: its events folded into a graph, laid out for drawing."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from observability.models import Event
from observability.selectors.events import find_inferred_part, inferred_events, own_events
from observability.selectors.flow_fold import NO_NODE, FlowCall, Fold, FoldedNode, fold_calls, fold_rest
from observability.selectors.flow_layout import (
    HEIGHT,
    WIDTH,
    Place,
    Point,
    draw_call,
    draw_handover,
    draw_recursion,
    place_nodes,
)
from observability.selectors.flow_shapes import FlowEdge, FlowGraph, FlowNode
from observability.selectors.shapes import TraceSummary

MOST_CALLS = 200_000
MOST_NODES = 300
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
)


def get_flow(project_id: int, trace: TraceSummary) -> FlowGraph:
    """Return the graph of a run, of up to `MOST_CALLS` events in up to `MOST_NODES` nodes.

    Reads ten narrow columns of the events along the primary key of `events` once (1.0 s at the API for 100,000),
    and those of its inferred part; nothing that grows is kept but the folded graph.
    """
    calls = _read_calls(project_id, trace)
    fold = fold_calls(islice(calls, MOST_CALLS))
    event_count = sum(node.calls for node in fold.nodes)
    is_partial = next(calls, None) is not None
    shown, folded_count = fold_rest(fold, most=MOST_NODES)
    return _lay_out(shown, event_count=event_count, folded_count=folded_count, is_partial=is_partial)


def _read_calls(project_id: int, trace: TraceSummary) -> Iterator[FlowCall]:
    own = _read_ordered(own_events(project_id, trace), is_inferred=False)
    part = find_inferred_part(project_id, trace)
    if part is None:
        return own
    others = _read_ordered(inferred_events(project_id, part), is_inferred=True)
    return heapq.merge(own, others, key=lambda call: (call.started_at, call.span_id))


def _read_ordered(events: QuerySet[Event], *, is_inferred: bool) -> Iterator[FlowCall]:
    rows: QuerySet[Event, tuple[Any, ...]] = events.order_by("started_at", "span_id").values_list(*_COLUMNS)
    for row in rows[: MOST_CALLS + 1].iterator(chunk_size=10_000):
        yield FlowCall._make((*row, is_inferred))


def _lay_out(fold: Fold, *, event_count: int, folded_count: int, is_partial: bool) -> FlowGraph:
    children = fold.list_children()
    places = place_nodes(children, root=NO_NODE)
    ranks = {node: rank for siblings in children.values() for rank, node in enumerate(siblings)}
    edges = [_make_call(fold, places, *pair, count=count) for pair, count in fold.calls.items()]
    for (source, target), count in fold.handovers.items():
        is_next = abs(ranks[source] - ranks[target]) == 1
        points = draw_handover(places[source], places[target], is_next=is_next)
        edges.append(_make_edge(fold, source, target, kind="handover", count=count, points=points))
    return FlowGraph(
        nodes=[_make_node(fold, index, places[index]) for index in places],
        edges=edges,
        width=max((place.x + WIDTH for place in places.values()), default=0.0),
        height=max((place.y + HEIGHT for place in places.values()), default=0.0),
        event_count=event_count,
        folded_count=folded_count,
        is_partial=is_partial,
    )


def _make_call(fold: Fold, places: dict[int, Place], source: int, target: int, *, count: int) -> FlowEdge:
    if fold.nodes[target].parent == source:
        points = draw_call(places[source], places[target])
        return _make_edge(fold, source, target, kind="call", count=count, points=points)
    points = draw_recursion(places[source], places[target])
    return _make_edge(fold, source, target, kind="recursion", count=count, points=points)


def _make_edge(fold: Fold, source: int, target: int, *, kind: Any, count: int, points: list[Point]) -> FlowEdge:
    return FlowEdge(source=fold.nodes[source].id, target=fold.nodes[target].id, kind=kind, count=count, points=points)


def _make_node(fold: Fold, index: int, place: Place) -> FlowNode:
    node: FoldedNode = fold.nodes[index]
    # Every node was made for a call, whose start it has.
    assert node.started_at is not None
    return FlowNode(
        id=node.id,
        parent_id=None if node.parent == NO_NODE else fold.nodes[node.parent].id,
        kind=node.kind,
        name=node.name,
        calls=node.calls,
        errors=node.errors,
        running=node.running,
        duration_ms=node.duration_ms,
        longest_ms=node.longest_ms,
        tokens=node.tokens,
        cost_micros=node.cost_micros,
        started_at=node.started_at,
        span_ids=node.span_ids,
        error_span_ids=node.error_span_ids,
        x=place.x,
        y=place.y,
        width=WIDTH,
        height=HEIGHT,
    )
