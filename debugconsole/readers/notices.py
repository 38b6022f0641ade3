"""What is not shown between two lines, by cause."""

from __future__ import annotations

from debugconsole.wire.envelope import Cause, Notice, NoticeCode
from debugconsole.wire.lines import LEVELS
from debugconsole.wire.tokens import Position


class Gap:
    """Entries that were not let through by the filter, and those dropped. `until` is the last of them."""

    __slots__ = ("_parts", "filtered", "until")

    def __init__(self) -> None:
        self.filtered = 0
        self.until: Position | None = None
        self._parts: dict[Cause, _Part] = {}

    @property
    def has_dropped(self) -> bool:
        """Whether there is something that a viewer must be told."""
        return bool(self._parts)

    @property
    def count(self) -> int:
        """How many entries it stands for."""
        return self.filtered + sum(part.count for part in self._parts.values())

    def filter(self, until: Position) -> None:
        """Note an entry that the filter does not let through."""
        self.filtered += 1
        self.until = until

    def drop(self, cause: Cause, until: Position, *, first: int, count: int = 1, rank: int | None = None) -> None:
        """Note entries between two ordinals, the last of which is at `until`."""
        part = self._parts.get(cause)
        if part is None:
            part = self._parts[cause] = _Part(first)
        part.count += count
        part.last = until.ordinal
        if rank is not None:
            part.levels[rank] = part.levels.get(rank, 0) + 1
        self.until = until

    def join(self, later: Gap) -> None:
        """Take up what follows."""
        self.filtered += later.filtered
        self.until = later.until or self.until
        for cause, part in later._parts.items():
            known = self._parts.setdefault(cause, _Part(part.first))
            known.count += part.count
            known.last = part.last
            for rank, count in part.levels.items():
                known.levels[rank] = known.levels.get(rank, 0) + count

    def notices(self) -> list[Notice]:
        """Return a notice for each cause."""
        return [
            Notice(
                code=NoticeCode.DROPPED,
                cause=cause,
                count=part.count,
                from_=part.first,
                to=part.last,
                by_level={LEVELS[rank]: count for rank, count in part.levels.items()} or None,
            )
            for cause, part in self._parts.items()
        ]


class _Part:
    __slots__ = ("count", "first", "last", "levels")

    def __init__(self, first: int) -> None:
        self.count = 0
        self.first = self.last = first
        self.levels: dict[int, int] = {}
