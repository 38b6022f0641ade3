"""Which event is whose parent: pure, whatever parents were named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class TreeEvent(Protocol):
    """What the tree needs of an event."""

    @property
    def span_id(self) -> str: ...

    @property
    def parent_span_id(self) -> str | None: ...

    @property
    def kind(self) -> str: ...

    @property
    def is_inferred(self) -> bool: ...


def find_parents(events: Sequence[TreeEvent]) -> list[int | None]:
    """Return the position of each event's parent; None for a root.

    A root is also what names itself or a parent that is not there, and the one of a circle that comes first. Events
    that are inferred to belong to the run hang below its workflow.
    """
    by_span: dict[str, int] = {}
    home = None
    for index, event in enumerate(events):
        by_span.setdefault(event.span_id, index)
        if home is None and event.kind == "workflow" and not event.parent_span_id and not event.is_inferred:
            home = index
    parents: list[int | None] = []
    for index, event in enumerate(events):
        found = by_span.get(event.parent_span_id) if event.parent_span_id else home if event.is_inferred else None
        parents.append(None if found == index else found)
    _break_circles(parents)
    return parents


def list_children(parents: Sequence[int | None]) -> dict[int | None, list[int]]:
    """Return the children of each position in their order; those of None are the roots."""
    children: dict[int | None, list[int]] = {}
    for index, parent in enumerate(parents):
        children.setdefault(parent, []).append(index)
    return children


def _break_circles(parents: list[int | None]) -> None:
    walk_of: list[int | None] = [None] * len(parents)
    for start in range(len(parents)):
        at: int | None = start
        while at is not None and walk_of[at] is None:
            walk_of[at] = start
            at = parents[at]
        if at is not None and walk_of[at] == start:
            parents[at] = None
