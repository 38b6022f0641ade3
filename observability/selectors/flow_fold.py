"""Fold the events of a trace into a graph: pure, without a database.

Events that have the same kind and name and the same caller's node become one node, so the calls form a tree however
often a loop ran. An event with the kind and name of a node above it folds into that node: recursion is a cycle, not
a path without end. Whatever parents are missing or go in circles, each event is counted in exactly one node.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from observability.selectors.event_tree import find_parents

NO_NODE = -1
MORE = "more"
_MOST_SAMPLES = 40
_MOST_ERROR_SAMPLES = 10
_UNPLACED = -2


class FlowCall(NamedTuple):
    """What the graph needs of one event."""

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
    is_inferred: bool = False


@dataclass(slots=True)
class FoldedNode:
    """A node while it is being counted. `parent` is the position of the node that calls it, or `NO_NODE`."""

    id: str
    parent: int
    kind: str
    name: str
    calls: int = 0
    errors: int = 0
    running: int = 0
    duration_ms: float = 0.0
    longest_ms: float = 0.0
    tokens: int | None = None
    cost_micros: int | None = None
    started_at: datetime | None = None
    span_ids: list[str] = field(default_factory=list)
    error_span_ids: list[str] = field(default_factory=list)

    def count(self, call: FlowCall) -> None:
        """Add a call."""
        self.calls += 1
        self.running += call.status == "running"
        self.duration_ms += call.duration_ms or 0.0
        self.longest_ms = max(self.longest_ms, call.duration_ms or 0.0)
        self.tokens = _add(self.tokens, call.tokens)
        self.cost_micros = _add(self.cost_micros, call.cost_micros)
        self.started_at = min(self.started_at or call.started_at, call.started_at)
        _keep(self.span_ids, [call.span_id], _MOST_SAMPLES)
        if call.status == "error":
            self.errors += 1
            _keep(self.error_span_ids, [call.span_id], _MOST_ERROR_SAMPLES)

    def absorb(self, other: FoldedNode) -> None:
        """Add all calls of another node."""
        self.calls += other.calls
        self.errors += other.errors
        self.running += other.running
        self.duration_ms += other.duration_ms
        self.longest_ms = max(self.longest_ms, other.longest_ms)
        self.tokens = _add(self.tokens, other.tokens)
        self.cost_micros = _add(self.cost_micros, other.cost_micros)
        moments = [moment for moment in (self.started_at, other.started_at) if moment is not None]
        self.started_at = min(moments, default=None)
        _keep(self.span_ids, other.span_ids, _MOST_SAMPLES)
        _keep(self.error_span_ids, other.error_span_ids, _MOST_ERROR_SAMPLES)


@dataclass(slots=True)
class Fold:
    """The graph: nodes, each after its parent; how often one called another, and how often one followed another."""

    nodes: list[FoldedNode] = field(default_factory=list)
    calls: Counter[tuple[int, int]] = field(default_factory=Counter)
    handovers: Counter[tuple[int, int]] = field(default_factory=Counter)

    def list_children(self) -> dict[int, list[int]]:
        """Return the children of each node by when they first began; those of `NO_NODE` are the roots."""
        children: dict[int, list[int]] = {}
        for index, node in enumerate(self.nodes):
            children.setdefault(node.parent, []).append(index)
        for siblings in children.values():
            siblings.sort(key=lambda index: (self.nodes[index].started_at, self.nodes[index].id))
        return children


def fold_calls(calls: Iterable[FlowCall]) -> Fold:
    """Return the graph of calls that come in order of start. Time and memory grow with their number."""
    rows = list(calls)
    parents = find_parents(rows)
    fold = Fold()
    places = _place(rows, parents, fold)
    for index, row in enumerate(rows):
        fold.nodes[places[index]].count(row)
        if (parent := parents[index]) is not None:
            fold.calls[places[parent], places[index]] += 1
    _count_handovers(rows, parents, places, fold)
    return fold


def fold_rest(fold: Fold, *, most: int) -> tuple[Fold, int]:
    """Return the graph with at most `most` nodes, and how many of the others its `more` nodes stand for.

    What failed and what took longest stays; the rest of each caller's children, with all below them, becomes one node.
    """
    if len(fold.nodes) <= most:
        return fold, 0
    children = fold.list_children()
    kept = _choose(fold, children, most)
    return _rebuild(fold, kept), len(fold.nodes) - len(kept)


def _place(rows: Sequence[FlowCall], parents: Sequence[int | None], fold: Fold) -> list[int]:
    """Return the node of each row, made where it is the first of its name under its caller."""
    places = [_UNPLACED] * len(rows)
    known: dict[tuple[int, str, str], int] = {}
    for index in range(len(rows)):
        chain: list[int] = []
        at: int | None = index
        while at is not None and places[at] == _UNPLACED:
            chain.append(at)
            at = parents[at]
        node = NO_NODE if at is None else places[at]
        for step in reversed(chain):
            node = places[step] = _find_node(rows[step], node, known, fold)
    return places


def _find_node(call: FlowCall, parent: int, known: dict[tuple[int, str, str], int], fold: Fold) -> int:
    key = (parent, call.kind, call.name)
    if (found := known.get(key)) is not None:
        return found
    above = parent
    while above != NO_NODE and (fold.nodes[above].kind, fold.nodes[above].name) != (call.kind, call.name):
        above = fold.nodes[above].parent
    if above == NO_NODE:
        above = len(fold.nodes)
        above_id = "" if parent == NO_NODE else fold.nodes[parent].id
        fold.nodes.append(FoldedNode(_make_id(above_id, call.kind, call.name), parent, call.kind, call.name))
    known[key] = above
    return above


def _count_handovers(
    rows: Sequence[FlowCall], parents: Sequence[int | None], places: Sequence[int], fold: Fold
) -> None:
    """Count, call by call of each caller, which node began once which other had ended."""
    last: dict[int | None, int] = {}
    for index, row in enumerate(rows):
        before = last.get(parents[index])
        last[parents[index]] = index
        if before is None:
            continue
        ended_at, source, target = rows[before].ended_at, places[before], places[index]
        are_siblings = fold.nodes[source].parent == fold.nodes[target].parent
        if source != target and are_siblings and ended_at is not None and ended_at <= row.started_at:
            fold.handovers[source, target] += 1


def _choose(fold: Fold, children: dict[int, list[int]], most: int) -> list[int]:
    """Return the nodes that stay, each after its parent: the best first, while they and the `more` nodes have room."""

    def rank(index: int) -> tuple[bool, float, int, int]:
        node = fold.nodes[index]
        return (not node.errors, -node.duration_ms, -node.calls, index)

    open_ = [(rank(index), index) for index in children.get(NO_NODE, ())]
    heapq.heapify(open_)
    waiting = {NO_NODE: len(open_)}
    kept: list[int] = []
    while open_ and len(kept) + len(waiting) < most:
        _, index = heapq.heappop(open_)
        kept.append(index)
        parent = fold.nodes[index].parent
        waiting[parent] -= 1
        if not waiting[parent]:
            del waiting[parent]
        if below := children.get(index):
            waiting[index] = len(below)
            for child in below:
                heapq.heappush(open_, (rank(child), child))
    # The last one taken may have brought a `more` node of its own for which there is no room.
    while len(kept) + len(waiting) > most:
        index = kept.pop()
        waiting.pop(index, None)
        waiting[fold.nodes[index].parent] = 1
    return kept


def _rebuild(fold: Fold, kept: Sequence[int]) -> Fold:
    """Return a graph of these nodes, with every other node counted in the `more` node below its nearest kept one."""
    made = Fold()
    new_of: dict[int, int] = {NO_NODE: NO_NODE}
    more_of: dict[int, int] = {}
    names: Counter[int] = Counter()
    for index in sorted(kept):
        node = fold.nodes[index]
        node.parent = new_of[node.parent]
        new_of[index] = len(made.nodes)
        made.nodes.append(node)
    for index, node in enumerate(fold.nodes):
        if index in new_of:
            continue
        more = _find_more(made, new_of[node.parent], more_of)
        new_of[index] = more
        names[more] += 1
        made.nodes[more].absorb(node)
    for index, count in names.items():
        made.nodes[index].name = f"{count} more"
    for counts, target in ((fold.calls, made.calls), (fold.handovers, made.handovers)):
        for (source, end), count in counts.items():
            if new_of[source] != new_of[end] or new_of[source] not in names:
                target[new_of[source], new_of[end]] += count
    return made


def _find_more(made: Fold, parent: int, more_of: dict[int, int]) -> int:
    """Return the `more` node below a kept node, or the node itself when it is one."""
    if parent != NO_NODE and made.nodes[parent].kind == MORE:
        return parent
    if parent not in more_of:
        parent_id = "" if parent == NO_NODE else made.nodes[parent].id
        more_of[parent] = len(made.nodes)
        made.nodes.append(FoldedNode(_make_id(parent_id, MORE, ""), parent, MORE, ""))
    return more_of[parent]


def _make_id(parent_id: str, kind: str, name: str) -> str:
    return hashlib.blake2b(f"{parent_id}\0{kind}\0{name}".encode(), digest_size=8).hexdigest()


def _add(total: int | None, value: int | None) -> int | None:
    return total if value is None else (total or 0) + value


def _keep(kept: list[str], more: Sequence[str], most: int) -> None:
    kept.extend(more[: most - len(kept)])
