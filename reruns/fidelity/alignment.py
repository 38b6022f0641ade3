"""Which call of a rerun is which of its source, and where the two first part.

Pairs come from the alignment that comparisons use; then calls that are alike but lie elsewhere are found, so that an
order swap is no pair of changed inputs.
"""

from __future__ import annotations

import enum
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from observability.selectors.compare_align import Step, align


class Token(NamedTuple):
    """What a call is known by. `input` is the digest of its one spelling."""

    kind: str
    name: str
    input: str


class Relation(enum.StrEnum):
    """What a call of the rerun is to one of the source."""

    SAME = "same"
    MOVED = "moved"
    """The same call, in another order."""
    INPUT = "input_drift"
    """A call of the same kind and name with another input."""
    NAME = "name_mismatch"
    TYPE = "type_mismatch"
    MISSING = "missing"
    """Only the source has it."""
    EXTRA = "extra"
    """Only the rerun has it."""


class Row(NamedTuple):
    """One row: places in both, None where there is no partner."""

    source: int | None
    rerun: int | None
    relation: Relation


class Divergence(NamedTuple):
    """Where the two first part: the place in both, and the row that tells why."""

    at: int
    row: Row


def align_calls(source: Sequence[Token], rerun: Sequence[Token]) -> list[Row]:
    """Return the rows of both in one order; each call of either comes exactly once."""
    pairs = [(pair.left, pair.right) for pair in align(_make_steps(source), _make_steps(rerun))]
    moved = _find_moved(source, rerun, pairs)
    moved_sources = set(moved.values())
    rows: list[Row] = []
    gap: list[tuple[int | None, int | None]] = []
    for left, right in pairs:
        if left is not None and right is not None and source[left] == rerun[right]:
            rows += _fill_gap(source, rerun, gap)
            rows.append(Row(left, right, Relation.SAME))
            gap = []
            continue
        one = None if left in moved_sources else left
        if right is not None and right in moved:
            gap.append((one, None))
            rows.append(Row(moved[right], right, Relation.MOVED))
        else:
            gap.append((one, right))
    return [*rows, *_fill_gap(source, rerun, gap)]


def find_first_divergence(source: Sequence[Token], rerun: Sequence[Token], rows: Sequence[Row]) -> Divergence | None:
    """Return the first place at which the calls are not alike, or None where there is none."""
    at = next(
        (place for place, (one, other) in enumerate(zip(source, rerun, strict=False)) if one != other),
        min(len(source), len(rerun)),
    )
    if at == len(source) == len(rerun):
        return None
    changed = [row for row in rows if row.relation is not Relation.SAME]
    # The rerun's own call tells more than the source's that did not come.
    of_rerun = next((row for row in changed if row.rerun == at), None)
    of_source = next((row for row in changed if row.source == at), None)
    row = of_rerun or of_source
    assert row is not None, "two lists that part have a call that is not alike there"
    return Divergence(at, row)


def _make_steps(tokens: Sequence[Token]) -> list[Step]:
    return [Step(str(place), None, token.kind, token.name, token.input) for place, token in enumerate(tokens)]


def _find_moved(
    source: Sequence[Token], rerun: Sequence[Token], pairs: Sequence[tuple[int | None, int | None]]
) -> dict[int, int]:
    """Return by place in the rerun the like call of the source among all that found none at their own place."""
    waiting: dict[Token, deque[int]] = defaultdict(deque)
    unlike = [(left, right) for left, right in pairs if left is None or right is None or source[left] != rerun[right]]
    for left, _ in unlike:
        if left is not None:
            waiting[source[left]].append(left)
    return {
        right: waiting[rerun[right]].popleft() for _, right in unlike if right is not None and waiting.get(rerun[right])
    }


def _fill_gap(
    source: Sequence[Token], rerun: Sequence[Token], gap: Sequence[tuple[int | None, int | None]]
) -> Iterator[Row]:
    """Pair what is left between two calls that are alike: the changed, in order; then what only one side has."""
    lefts = deque(left for left, _ in gap if left is not None)
    for right in (right for _, right in gap if right is not None):
        found = next((left for left in lefts if _relate(source[left], rerun[right]) is not None), None)
        if found is None:
            yield Row(None, right, Relation.EXTRA)
            continue
        while lefts[0] != found:
            yield Row(lefts.popleft(), None, Relation.MISSING)
        lefts.popleft()
        relation = _relate(source[found], rerun[right])
        assert relation is not None
        yield Row(found, right, relation)
    yield from (Row(left, None, Relation.MISSING) for left in lefts)


def _relate(one: Token, other: Token) -> Relation | None:
    """Return what differs between two calls that may be each other's, or None for strangers."""
    if (one.kind, one.name) == (other.kind, other.name):
        return Relation.INPUT
    if one.kind == other.kind:
        return Relation.NAME
    return Relation.TYPE if one.name == other.name else None
