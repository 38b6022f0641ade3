from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.selectors import trace_days
from observability.selectors.trace_days import CountedDay, Stretch, list_stretches
from observability.selectors.trace_filters import TraceFilters

FIRST = datetime(2026, 5, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def _make_days(numbers: list[int], size: int = 10) -> list[CountedDay]:
    return [CountedDay((FIRST + number * DAY).date(), size) for number in sorted(numbers, reverse=True)]


def _list_pieces(stretches: list[Stretch]) -> list[tuple[datetime | None, datetime | None]]:
    """Return what is looked through and what is remembered, newest first."""
    pieces = []
    for stretch in stretches:
        pieces += [] if stretch.is_empty else [(stretch.since, stretch.until)]
        pieces += [(day.since, day.until) for day in stretch.days]
    return pieces


@given(
    numbers=st.sets(st.integers(0, 40), max_size=30),
    until=st.sampled_from([None, FIRST + 41 * DAY, FIRST + 41.5 * DAY]),
    since=st.sampled_from([None, FIRST, FIRST - 0.5 * DAY]),
    size=st.sampled_from([1, 70_000, 300_000]),
)
def test_stretches__any_days__fill_the_range_without_gap_or_overlap(
    numbers: set[int], until: datetime | None, since: datetime | None, size: int
) -> None:
    stretches = list_stretches(TraceFilters(since=since, until=until), _make_days(list(numbers), size))

    pieces = [piece for piece in _list_pieces(stretches) if piece[0] is None or piece[0] != piece[1]]
    if pieces:
        assert (pieces[0][1], pieces[-1][0]) == (until, since)
    assert all(newer[0] == older[1] for newer, older in pairwise(pieces))
    assert sum(not stretch.is_empty for stretch in stretches) <= trace_days.MOST_SCANNED
    for stretch in stretches:
        assert len(stretch.days) <= 1 or sum(day.size for day in stretch.days) <= trace_days.MOST_TAKEN


def test_stretches__one_run_of_days__looks_through_what_is_newer_and_older() -> None:
    stretches = list_stretches(TraceFilters(), _make_days([3, 4, 5]))

    assert [day.day for day in stretches[0].days] == [date(2026, 5, 6), date(2026, 5, 5), date(2026, 5, 4)]
    assert _list_pieces(stretches)[0] == (FIRST + 6 * DAY, None)
    assert _list_pieces(stretches)[-1] == (None, FIRST + 3 * DAY)


def test_stretches__more_than_one_statement_takes__are_cut_without_looking_in_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trace_days, "MOST_TAKEN", 25)

    stretches = list_stretches(TraceFilters(since=FIRST, until=FIRST + 5 * DAY), _make_days([0, 1, 2, 3, 4]))

    assert [len(stretch.days) for stretch in stretches] == [2, 2, 1, 0]
    assert all(stretch.is_empty for stretch in stretches)


def test_stretches__holes_everywhere__only_the_newest_are_looked_through_one_by_one() -> None:
    stretches = list_stretches(TraceFilters(since=FIRST, until=FIRST + 41 * DAY), _make_days(list(range(1, 41, 2))))

    assert len(stretches) == trace_days.MOST_SCANNED
    assert stretches[-1] == Stretch(FIRST, stretches[-2].days[-1].since)
