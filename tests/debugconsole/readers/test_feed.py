"""A viewer's queue: bounded, and every line accounted for whatever happens."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugconsole.filters import parse_filter
from debugconsole.readers.feed import Feed, FeedLimits, Taken
from debugconsole.readers.pace import PaceLimits
from debugconsole.wire.envelope import Cause, EndReason, Notice, NoticeCode
from debugconsole.wire.lines import LEVELS, EntryId, Line, encode_line
from debugconsole.wire.prepare import Prepared, Source, Unshown
from debugconsole.wire.tokens import START, Position

SOURCE = Source(prefix="p:", key="p:t:e", tenant="t", extension="e")
FAST = PaceLimits(lines_per_second=10**9, bytes_per_second=10**12)


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make_item(ordinal: int, *, level: str = "info", message: str = "") -> Prepared:
    line = Line(
        id=EntryId(ordinal, 0), ts_ms=None, level=level, stream="log", message=message or str(ordinal), truncated=False
    )
    return Prepared(ordinal, line.id, line, encode_line(line, ordinal))


def make_feed(*, clock: Clock | None = None, limits: FeedLimits | None = None, **options: Any) -> Feed:
    feed = Feed(
        session_id="s", source=SOURCE, limits=limits or FeedLimits(pace=FAST), clock=clock or Clock(), **options
    )
    feed.begin(START)
    feed.finish_earlier()
    return feed


def take(feed: Feed, **bounds: int) -> Taken:
    return asyncio.run(feed.take(timeout=0.01, **bounds))


def ordinals(taken: Taken) -> list[int]:
    return [item.ordinal for item in taken.events]


def test_take__lines_of_all_levels__come_in_their_order() -> None:
    feed = make_feed()
    for ordinal, level in enumerate(["info", "error", "debug", "warn", "info"], start=1):
        feed.offer(make_item(ordinal, level=level))

    assert ordinals(take(feed)) == [1, 2, 3, 4, 5]


def test_take__more_than_it_may__leaves_the_rest() -> None:
    feed = make_feed()
    for ordinal in range(1, 6):
        feed.offer(make_item(ordinal, message="x" * 100))

    assert ordinals(take(feed, most_events=2)) == [1, 2]
    # One line always, whatever its size.
    assert ordinals(take(feed, most_bytes=1)) == [3]
    assert ordinals(take(feed)) == [4, 5]


def test_offer__more_lines_than_fit__drops_the_oldest_of_the_least_severe() -> None:
    feed = make_feed(limits=FeedLimits(lines=3, pace=FAST))
    for ordinal, level in enumerate(["error", "info", "info", "info", "warn", "error"], start=1):
        feed.offer(make_item(ordinal, level=level))

    taken = take(feed)

    assert ordinals(taken) == [1, 5, 6]
    (notice,) = taken.notices
    assert (notice.cause, notice.count, notice.from_, notice.to) == (Cause.SLOW_CLIENT, 3, 2, 4)
    assert notice.by_level == {"info": 3}


def test_offer__more_bytes_than_fit__drops() -> None:
    feed = make_feed(limits=FeedLimits(bytes=10_000, pace=FAST))
    for ordinal in range(1, 6):
        feed.offer(make_item(ordinal, message="x" * 4_000))

    assert ordinals(take(feed)) == [4, 5]


def test_pause__longer_than_the_queue__is_told_as_such() -> None:
    feed = make_feed(limits=FeedLimits(lines=2, pace=FAST))
    feed.pause()
    for ordinal in range(1, 6):
        feed.offer(make_item(ordinal))

    paused = take(feed)
    feed.resume()

    assert (paused.events, [notice.cause for notice in paused.notices]) == ([], [Cause.PAUSED])
    assert ordinals(take(feed)) == [4, 5]


def test_filter__changed_with_lines_waiting__lets_none_of_the_old_through() -> None:
    feed = make_feed(filter=parse_filter("level>=warn"))
    for ordinal, level in enumerate(["info", "warn", "error"], start=1):
        feed.offer(make_item(ordinal, level=level))

    since = feed.set_filter(parse_filter("level:error"))
    feed.offer(make_item(4, level="warn"))

    assert since == 4
    assert ordinals(take(feed)) == [3]
    assert feed.stats().filtered == 3


def test_sample__a_share__is_even_and_spares_warnings() -> None:
    feed = make_feed(limits=FeedLimits(lines=10_000, pace=FAST))
    feed.sample(0.25)
    for ordinal in range(1, 4_001):
        feed.offer(make_item(ordinal, level="warn" if ordinal % 10 == 0 else "info"))

    stats = feed.stats()
    shown = stats.queued - 400
    assert 800 < shown < 1_000
    assert stats.dropped == {Cause.SAMPLED: 3_600 - shown}


def test_pace__a_flood__shows_a_share_says_so_and_spares_errors() -> None:
    clock = Clock()
    feed = make_feed(clock=clock, limits=FeedLimits(pace=PaceLimits(lines_per_second=100, severe_per_second=20)))
    shown: Counter[str] = Counter()
    codes: list[str] = []
    for second in range(5):
        for number in range(1_000):
            feed.offer(make_item(second * 1_000 + number + 1, level="error" if number % 100 == 0 else "info"))
            clock.now += 0.001
        taken = take(feed, most_events=10_000)
        shown.update(item.line.level for item in taken.events)
        codes += [notice.code for notice in taken.notices]

    assert shown["error"] == 50
    # A burst's worth, and then the rate.
    assert 400 < shown["info"] <= 700
    assert "sampling_on" in codes
    stats = feed.stats()
    assert stats.produced == 5_000 == stats.delivered + stats.dropped[Cause.RATE_LIMIT]


def test_pace__quiet_again__says_so() -> None:
    clock = Clock()
    feed = make_feed(clock=clock, limits=FeedLimits(pace=PaceLimits(lines_per_second=10)))
    for ordinal in range(1, 101):
        feed.offer(make_item(ordinal))
    clock.now += 1.5
    feed.offer(make_item(101))
    clock.now += 1.5
    feed.offer(make_item(102))

    assert [notice.code for notice in take(feed).notices if notice.cause is None] == ["sampling_on", "sampling_off"]


def test_pace__more_bytes_than_a_second_has__is_told_as_such() -> None:
    feed = make_feed(limits=FeedLimits(pace=PaceLimits(bytes_per_second=10_000)))
    for ordinal in range(1, 6):
        feed.offer(make_item(ordinal, message="x" * 3_000))

    assert feed.stats().dropped == {Cause.BYTE_BUDGET: 2}


def test_clock__far_off__is_said_once() -> None:
    feed = make_feed()
    for ordinal in (1, 2):
        line = Line(id=EntryId(ordinal, 0), ts_ms=3_600_000, level="info", stream="log", message="m", truncated=False)
        feed.offer(Prepared(ordinal, line.id, line, b"{}"))

    assert [(notice.code, notice.ms) for notice in take(feed).notices] == [("clock_skew", 3_599_999)]


def test_line__shown_in_part__is_said_once() -> None:
    feed = make_feed()
    for ordinal in (1, 2):
        line = Line(id=EntryId(ordinal, 0), ts_ms=None, level="info", stream="log", message="m", truncated=True)
        feed.offer(Prepared(ordinal, line.id, line, b"{}"))

    assert [notice.code for notice in (*take(feed, most_events=1).notices, *take(feed).notices)] == ["truncated"]


def test_end__with_lines_waiting__gives_them_out_and_then_says_why() -> None:
    feed = make_feed()
    feed.offer(make_item(1))
    feed.end(EndReason.REVOKED)
    feed.end(EndReason.CLOSED)

    taken = take(feed, most_events=1)

    assert ordinals(taken) == [1]
    assert taken.end is not None
    assert taken.end.reason == EndReason.REVOKED


def test_end__after_which_the_viewer_comes_back__leaves_it_what_waits() -> None:
    feed = make_feed()
    for ordinal in (1, 2, 3):
        feed.offer(make_item(ordinal))
    first = take(feed, most_events=1)
    feed.end(EndReason.SERVER_DRAIN)
    feed.offer(make_item(4))

    last = take(feed)

    assert (ordinals(last), last.notices, last.position) == ([], [], first.position)
    assert last.end is not None
    assert (feed.stats().produced, feed.stats().delivered, feed.stats().dropped) == (1, 1, {})


def test_settle__with_lines_waiting__counts_them() -> None:
    feed = make_feed()
    feed.offer(make_item(1))

    assert feed.settle().dropped == {Cause.ENDED: 1}


def test_position__lines_waiting__is_behind_what_was_taken() -> None:
    feed = make_feed(filter=parse_filter("level:error"))
    for ordinal, level in enumerate(["error", "error", "info"], start=1):
        feed.offer(make_item(ordinal, level=level))

    first, second = take(feed, most_events=1), take(feed)

    assert first.position.ordinal == 1
    assert second.position.ordinal == 3


_ACTIONS = st.lists(
    st.tuples(st.just("offer"), st.sampled_from(LEVELS))
    | st.tuples(st.just("unshown"), st.sampled_from([Cause.FOREIGN, Cause.DECODE_ERROR]))
    | st.tuples(st.just("lose"), st.integers(1, 5))
    | st.tuples(st.just("take"), st.integers(0, 4))
    | st.tuples(st.just("filter"), st.sampled_from(["", "level>=warn", "level:info"]))
    | st.tuples(st.just("sample"), st.sampled_from([0.0, 0.5, 1.0]))
    | st.tuples(st.sampled_from(["pause", "resume", "tick"]), st.none()),
    max_size=80,
)


@pytest.mark.parametrize("limits", [FeedLimits(lines=4, pace=FAST), FeedLimits(pace=PaceLimits(lines_per_second=3))])
@given(actions=_ACTIONS)
def test_account__whatever_happens__adds_up_and_is_told(limits: FeedLimits, actions: list[tuple[str, Any]]) -> None:
    clock = Clock()
    feed = make_feed(clock=clock, limits=limits)
    ordinal, given, told, taken_events = 0, 0, Counter[Cause](), list[int]()

    async def run() -> None:
        nonlocal ordinal, given
        for action, value in [*actions, ("resume", None), *[("take", 4)] * 30]:
            if action in ("offer", "unshown"):
                ordinal += 1
                item: Any = (
                    Unshown(ordinal, EntryId(ordinal, 0), value)
                    if action == "unshown"
                    else make_item(ordinal, level=value)
                )
                feed.offer(item)
            elif action == "lose":
                feed.lose(value, first=ordinal + 1)
                ordinal += value
            elif action == "take":
                taken = await feed.take(timeout=0, most_events=value)
                taken_events.extend(item.ordinal for item in taken.events)
                # What it accounts for is the stretch from where the last one ended, no more and no less.
                assert taken.count == taken.position.ordinal - given
                assert (
                    taken.filtered + len(taken.events) + sum(n.count or 0 for n in taken.notices if n.cause)
                    == taken.count
                )
                given = taken.position.ordinal
                told.update({n.cause: n.count or 0 for n in taken.notices if n.cause is not None})
            elif action == "filter":
                feed.set_filter(parse_filter(value))
            elif action == "tick":
                clock.now += 0.4
            elif action == "sample":
                feed.sample(value)
            else:
                getattr(feed, action)()
            stats = feed.stats()
            assert stats.produced == stats.delivered + stats.queued + stats.filtered + sum(stats.dropped.values())
            assert stats.queued <= limits.lines

    asyncio.run(run())

    stats = feed.stats()
    assert stats.produced == ordinal
    assert stats.queued == 0
    assert told == stats.dropped
    assert taken_events == sorted(set(taken_events))


def test_stream__begun_anew__is_told_between_the_old_lines_and_the_new() -> None:
    feed = make_feed()
    feed.offer(make_item(1))
    feed.lose(1, first=2)
    feed.begin_again(Position(EntryId(1, 0), 0), Notice(code=NoticeCode.RESET))
    feed.offer(make_item(5))

    old, mark, new = take(feed), take(feed), take(feed)

    assert (ordinals(old), [notice.code for notice in old.notices], old.position.ordinal) == ([1], ["dropped"], 2)
    assert (ordinals(mark), [notice.code for notice in mark.notices], mark.count) == ([], ["reset"], 0)
    assert (ordinals(new), new.position.ordinal) == ([5], 5)


def test_gaps__between_lines__stand_before_the_line_that_follows() -> None:
    feed = make_feed(filter=parse_filter("-level:debug"))
    for ordinal, level in enumerate(["debug", "info", "debug", "debug", "info", "debug"], start=1):
        feed.offer(make_item(ordinal, level=level))

    first, second = take(feed, most_events=1), take(feed)

    assert [gap and gap.filtered for gap in (*first.gaps, first.rest)] == [1, None]
    assert [gap and gap.filtered for gap in (*second.gaps, second.rest)] == [2, 1]
    assert (first.position.ordinal, second.position.ordinal) == (2, 6)
