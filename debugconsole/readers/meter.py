"""From accounts to metrics: what a page of entries was, and what feeds did since they were last looked at."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Sequence

from debugconsole import metrics
from debugconsole.readers.feed import Feed, FeedStats
from debugconsole.wire.envelope import Cause
from debugconsole.wire.lines import EntryId
from debugconsole.wire.prepare import Prepared, Preparer, Unshown

_TIMED = 16
"""One entry in so many is timed."""
_UNSHOWN = {
    Cause.FOREIGN: metrics.MISMATCHED,
    Cause.DECODE_ERROR: metrics.UNDECODABLE,
    Cause.REDACTION_WITHHELD: metrics.WITHHELD,
}
_DECIDED = (Cause.SLOW_CLIENT, Cause.RATE_LIMIT, Cause.BYTE_BUDGET, Cause.SAMPLED, Cause.PAUSED, Cause.ENDED)
"""What becomes of a line after the filter let it through, beside being delivered."""
_OUTCOMES = ("exact", "lost", "reset")
_NOTHING = FeedStats(produced=0, delivered=0, queued=0, filtered=0, dropped={}, redacted=0, bytes=0)


class Tally:
    """Prepares entries and counts what they are; carried over once a page, by `close`."""

    def __init__(self, preparer: Preparer) -> None:
        self._preparer = preparer
        self._streams: Counter[str] = Counter()
        self._unshown: Counter[Cause] = Counter()
        self._secrets: Counter[str] = Counter()

    def prepare(
        self, profiles: Collection[str], entry_id: EntryId, pairs: Sequence[bytes], ordinal: int
    ) -> dict[str, Prepared | Unshown]:
        """Return what the preparer makes of an entry, for each profile; counted once, as the first shows it."""
        began = 0.0 if ordinal % _TIMED else time.perf_counter()
        items = self._preparer.prepare_for(profiles, entry_id, pairs, ordinal)
        item = next(iter(items.values()))
        if began:
            metrics.REDACT.observe(time.perf_counter() - began)
        if isinstance(item, Unshown):
            self._unshown[item.cause] += 1
        else:
            self._streams[item.line.stream] += 1
            for redaction in item.line.redactions:
                self._secrets[redaction.kind] += redaction.count
        return items

    def close(self) -> None:
        """Carry over."""
        for stream, count in self._streams.items():
            metrics.READ.labels(stream).inc(count)
        if unshown := self._unshown.total():
            metrics.READ.labels("none").inc(unshown)
        for cause, counter in _UNSHOWN.items():
            counter.inc(self._unshown[cause])
        for kind, count in self._secrets.items():
            metrics.REDACTED.labels(kind).inc(count)


class Meter:
    """Knows how far each feed's account was carried over."""

    def __init__(self) -> None:
        self._before: dict[Feed, FeedStats] = {}
        self._resumed: set[Feed] = set()

    def count(self, feed: Feed, stats: FeedStats) -> None:
        """Carry over what a feed did since it was last counted."""
        before = self._before.get(feed, _NOTHING)
        self._before[feed] = stats
        metrics.DELIVERED.labels(feed.transport).inc(stats.delivered - before.delivered)
        metrics.MATCHED.inc(_count_matched(stats) - _count_matched(before))
        metrics.LOST.inc(stats.lost - before.lost)
        for cause, count in stats.dropped.items():
            metrics.DROPPED.labels(cause).inc(count - before.dropped.get(cause, 0))
        if feed.resume_outcome in _OUTCOMES and feed not in self._resumed:
            self._resumed.add(feed)
            metrics.RESUMES.labels(feed.resume_outcome).inc()

    def forget(self, feed: Feed) -> None:
        """Count a feed no more."""
        self._before.pop(feed, None)
        self._resumed.discard(feed)


def show_levels(feeds: Collection[Feed], lags: Collection[tuple[int, float]]) -> None:
    """Show how things are now. `lags` are each reader's, in entries and seconds."""
    metrics.OPEN.set(len(feeds))
    metrics.READERS.set(len(lags))
    metrics.LAG.set(max((entries for entries, _ in lags), default=0))
    metrics.LAG_SECONDS.set(max((seconds for _, seconds in lags), default=0.0))
    metrics.FILL.set(max((feed.fill for feed in feeds), default=0.0))


def _count_matched(stats: FeedStats) -> int:
    return stats.delivered + sum(stats.dropped.get(cause, 0) for cause in _DECIDED)
