"""What the selectors of a trace's flow return. The conventions are those of `shapes`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from observability.selectors.shapes import Micros, Time


class FlowNode(msgspec.Struct, frozen=True, kw_only=True):
    """All calls of one name at one place of the run, as one box of the graph."""

    id: Annotated[str, Meta(description="Stays the same while the trace grows.")]
    parent_id: Annotated[str | None, Meta(description="The node that calls it; null for a root.")]
    kind: Annotated[str, Meta(description="A kind of event, or `more`: the calls of what the graph has no room for.")]
    name: str
    calls: int
    errors: int
    running: int
    duration_ms: Annotated[float, Meta(description="Of all its calls that have ended, together.")]
    longest_ms: Annotated[float, Meta(description="Of the longest of them.")]
    tokens: Annotated[int | None, Meta(description="Of all its calls together; null where none names any.")]
    cost_micros: Micros
    started_at: Annotated[Time, Meta(description="When the first of its calls began.")]
    span_ids: Annotated[list[str], Meta(description="Its first calls, in order of start.")]
    error_span_ids: Annotated[list[str], Meta(description="The first of its calls that failed.")]
    x: float
    y: float
    width: float
    height: float


class FlowEdge(msgspec.Struct, frozen=True, kw_only=True):
    """An arrow of the graph."""

    source: str
    target: str
    kind: Annotated[
        Literal["call", "recursion", "handover"],
        Meta(
            description="`call`: the source called the target; `recursion`: a call back to a node above; `handover`: "
            "under one caller, the target began after the source had ended, with no other call between them."
        ),
    ]
    count: Annotated[int, Meta(description="How often.")]
    points: Annotated[
        list[tuple[float, float]],
        Meta(description="Two points of a straight line, or the four of a cubic Bézier curve."),
    ]


class FlowGraph(msgspec.Struct, frozen=True, kw_only=True):
    """The graph of a run, laid out."""

    nodes: list[FlowNode]
    edges: list[FlowEdge]
    width: float
    height: float
    event_count: Annotated[int, Meta(description="Events the graph was made from.")]
    folded_count: Annotated[int, Meta(description="Nodes that `more` nodes stand for.")]
    is_partial: Annotated[bool, Meta(description="The trace has more events than a graph is made from.")]
