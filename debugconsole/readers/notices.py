"""Lines that are not shown, joined into one notice by cause until the viewer is told."""

from __future__ import annotations

from collections import Counter

from debugconsole.wire.envelope import Cause, Notice, NoticeCode
from debugconsole.wire.lines import LEVELS


class Gaps:
    """What was dropped since the viewer was last told."""

    def __init__(self) -> None:
        self._gaps: dict[Cause, _Gap] = {}

    def __bool__(self) -> bool:
        return bool(self._gaps)

    def add(self, cause: Cause, *, first: int, last: int, count: int = 1, rank: int | None = None) -> None:
        """Note that lines between two ordinals are not shown."""
        gap = self._gaps.get(cause)
        if gap is None:
            gap = self._gaps[cause] = _Gap(first)
        gap.count += count
        gap.first, gap.last = min(gap.first, first), max(gap.last, last)
        if rank is not None:
            gap.levels[LEVELS[rank]] += count

    def take(self) -> list[Notice]:
        """Return a notice for each cause, and forget."""
        notices = [
            Notice(
                code=NoticeCode.DROPPED,
                cause=cause,
                count=gap.count,
                from_=gap.first,
                to=gap.last,
                by_level=dict(gap.levels) or None,
            )
            for cause, gap in self._gaps.items()
        ]
        self._gaps.clear()
        return notices


class _Gap:
    def __init__(self, first: int) -> None:
        self.count = 0
        self.first = self.last = first
        self.levels: Counter[str] = Counter()
