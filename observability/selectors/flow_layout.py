"""Where the boxes and arrows of a flow graph lie: pure, deterministic, in a drawing of its own units (CSS pixels).

The calls form a tree, so there is nothing to search for: callers stand left of what they call, each level in a column,
and a node beside the first of its children. A subtree moves up until it touches the one above, column by column. So
boxes never overlap, arrows of calls never cross, and a node that arrives later never moves what lies above it. What
remains are the arrows between the children of one caller, which stand in one column, and those back to a node above.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH = 252.0
HEIGHT = 56.0
COLUMN_GAP = 76.0
ROW_GAP = 32.0

Point = tuple[float, float]

_DOWN_AT = 28.0
_UP_AT = 76.0
_BULGE = 28.0
_BULGE_MORE = 8.0
_LIFT = 44.0


@dataclass(frozen=True, slots=True)
class Place:
    """A box's upper left corner."""

    x: float
    y: float


@dataclass(slots=True)
class _Subtree:
    """How far down a subtree reaches in each column from its root's on, and where it begins there."""

    tops: list[int]
    bottoms: list[int]


def place_nodes(children: Mapping[int, Sequence[int]], *, root: int) -> dict[int, Place]:
    """Return the place of every node below `root`, which itself is not drawn.

    `children` has the children of a node in their order. Time grows with nodes times levels.
    """
    rows: dict[int, int] = {}
    subtrees: dict[int, _Subtree] = {}
    order = _list_parents_first(children, root)
    for node, _ in reversed(order):
        subtrees[node] = _stack(children.get(node, ()), subtrees, rows)
    places: dict[int, Place] = {}
    absolute = {root: 0}
    for node, level in order:
        for child in children.get(node, ()):
            absolute[child] = absolute[node] + rows[child]
            places[child] = Place(level * (WIDTH + COLUMN_GAP), absolute[child] * (HEIGHT + ROW_GAP))
    return places


def draw_call(source: Place, target: Place) -> list[Point]:
    """Return the curve from a caller's right side to the left side of what it calls, in the column after."""
    start = (source.x + WIDTH, source.y + HEIGHT / 2)
    end = (target.x, target.y + HEIGHT / 2)
    if start[1] == end[1]:
        return [start, end]
    middle = (start[0] + end[0]) / 2
    return [start, (middle, start[1]), (middle, end[1]), end]


def draw_recursion(source: Place, target: Place) -> list[Point]:
    """Return the curve over both boxes back to the node above, or from a box to itself."""
    lift = min(source.y, target.y) - _LIFT
    start, end = (source.x + WIDTH * 0.75, source.y), (target.x + WIDTH * 0.5, target.y)
    return [start, (start[0], lift), (end[0], lift), end]


def draw_handover(source: Place, target: Place, *, is_next: bool) -> list[Point]:
    """Return the arrow between two boxes of a column; `is_next` when no box of the same caller is between them.

    Onward and back have different sides, so that a loop shows as one.
    """
    is_down = source.y < target.y
    if is_next:
        x = source.x + (_DOWN_AT if is_down else _UP_AT)
        return [(x, source.y + HEIGHT), (x, target.y)] if is_down else [(x, source.y), (x, target.y + HEIGHT)]
    distance = abs(target.y - source.y) / (HEIGHT + ROW_GAP)
    bulge = min(_BULGE + _BULGE_MORE * distance, COLUMN_GAP * 0.8)
    if is_down:
        start, end = (source.x, source.y + HEIGHT * 0.75), (target.x, target.y + HEIGHT * 0.25)
        return [start, (start[0] - bulge, start[1]), (end[0] - bulge, end[1]), end]
    start, end = (source.x + WIDTH, source.y + HEIGHT * 0.25), (target.x + WIDTH, target.y + HEIGHT * 0.75)
    return [start, (start[0] + bulge, start[1]), (end[0] + bulge, end[1]), end]


def _list_parents_first(children: Mapping[int, Sequence[int]], root: int) -> list[tuple[int, int]]:
    """Return all nodes with their level, each after its parent. No recursion: a chain may be long."""
    order = [(root, 0)]
    for node, level in order:
        order.extend((child, level + 1) for child in children.get(node, ()))
    return order


def _stack(siblings: Sequence[int], subtrees: dict[int, _Subtree], rows: dict[int, int]) -> _Subtree:
    """Put subtrees below each other as tightly as their outlines allow; sets their rows relative to the parent's."""
    tops: list[int] = []
    bottoms: list[int] = []
    for node in siblings:
        below = subtrees.pop(node)
        offset = max((bottom - top for bottom, top in zip(bottoms, below.tops, strict=False)), default=0)
        rows[node] = offset
        for level, (top, bottom) in enumerate(zip(below.tops, below.bottoms, strict=True)):
            if level < len(tops):
                bottoms[level] = offset + bottom
            else:
                tops.append(offset + top)
                bottoms.append(offset + bottom)
    return _Subtree(tops=[0, *tops], bottoms=[1, *bottoms])
