"""How often something may be done over sockets: so many times a minute, all at once if need be, by name.

Each web process counts for itself: a limit is there to keep one key from filling a process, not to be exact.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MOST_NAMES = 10_000
"""Names that are remembered; of more, those that were quiet longest are forgotten."""


class RateLimit:
    """Counts by name. What was not used for a minute is free again as a whole."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> int:
        """Take one and return 0; or, when there is none left, the seconds until there is."""
        now = self._clock()
        left, at = self._left.pop(name, (float(self._per_minute), now))
        left = min(left + (now - at) * self._per_minute / 60, self._per_minute)
        has_one = left >= 1
        self._left[name] = (left - 1 if has_one else left, now)
        if len(self._left) > MOST_NAMES:
            self._left.popitem(last=False)
        return 0 if has_one else -int(-(1 - left) * 60 // self._per_minute)
