"""What one connection tells its viewer beside lines, and when: hello, numbers, that the time is nearly over.

Every turn of a transport's loop asks `watch_time`, so a session ends on time with every other clock stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
from django.utils import timezone

from debugconsole.metrics import note_sent
from debugconsole.readers.feed import Feed, FeedStats, Taken
from debugconsole.readers.hub import get_hub
from debugconsole.transports import limits
from debugconsole.viewing import session_of, token_of
from debugconsole.wire.envelope import Batch, EndReason, Heartbeat, Hello, Notice, NoticeCode, SourceState
from debugconsole.wire.lines import write_time

_RESUMED_SECONDS = 2.0


class Teller:
    """The messages of one connection."""

    def __init__(self, feed: Feed, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.after = token_of(feed, feed.given)
        self._feed = feed
        self._clock = clock
        self._session = session_of(feed)
        self._began = time.time()
        self._is_told_of_end = False
        self._deadline = self._find_deadline()
        self._beaten_at = clock()
        self._beaten = feed.stats()
        self._told_state = get_hub().state_of(feed)

    async def hello(self) -> Hello:
        """Return the first message, as soon as it is known what becomes of the place to go on from."""
        feed, session = self._feed, self._session
        await feed.wait_resumed(_RESUMED_SECONDS)
        self.after = token_of(feed, feed.given)
        self._told_state = get_hub().state_of(feed)
        return Hello(
            session=feed.session_id,
            server_time=write_time(int(time.time() * 1000)),
            expires_at=session.expires_at.isoformat(),
            hard_expires_at=session.hard_expires_at.isoformat(),
            resume=feed.resume_outcome,
            lost=feed.stats().lost,
            after=self.after,
            filter=session.filter,
            paused=feed.is_paused,
            sample=session.sample,
            limits=limits.describe_limits(session),
            state=self._told_state,
        )

    def batch(self, taken: Taken) -> Batch | None:
        """Return a stretch of the stream with what is not shown of it; None when it holds no entry."""
        self.note(taken)
        count = taken.count
        if not count and not taken.aside:
            return None
        last = taken.position.ordinal
        return Batch(
            events=[msgspec.Raw(item.json) for item in (*taken.events, *taken.aside)],
            n=(last - count + 1, last),
            after=self.after,
            notices=[notice for notice in taken.notices if notice.code == NoticeCode.DROPPED],
            filtered=taken.filtered,
        )

    def note(self, taken: Taken) -> None:
        """Note where to go on behind a stretch that is sent."""
        self.after = token_of(self._feed, taken.position)
        note_sent([item.id for item in taken.events], since=self._began)

    def notices(self, taken: Taken) -> list[Notice]:
        """Return what is to be said beside lines."""
        return [notice for notice in taken.notices if notice.code != NoticeCode.DROPPED]

    def heartbeat(self) -> Heartbeat | None:
        """Return numbers when it is time for them."""
        stats, now = self._feed.stats(), self._clock()
        passed = now - self._beaten_at
        is_early = passed < (limits.BUSY_HEARTBEAT_SECONDS if stats != self._beaten else limits.HEARTBEAT_SECONDS)
        # What the source does is told at once: until then a page may not say that it is live.
        if is_early and get_hub().state_of(self._feed) == self._told_state:
            return None
        return self.numbers()

    def numbers(self) -> Heartbeat:
        """Return numbers now."""
        stats, now = self._feed.stats(), self._clock()
        rate = (stats.produced - self._beaten.produced) / max(0.001, now - self._beaten_at)
        self._beaten_at, self._beaten = now, stats
        return self._write_heartbeat(stats, rate)

    def watch_time(self) -> None:
        """Tell that the session is nearly over, and end it when it is."""
        session = session_of(self._feed)
        if session.expires_at != self._session.expires_at:
            self._session, self._is_told_of_end = session, False
            self._deadline = self._find_deadline()
        left = self._deadline - self._clock()
        if left <= 0:
            self._feed.end(EndReason.EXPIRED)
        elif left <= limits.EXPIRING_SECONDS and not self._is_told_of_end:
            self._is_told_of_end = True
            self._feed.tell(Notice(code=NoticeCode.EXPIRING, seconds=round(left)))

    def seconds_left(self) -> float:
        """Return for how long the session may go on."""
        return max(0.0, self._deadline - self._clock())

    def seconds_to_wait(self) -> float:
        """Return after how long something may have to be told though nothing happened."""
        now = self._clock()
        left = self._deadline - now
        until_expiry = left if self._is_told_of_end else left - limits.EXPIRING_SECONDS
        until_beat = self._beaten_at - now + limits.HEARTBEAT_SECONDS
        if self._feed.stats() != self._beaten:
            until_beat -= limits.HEARTBEAT_SECONDS - limits.BUSY_HEARTBEAT_SECONDS
        if self._told_state == SourceState.CONNECTING:
            until_beat = min(until_beat, limits.CONNECTING_SECONDS)
        return max(0.01, min(until_expiry, until_beat))

    def _find_deadline(self) -> float:
        return self._clock() + (self._session.expires_at - timezone.now()).total_seconds()

    def _write_heartbeat(self, stats: FeedStats, rate: float) -> Heartbeat:
        hub = get_hub()
        self._told_state = hub.state_of(self._feed)
        return Heartbeat(
            lag=hub.lag_of(self._feed),
            queued=stats.queued,
            sent=stats.delivered,
            dropped=sum(stats.dropped.values()),
            filtered=stats.filtered,
            lost=stats.lost,
            rate=round(rate, 1),
            expires_in=max(0, int(self._deadline - self._clock())),
            state=self._told_state,
            after=self.after,
        )
