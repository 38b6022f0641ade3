"""Lines that wait for one viewer, in their order, each with the gap before it.

A line that is dropped leaves itself and its gap to whatever follows. So what is given out accounts for every entry up
to the last line of it and for none behind: a viewer that goes on from there is told of nothing twice, and misses
nothing.

    (gap) line (gap) line ... (gap) BORDER (gap) line (gap) MARK (gap) line ... (gap) END

Before the border is what the backfill brings; what stands behind waits until that has all come. A mark is where the
stream begins anew, with the notice that says so. A ring of nodes, so that all of this costs the same however many wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from debugconsole.readers.notices import Gap
from debugconsole.wire.envelope import Cause, Notice
from debugconsole.wire.lines import WARN_RANK, Line
from debugconsole.wire.prepare import Prepared
from debugconsole.wire.tokens import Position

_OVERHEAD_BYTES = 400
"""What a queued line costs beside its JSON; its texts are shared by all feeds."""


@dataclass(slots=True, kw_only=True)
class Stretch:
    """What is given out. `gaps` are what stands before each of the lines, `rest` what stands behind the last."""

    events: list[Prepared] = field(default_factory=list)
    gaps: list[Gap | None] = field(default_factory=list)
    rest: Gap | None = None
    notices: list[Notice] = field(default_factory=list)
    position: Position | None = None
    """Up to where it accounts for everything; None when it holds nothing."""
    bytes: int = 0


class _Node:
    __slots__ = ("after", "before", "gap", "is_earlier", "item", "notice", "position")

    def __init__(self, item: Prepared | None = None, *, is_earlier: bool = False) -> None:
        self.item = item
        self.gap: Gap | None = None
        self.is_earlier = is_earlier
        self.notice: Notice | None = None
        self.position: Position | None = None
        self.before: _Node = self
        self.after: _Node = self


class Queue:
    """The lines and gaps of one feed."""

    def __init__(self) -> None:
        self.bytes = 0
        self._end = _Node()
        self._border = _Node()
        _insert(self._border, before=self._end)
        self._earlier: deque[_Node] = deque()
        self._low: deque[_Node] = deque()
        self._severe: deque[_Node] = deque()

    def __len__(self) -> int:
        return len(self._earlier) + len(self._low) + len(self._severe)

    @property
    def earlier(self) -> int:
        """How many lines of the backfill wait."""
        return len(self._earlier)

    @property
    def is_open(self) -> bool:
        """Whether everything earlier has come."""
        return self._border is self._end

    @property
    def has_something(self) -> bool:
        """Whether there is a line or a mark to give out, or a drop with nothing before it to tell of."""
        first = self._first
        if first is self._end:
            return first.gap is not None and first.gap.has_dropped
        return first is not self._border

    def add(self, item: Prepared, *, is_earlier: bool = False) -> None:
        """Put a line in."""
        node = _Node(item, is_earlier=is_earlier)
        self._insert(node)
        self._deque_of(node).append(node)
        self.bytes += _size_of(item)

    def mark(self, notice: Notice, position: Position, *, is_earlier: bool = False) -> None:
        """Say that the stream begins anew here, from a position on."""
        node = _Node(is_earlier=is_earlier)
        node.notice, node.position = notice, position
        self._insert(node)

    def gap(self, *, is_earlier: bool = False) -> Gap:
        """Return what is not shown since the last line."""
        return _gap_of(self._border if is_earlier else self._end)

    def open(self) -> None:
        """Let what came since follow what is earlier."""
        if not self.is_open:
            _remove(self._border)
            self._border = self._end

    def drop(self, cause: Cause) -> bool:
        """Give up the oldest of the least severe lines; say whether there was any."""
        nodes = self._low or self._severe or self._earlier
        if not nodes:
            return False
        node = nodes.popleft()
        assert node.item is not None
        item = node.item
        self.bytes -= _size_of(item)
        _gap_of(node).drop(cause, Position(item.id, item.ordinal), first=item.ordinal, rank=item.rank)
        _remove(node)
        return True

    def keep(self, is_wanted: Callable[[Line], bool]) -> int:
        """Take out, as filtered, what is not wanted; return how many."""
        before = len(self)
        for nodes in (self._earlier, self._low, self._severe):
            for _ in range(len(nodes)):
                node = nodes.popleft()
                assert node.item is not None
                if is_wanted(node.item.line):
                    nodes.append(node)
                else:
                    self.bytes -= _size_of(node.item)
                    _gap_of(node).filter(Position(node.item.id, node.item.ordinal))
                    _remove(node)
        return before - len(self)

    def take(self, most_events: int, most_bytes: int) -> Stretch:
        """Give out what stands first, one line at least where any may be, and no further than to a mark."""
        stretch = Stretch()
        while len(stretch.events) < most_events and (item := self._first.item) is not None:
            if stretch.events and stretch.bytes + len(item.json) > most_bytes:
                break
            node = self._first
            stretch.events.append(item)
            stretch.gaps.append(node.gap)
            stretch.bytes += len(item.json)
            stretch.position = Position(item.id, item.ordinal)
            self._deque_of(node).popleft()
            self.bytes -= _size_of(item)
            node.gap = None
            _remove(node)
        self._take_gap(stretch)
        return stretch

    @property
    def _first(self) -> _Node:
        return self._end.after

    def _take_gap(self, stretch: Stretch) -> None:
        """Add the gap before what stands first, and then a mark if it stands there and nothing comes before it."""
        first = self._first
        if first.gap is not None and not (stretch.events and first.item is not None):
            stretch.rest, first.gap = first.gap, None
            stretch.position = stretch.rest.until or stretch.position
        elif first.notice is not None and not stretch.events:
            stretch.notices.append(first.notice)
            stretch.position = first.position
            _remove(first)

    def _insert(self, node: _Node) -> None:
        behind = self._border if node.is_earlier else self._end
        node.gap, behind.gap = behind.gap, None
        _insert(node, before=behind)

    def _deque_of(self, node: _Node) -> deque[_Node]:
        assert node.item is not None
        if node.is_earlier:
            return self._earlier
        return self._severe if node.item.rank >= WARN_RANK else self._low


def _gap_of(node: _Node) -> Gap:
    if node.gap is None:
        node.gap = Gap()
    return node.gap


def _insert(node: _Node, *, before: _Node) -> None:
    node.before, node.after = before.before, before
    before.before.after = node
    before.before = node


def _remove(node: _Node) -> None:
    """Take a node out; its gap goes to the one behind it."""
    node.before.after, node.after.before = node.after, node.before
    if node.gap is not None:
        if node.after.gap is not None:
            node.gap.join(node.after.gap)
        node.after.gap = node.gap


def _size_of(item: Prepared) -> int:
    return len(item.json) + _OVERHEAD_BYTES
