from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from observability.ingest.past_days import (
    QUESTIONED_AFTER,
    REMEMBERED_AFTER,
    find_end_of_past,
    list_past_days,
)
from observability.ingest.statements import to_datetime, to_us


def _us(day: int, hour: float = 0) -> int:
    return to_us(datetime(2026, 5, day, tzinfo=UTC) + timedelta(hours=hour))


def test_past_days__starts_of_several_projects__each_day_once_in_order() -> None:
    starts = [(2, _us(3, 4)), (1, _us(9, 23)), (2, _us(3)), (1, _us(2, 1)), (1, _us(10, 5)), (2, -1)]

    found = list_past_days(starts, _us(10, 12))

    assert found == [
        (1, date(2026, 5, 2)),
        (1, date(2026, 5, 9)),
        (2, date(1969, 12, 31)),
        (2, date(2026, 5, 3)),
    ]


def test_past_days__day_that_ended_less_than_an_hour_ago__is_not_past() -> None:
    last_moment = [(1, _us(10) - 1)]

    assert list_past_days(last_moment, _us(10, 1) - 1) == []
    assert list_past_days(last_moment, _us(10, 1)) == [(1, date(2026, 5, 9))]


def test_past__what_may_be_remembered__was_put_in_question_for_an_hour_before() -> None:
    remembered_from = _us(10, 2)

    assert to_datetime(find_end_of_past(remembered_from - 1, REMEMBERED_AFTER)) == datetime(2026, 5, 9, tzinfo=UTC)
    assert to_datetime(find_end_of_past(remembered_from, REMEMBERED_AFTER)) == datetime(2026, 5, 10, tzinfo=UTC)
    assert timedelta(hours=1) <= REMEMBERED_AFTER - QUESTIONED_AFTER
