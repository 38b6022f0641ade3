"""Align two runs step by step: pure, without a database.

From the roots down, the children of two matched events are matched in their order: what is alike in kind, name and
content first, then what is alike in kind and name; a model call may also match one of another model. Whatever has no
partner is missing (only left) or added (only right), with all below it. Each event of both sides comes exactly once.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from observability.selectors.event_tree import find_parents, list_children

Pair = tuple[int | None, int | None]

_MOST_CELLS = 40_000
_MOST_CELLS_IN_ALL = 1_500_000
_ALIKE, _SAME_NAME, _SAME_KIND = 3, 2, 1


class Step(NamedTuple):
    """What the alignment needs of one event. `content` is equal where nothing that is compared differs."""

    span_id: str
    parent_span_id: str | None
    kind: str
    name: str
    content: Hashable
    is_inferred: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What an event must share with its partner."""
        return (self.kind, self.name)

    @property
    def token(self) -> Hashable:
        """What two events share that do not differ at all."""
        return (self.kind, self.name, self.content)


class AlignedPair(NamedTuple):
    """One row: positions in both runs, None where it has no partner, and its level below the roots."""

    left: int | None
    right: int | None
    depth: int


def align(left: Sequence[Step], right: Sequence[Step]) -> list[AlignedPair]:
    """Return the rows of both runs, which come in order of start, each below its parent's.

    Lists of children are matched at best score while that takes few comparisons; longer ones by their unique order.
    Time grows with events times the logarithm of the longest list, and a bounded number of comparisons.
    """
    matcher = _Matcher(left, right)
    left_children, right_children = list_children(find_parents(left)), list_children(find_parents(right))
    roots = (left_children.get(None, []), right_children.get(None, []))
    is_one_root = len(roots[0]) == len(roots[1]) == 1
    # Two runs with one root each are compared from there on, also those of different workflows.
    first: list[Pair] = [(roots[0][0], roots[1][0])] if is_one_root else matcher.match(*roots)
    rows: list[AlignedPair] = []
    open_ = [(pair, 0) for pair in reversed(first)]
    while open_:
        (one, other), depth = open_.pop()
        rows.append(AlignedPair(one, other, depth))
        below_left = [] if one is None else left_children.get(one, [])
        below_right = [] if other is None else right_children.get(other, [])
        open_.extend((pair, depth + 1) for pair in reversed(matcher.match(below_left, below_right)))
    return rows


@dataclass(slots=True)
class _Matcher:
    left: Sequence[Step]
    right: Sequence[Step]
    cells_left: int = _MOST_CELLS_IN_ALL

    def match(self, ones: Sequence[int], others: Sequence[int]) -> list[Pair]:
        """Return both lists in one order, partners side by side."""
        start, end = self._count_alike_ends(ones, others)
        middle = self._match_middle(ones[start : len(ones) - end], others[start : len(others) - end])
        before = list(zip(ones[:start], others[:start], strict=True))
        after = list(zip(ones[len(ones) - end :], others[len(others) - end :], strict=True))
        return [*before, *middle, *after]

    def _count_alike_ends(self, ones: Sequence[int], others: Sequence[int]) -> tuple[int, int]:
        most = min(len(ones), len(others))
        start = 0
        while start < most and self._are_alike(ones[start], others[start]):
            start += 1
        end = 0
        while end < most - start and self._are_alike(ones[-1 - end], others[-1 - end]):
            end += 1
        return start, end

    def _are_alike(self, one: int, other: int) -> bool:
        return self.left[one].token == self.right[other].token

    def _match_middle(self, ones: Sequence[int], others: Sequence[int]) -> list[Pair]:
        if not ones or not others:
            return [*((one, None) for one in ones), *((None, other) for other in others)]
        if self._may_score(ones, others):
            return self._match_by_score(ones, others)
        anchors = self._find_common_order(ones, others, lambda step: step.token)
        rows: list[Pair] = []
        for gap, anchor in _split_at(anchors, ones, others):
            rows += self._match_gap(*gap)
            rows += [anchor] if anchor else []
        return rows

    def _match_gap(self, ones: Sequence[int], others: Sequence[int]) -> list[Pair]:
        if not ones or not others or self._may_score(ones, others):
            return self._match_by_score(ones, others)
        anchors = self._find_common_order(ones, others, lambda step: step.key)
        rows: list[Pair] = []
        for (before, after), anchor in _split_at(anchors, ones, others):
            rows += [*((one, None) for one in before), *((None, other) for other in after)]
            rows += [anchor] if anchor else []
        return rows

    def _may_score(self, ones: Sequence[int], others: Sequence[int]) -> bool:
        cells = len(ones) * len(others)
        if cells > min(_MOST_CELLS, self.cells_left):
            return False
        self.cells_left -= cells
        return True

    def _score(self, one: Step, other: Step) -> int:
        if one.key == other.key:
            return _ALIKE if one.content == other.content else _SAME_NAME
        return _SAME_KIND if one.kind == other.kind == "ai" else 0

    def _match_by_score(self, ones: Sequence[int], others: Sequence[int]) -> list[Pair]:
        """Return the order of partners with the highest score: the longest common subsequence, weighed."""
        scores = [[self._score(self.left[one], self.right[other]) for other in others] for one in ones]
        best = [[0] * (len(others) + 1) for _ in range(len(ones) + 1)]
        for row in range(len(ones) - 1, -1, -1):
            here, below, gains = best[row], best[row + 1], scores[row]
            for column in range(len(others) - 1, -1, -1):
                gain = gains[column]
                most = below[column + 1] + gain if gain else 0
                here[column] = max(most, below[column], here[column + 1])
        return list(_walk(ones, others, scores, best))

    def _find_common_order(
        self, ones: Sequence[int], others: Sequence[int], name: Callable[[Step], Hashable]
    ) -> list[tuple[int, int]]:
        """Return positions in both lists whose nth of each name are partners, as many as one order allows."""
        places: dict[Hashable, list[int]] = defaultdict(list)
        for place in range(len(others) - 1, -1, -1):
            places[name(self.right[others[place]])].append(place)
        pairs = []
        for place, one in enumerate(ones):
            if waiting := places.get(name(self.left[one])):
                pairs.append((place, waiting.pop()))
        return _find_increasing(pairs)


def _walk(ones: Sequence[int], others: Sequence[int], scores: list[list[int]], best: list[list[int]]) -> Iterator[Pair]:
    row = column = 0
    while row < len(ones) and column < len(others):
        gain = scores[row][column]
        if gain and best[row][column] == best[row + 1][column + 1] + gain:
            yield ones[row], others[column]
            row, column = row + 1, column + 1
        elif best[row][column] == best[row + 1][column]:
            yield ones[row], None
            row += 1
        else:
            yield None, others[column]
            column += 1
    yield from ((one, None) for one in ones[row:])
    yield from ((None, other) for other in others[column:])


def _split_at(
    anchors: Sequence[tuple[int, int]], ones: Sequence[int], others: Sequence[int]
) -> Iterator[tuple[tuple[Sequence[int], Sequence[int]], Pair | None]]:
    """Yield what lies before each anchor, and the anchor; at last what lies after them all."""
    row = column = 0
    for one, other in anchors:
        yield (ones[row:one], others[column:other]), (ones[one], others[other])
        row, column = one + 1, other + 1
    yield (ones[row:], others[column:]), None


def _find_increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the longest run of pairs whose second places increase too. n log n."""
    tails: list[int] = []
    ends: list[int] = []
    before: list[int | None] = []
    for index, (_, place) in enumerate(pairs):
        at = bisect_left(tails, place)
        before.append(ends[at - 1] if at else None)
        tails[at : at + 1] = [place]
        ends[at : at + 1] = [index]
    found = []
    step = ends[-1] if ends else None
    while step is not None:
        found.append(pairs[step])
        step = before[step]
    return found[::-1]
