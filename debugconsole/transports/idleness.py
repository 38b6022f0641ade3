"""Viewers who do not look: paused after a while, ended after a longer one (contract debug-console, 6.5)."""

from __future__ import annotations

import time
from collections.abc import Callable

from debugconsole.readers.feed import Feed
from debugconsole.transports import limits
from debugconsole.wire.envelope import EndReason, Notice, NoticeCode


class Idleness:
    """Since when a client has not dealt with what it was sent, or is in a tab that nobody sees."""

    def __init__(self, feed: Feed, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._feed = feed
        self._clock = clock
        self._acked_at = clock()
        self._hidden_at: float | None = None
        self._is_behind = False
        self._has_paused = False

    def touch(self) -> None:
        """Note that the client dealt with something."""
        self._acked_at = self._clock()
        self._feed.nudge()

    def hide(self, *, is_hidden: bool) -> None:
        """Note that the client's tab is hidden, or seen again."""
        if not is_hidden:
            self._hidden_at = None
        elif self._hidden_at is None:
            self._hidden_at = self._clock()
        self._feed.nudge()

    def watch(self, *, has_unacked: bool) -> None:
        """Pause or end the feed of a client that is idle; go on with one that is not any more."""
        self._is_behind = has_unacked
        if not has_unacked:
            self._acked_at = self._clock()
        idle = self._find_idle()
        if idle >= limits.IDLE_END_SECONDS:
            self._feed.end(EndReason.IDLE)
        elif idle >= limits.IDLE_PAUSE_SECONDS and not self._feed.is_paused:
            self._has_paused = True
            self._feed.pause()
            self._feed.tell(Notice(code=NoticeCode.PAUSED, detail="idle"))
        elif idle < limits.IDLE_PAUSE_SECONDS and self._has_paused:
            self._has_paused = False
            self._feed.resume()
            self._feed.tell(Notice(code=NoticeCode.RESUMED, detail="idle"))

    def seconds_to_wait(self) -> float:
        """Return after how long there may be something to do."""
        idle = self._find_idle()
        limit = limits.IDLE_PAUSE_SECONDS if idle < limits.IDLE_PAUSE_SECONDS else limits.IDLE_END_SECONDS
        return max(0.01, limit - idle)

    def _find_idle(self) -> float:
        now = self._clock()
        idle = now - self._hidden_at if self._hidden_at is not None else 0.0
        return max(idle, now - self._acked_at) if self._is_behind else idle
