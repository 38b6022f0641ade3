"""One viewer's queue: bounded in lines and bytes, with an account of every line it was offered.

    produced = delivered + queued + filtered + dropped, by cause

at every moment. Lines come from the reader (`offer`) and from the backfill (`offer_earlier`), and leave by `take`,
which a transport calls when its client can have more. Nobody is ever waited for: what does not fit is dropped, the
oldest of the least severe first, and told. All in one event loop; no locks.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from debugconsole.filters import NO_FILTER, Filter
from debugconsole.readers.aside import AsideQueue
from debugconsole.readers.notices import Gap
from debugconsole.readers.pace import Pace, PaceLimits, is_chosen
from debugconsole.readers.queue import Queue
from debugconsole.wire.envelope import ONE_PROCESS, Cause, End, EndReason, Notice, NoticeCode
from debugconsole.wire.lines import WARN_RANK
from debugconsole.wire.prepare import Prepared, Source, Unshown
from debugconsole.wire.profiles import STANDARD
from debugconsole.wire.tokens import START, Position

_MOST_NOTICES = 100
_SKEW_MS = 5_000
_LAST_WORDS_SECONDS = 2.0
"""How long a viewer whose session is over may still take what waited for it."""
_INTERRUPTIONS = frozenset(
    (
        EndReason.REPLACED,
        EndReason.SLOW_CONSUMER,
        EndReason.BUDGET,
        EndReason.SERVER_DRAIN,
        EndReason.LOST,
        EndReason.UNVERIFIABLE,
    )
)
"""After these the viewer goes on where it was, with what waited."""
_OUTCOMES = ("new", "pending", "exact", "lost", "reset")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLimits:
    """Bounds of one feed."""

    lines: int = 2_000
    bytes: int = 4 * 2**20
    pace: PaceLimits = field(default_factory=PaceLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a transport sends next. It accounts for the stream up to `position`: every entry is an event, or stands in
    a gap. `gaps` are those before each event, `rest` is behind the last; `notices` tell of all of them, and of more.
    """

    events: list[Prepared]
    notices: list[Notice]
    position: Position
    end: End | None = None
    gaps: list[Gap | None] = field(default_factory=list)
    rest: Gap | None = None
    aside: list[Prepared] = field(default_factory=list)
    """Lines of this process alone. Where there are any, nothing of the stream comes with them."""

    @property
    def filtered(self) -> int:
        """How many entries the filter did not let through."""
        return sum(gap.filtered for gap in (*self.gaps, self.rest) if gap is not None)

    @property
    def count(self) -> int:
        """How many entries it accounts for."""
        return len(self.events) + sum(gap.count for gap in (*self.gaps, self.rest) if gap is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStats:
    """A feed's account."""

    produced: int
    delivered: int
    queued: int
    filtered: int
    dropped: dict[Cause, int]
    redacted: int
    bytes: int

    @property
    def lost(self) -> int:
        """How many were gone before they could be read."""
        return self.dropped.get(Cause.RETENTION, 0)


class Feed:
    """A session's share of one stream. `position` is where its account has come to."""

    def __init__(
        self,
        *,
        session_id: str,
        owner: str = "",
        source: Source,
        project_id: int | None = None,
        filter: Filter = NO_FILTER,
        limits: FeedLimits | None = None,
        tail: int = 0,
        after: Position | None = None,
        transport: str = "none",
        profile: str = STANDARD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.session_id = session_id
        self.owner = owner or session_id
        """To whom its tokens belong."""
        self.source = source
        self.project_id = project_id
        self.tail = tail
        self.after = after
        self.transport = transport
        self.profile = profile
        self.position = self._given = after or START
        self.is_paused = False
        self.resume_outcome = "new" if after is None else "pending"
        """What became of `after`: `exact`, `lost` or `reset`."""
        self.end_: End | None = None
        self._ended_at = 0.0
        self._filter = filter
        self._limits = limits or FeedLimits()
        self._clock = clock
        self._pace = Pace(self._limits.pace, clock())
        self._share = 1.0
        self._told_share = 1.0
        self._is_skew_told = False
        self._is_cut_told = False
        self._queue = Queue()
        self._aside = AsideQueue()
        self._earlier_at = after or START
        self._notices: deque[Notice] = deque(maxlen=_MOST_NOTICES)
        self._changed = asyncio.Event()
        self._is_nudged = False
        self._is_resumed = asyncio.Event()
        self._produced = self._delivered = self._filtered = self._redacted = self._sent_bytes = 0
        self._dropped: Counter[Cause] = Counter()

    # --- From the reader ------------------------------------------------------------------------------------------

    def begin(self, position: Position) -> None:
        """Account for everything from here on; what is earlier is for the backfill."""
        after = self.after
        if after is None or after.id < position.id:
            self.position = position
        self._given = after or position

    def begin_earlier(self, position: Position) -> None:
        """Account for everything from here on, which is before `begin`."""
        self._given = self._earlier_at = position

    def begin_again(self, position: Position, notice: Notice, *, is_earlier: bool = False) -> None:
        """Go on in another stream under the same key, whose ordinals begin anew, and say so at this place."""
        if self.end_ is not None:
            return
        if is_earlier:
            self._earlier_at = position
        else:
            self.position = position
        self._queue.mark(notice, position, is_earlier=is_earlier)
        self._changed.set()

    def offer(self, item: Prepared | Unshown) -> None:
        """Account for the stream's next entry."""
        if item.id <= self.position.id or self.end_ is not None:
            # Resumed at a place that the reader has yet to reach; or over.
            return
        self._produced += 1
        self.position = Position(item.id, item.ordinal)
        if isinstance(item, Unshown):
            self._drop(item.cause, self.position)
        elif not self._filter.matches(item.line):
            self._filtered += 1
            self._queue.gap().filter(self.position)
        elif (cause := self._judge(item)) is not None:
            self._drop(cause, self.position, rank=item.rank)
        else:
            self._enqueue(item)
        self._changed.set()

    def offer_earlier(self, item: Prepared | Unshown) -> None:
        """Account for an entry from before this feed began: no pace, and in front of everything."""
        if self.end_ is not None:
            return
        self._produced += 1
        self._earlier_at = Position(item.id, item.ordinal)
        if isinstance(item, Unshown):
            self._drop(item.cause, self._earlier_at, is_earlier=True)
        elif not self._filter.matches(item.line):
            self._filtered += 1
            self._queue.gap(is_earlier=True).filter(self._earlier_at)
        else:
            self._queue.add(item, is_earlier=True)
        self._changed.set()

    def lose(self, count: int, *, first: int) -> None:
        """Account for the stream's next entries, which nobody can read any more."""
        last = first + count - 1
        first = max(first, self.position.ordinal + 1)
        if first <= last:
            self.position = Position(self.position.id, last)
            self._lose(last - first + 1, self.position, is_earlier=False)

    def lose_earlier(self, count: int, *, until: Position) -> None:
        """Account for entries from before this feed began, which nobody can read any more."""
        self._earlier_at = until
        self._lose(count, until, is_earlier=True)

    def note_resumed(self, outcome: str) -> None:
        """Say what became of `after`. Of several answers the worst one stays."""
        if _OUTCOMES.index(outcome) > _OUTCOMES.index(self.resume_outcome):
            self.resume_outcome = outcome
        self._is_resumed.set()

    def offer_aside(self, item: Prepared) -> None:
        """Let a line wait that is no entry of the stream: it is given out as soon as it can be, outside the account."""
        if self.end_ is None and self._filter.matches(item.line):
            self._aside.add(item)
            self._changed.set()

    @property
    def last_aside(self) -> int:
        """The number of the last such line that was given out."""
        return self._aside.last_given

    def finish_earlier(self) -> None:
        """Let what came since follow."""
        self._queue.open()
        self._is_resumed.set()
        self._changed.set()

    def tell(self, notice: Notice) -> None:
        """Say something to the viewer."""
        self._notices.append(notice)
        self._changed.set()

    @property
    def given(self) -> Position:
        """Up to where the viewer was given everything, or told of it."""
        return self._given

    @property
    def fill(self) -> float:
        """How full the queue is, 0 to 1."""
        return max(len(self._queue) / self._limits.lines, self._queue.bytes / self._limits.bytes)

    @property
    def has_room(self) -> bool:
        """Whether more of what is earlier may come."""
        return self._queue.earlier < self._limits.lines // 2 and self._queue.bytes < self._limits.bytes // 2

    @property
    def earlier_at(self) -> Position:
        """Up to where what is earlier has come."""
        return self._earlier_at

    # --- From the viewer ------------------------------------------------------------------------------------------

    def set_filter(self, filter: Filter) -> int:
        """Change the filter, also for what is queued. Returns the first ordinal that only the new one decides."""
        self._filter = filter
        self._filtered += self._queue.keep(filter.matches)
        self._aside.keep(filter.matches)
        return self.position.ordinal + 1

    def sample(self, share: float) -> None:
        """Show a share of the lines from now on; warnings and errors are always shown."""
        self._share = min(1.0, max(0.0, share))

    def pause(self) -> None:
        """Keep lines instead of giving them out, as many as fit."""
        self.is_paused = True

    def resume(self) -> None:
        """Give out lines again."""
        self.is_paused = False
        self._changed.set()

    def end(self, reason: EndReason, *, detail: str | None = None, retry_ms: int | None = None) -> None:
        """End it; `take` says why. Said again, the first reason stays.

        What waits is given out before, as long as the viewer takes it; not where it can come back for it.
        """
        if self.end_ is None:
            self.end_ = End(reason=reason, detail=detail, retry_ms=retry_ms)
            self._ended_at = self._clock()
            if reason in _INTERRUPTIONS:
                self._forgo()
        self._changed.set()

    async def take(self, *, most_events: int = 200, most_bytes: int = 65_536, timeout: float = 15.0) -> Taken:
        """Return the next lines and notices, as soon as there are any; nothing when the time is over.

        After `end` it returns at once, with `Taken.end` when nothing is left. At least one line is given out whatever
        its size. With `most_events=0`, for a viewer that can take no more lines now, it waits for the rest alone.
        """
        await self.wait(timeout, most_events=most_events)
        self._is_nudged = False
        if self.end_ is not None and (not most_events or self._clock() - self._ended_at > _LAST_WORDS_SECONDS):
            self.settle()
        return self._take(most_events, most_bytes)

    async def wait(self, timeout: float, *, most_events: int = 1) -> bool:
        """Wait until there is something to take; say whether there is."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not self._has_something(most_events):
                    self._changed.clear()
                    await self._changed.wait()
        return self._has_something(most_events)

    async def wait_end(self, timeout: float) -> None:
        """Wait until it is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while self.end_ is None:
                    self._changed.clear()
                    await self._changed.wait()

    def nudge(self) -> None:
        """Let `take` return, whether or not there is something to take."""
        self._is_nudged = True
        self._changed.set()

    async def wait_resumed(self, seconds: float) -> None:
        """Wait until `resume_outcome` is known, but not for long: the server of the streams may be away."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._is_resumed.wait()

    def stats(self) -> FeedStats:
        """Return the account."""
        return FeedStats(
            produced=self._produced,
            delivered=self._delivered,
            queued=len(self._queue),
            filtered=self._filtered,
            dropped=dict(self._dropped),
            redacted=self._redacted,
            bytes=self._sent_bytes,
        )

    def settle(self) -> FeedStats:
        """Count what still waits as not shown, and return the last account."""
        while self._queue.drop(Cause.ENDED):
            self._dropped[Cause.ENDED] += 1
        self._aside.clear()
        return self.stats()

    def leave(self) -> FeedStats:
        """Take what still waits out of the account, and return that: whoever comes back is offered it then."""
        self._forgo()
        self._aside.clear()
        return self.stats()

    # --- Inside ---------------------------------------------------------------------------------------------------

    def _forgo(self) -> None:
        self._produced -= len(self._queue)
        self._queue = Queue()

    def _judge(self, item: Prepared) -> Cause | None:
        is_severe = item.rank >= WARN_RANK
        if not is_severe and not is_chosen(item.ordinal, self._share):
            return Cause.SAMPLED
        cause = self._pace.judge(item.ordinal, len(item.json), self._clock(), is_severe=is_severe)
        if self._pace.share != self._told_share:
            self._tell_share(self._pace.share)
        self._watch_clock(item)
        return cause

    def _tell_share(self, share: float) -> None:
        if share < 1.0:
            self.tell(Notice(code=NoticeCode.SAMPLING_ON, rate=round(share, 4)))
        elif self._told_share < 1.0:
            self.tell(Notice(code=NoticeCode.SAMPLING_OFF))
        self._told_share = share

    def _watch_clock(self, item: Prepared) -> None:
        """Say once that a producer's clock is not the stream's."""
        if self._is_skew_told or item.line.ts_ms is None:
            return
        ahead_ms = item.line.ts_ms - item.id.ms
        if abs(ahead_ms) > _SKEW_MS:
            self._is_skew_told = True
            self.tell(Notice(code=NoticeCode.CLOCK_SKEW, ms=ahead_ms))

    def _watch_length(self, given: list[Prepared]) -> None:
        """Say once that lines are shown in part; each says so of itself."""
        if not self._is_cut_told and any(item.line.truncated for item in given):
            self._is_cut_told = True
            self.tell(Notice(code=NoticeCode.TRUNCATED))

    def _enqueue(self, item: Prepared) -> None:
        self._queue.add(item)
        cause = Cause.PAUSED if self.is_paused else Cause.SLOW_CLIENT
        while len(self._queue) > self._limits.lines or self._queue.bytes > self._limits.bytes:
            if self._queue.drop(cause):
                self._dropped[cause] += 1

    def _drop(self, cause: Cause, until: Position, *, rank: int | None = None, is_earlier: bool = False) -> None:
        self._dropped[cause] += 1
        self._queue.gap(is_earlier=is_earlier).drop(cause, until, first=until.ordinal, rank=rank)

    def _lose(self, count: int, until: Position, *, is_earlier: bool) -> None:
        if self.end_ is not None:
            return
        self._produced += count
        self._dropped[Cause.RETENTION] += count
        first = until.ordinal - count + 1
        self._queue.gap(is_earlier=is_earlier).drop(Cause.RETENTION, until, first=first, count=count)
        self._changed.set()

    def _has_something(self, most_events: int) -> bool:
        if self._notices or self._is_nudged or self.end_ is not None:
            return True
        # While no line is given out, what is dropped meanwhile is told when the time is over.
        return most_events > 0 and not self.is_paused and (self._queue.has_something or len(self._aside) > 0)

    def _take(self, most_events: int, most_bytes: int) -> Taken:
        if self.is_paused and self.end_ is None:
            most_events = 0
        if most_events and len(self._aside):
            return self._take_aside(most_events, most_bytes)
        stretch = self._queue.take(most_events, most_bytes)
        self._watch_length(stretch.events)
        self._delivered += len(stretch.events)
        self._sent_bytes += stretch.bytes
        self._redacted += sum(item.line.hidden for item in stretch.events)
        self._given = stretch.position or self._given
        notices = [*self._notices, *stretch.notices, *_describe(*stretch.gaps, stretch.rest)]
        self._notices.clear()
        return Taken(
            events=stretch.events,
            notices=notices,
            position=self._given,
            end=None if self._queue.has_something else self.end_,
            gaps=stretch.gaps,
            rest=stretch.rest,
        )

    def _take_aside(self, most_events: int, most_bytes: int) -> Taken:
        notices = list(self._notices)
        self._notices.clear()
        if dropped := self._aside.take_dropped():
            detail = "Lines of this process alone that did not fit, and are nowhere else."
            notices.append(Notice(code=NoticeCode.DEGRADED, scope=ONE_PROCESS, count=dropped, detail=detail))
        aside = self._aside.take(most_events, most_bytes)
        return Taken(events=[], aside=aside, notices=notices, position=self._given)


def _describe(*gaps: Gap | None) -> list[Notice]:
    told = Gap()
    for gap in gaps:
        if gap is not None:
            told.join(gap)
    return told.notices()
