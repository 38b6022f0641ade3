from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.errors import InvalidError
from observability.selectors.paging import Position, check_numbered, make_cursor, read_cursor

MOMENTS = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_cursor__made_and_read__is_the_position(at: datetime, key: str) -> None:
    position = Position(at, key)

    assert read_cursor(make_cursor(position)) == position


@given(st.text())
def test_cursor__any_other_text__a_position_or_invalid(text: str) -> None:
    try:
        position = read_cursor(text)
    except InvalidError as error:
        assert "cursor" in str(error)
    else:
        assert position is None or read_cursor(make_cursor(position)) == position


def test_cursor__none_or_empty__no_position() -> None:
    assert (read_cursor(None), read_cursor("")) == (None, None)


@pytest.mark.parametrize("key", ["", "x", "-1", "1" * 30, "\u0661"])
def test_check_numbered__key_that_is_no_number__invalid(key: str) -> None:
    with pytest.raises(InvalidError, match="cursor"):
        check_numbered(Position(datetime(2026, 1, 1, tzinfo=UTC), key))
