"""The filter language: what it means, how it is written back, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugconsole.filters import NO_FILTER, parse_filter
from debugconsole.wire.lines import LEVELS, EntryId, Line
from observability.query import QueryError


def make_line(message: str = "order 7 failed: time out", **given_fields: Any) -> Line:
    fields: dict[str, Any] = {
        "level": "warn",
        "stream": "stderr",
        "request": "Req-ABC",
        "install": "inst-9",
        "version": "1.4.2",
        "fields": {"user": 42, "shop": {"open": True}, "a.b": "dotted"},
    }
    return Line(id=EntryId(1, 0), ts_ms=None, message=message, truncated=False, **{**fields, **given_fields})


MATCHING = [
    "",
    "level:warn",
    "level>=warn",
    "level<error",
    "level:warn,error",
    "-level:info",
    "stream:stderr",
    "stream:(stdout OR stderr)",
    "request:req-abc",
    "request:REQ*",
    "request:*b*",
    "-trace:*",
    "install:*",
    '"time out"',
    "TIME",
    "order failed",
    "message:/order \\d+ FAILED/",
    "-message:/health(z|check)/",
    "message:/a\\/b/ OR message:/time out$/",
    "field.user:42",
    "field.shop.open:true",
    "field.a.b:dotted",
    "-field.missing:1",
    "(level:info OR request:req-abc) stream:stderr",
    "NOT (level:info)",
]
OTHERS = [
    "level:info",
    "level>warn",
    "level<=info",
    "stream:stdout",
    "request:req-ab",
    "trace:*",
    "healthz",
    "message:/^failed/",
    "-message:/time/",
    "field.user:4",
    "field.shop:*",
    "level:warn AND level:error",
]


@pytest.mark.parametrize("text", MATCHING)
def test_filter__that_means_the_line__lets_it_through(text: str) -> None:
    assert parse_filter(text).matches(make_line())


@pytest.mark.parametrize("text", OTHERS)
def test_filter__that_means_another__does_not(text: str) -> None:
    assert not parse_filter(text).matches(make_line())


@pytest.mark.parametrize("text", MATCHING + OTHERS)
def test_filter__written_back__means_the_same(text: str) -> None:
    found = parse_filter(text)

    assert parse_filter(found.to_text()) == found


def test_filter__nothing_asked__is_no_filter() -> None:
    assert parse_filter("  ") is NO_FILTER


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("level>=loud", 7, "one of trace, debug, info, warn, error"),
        ("severity:warn", 0, "did you mean `level`"),
        ("colour:blue", 0, "unknown field"),
        ("stream>stdout", 0, "no order"),
        ("message:/(/", 8, "no RE2 pattern"),
        ("message:/(?=a)/", 8, "no RE2 pattern"),
        ("message:/open", 8, "unclosed pattern"),
        ("message:/" + "a" * 257 + "/", 8, "1 to 256 characters"),
        ("time*out", 4, "write a pattern"),
        ("(" * 9 + "a" + ")" * 9, 8, "nested too deep"),
        ("a" * 513, 512, "at most 512 characters"),
        ("(a", 0, "unclosed"),
    ],
)
def test_filter__that_cannot_be_read__is_refused_at_its_place(text: str, position: int, message: str) -> None:
    with pytest.raises(QueryError, match=message) as refused:
        parse_filter(text)

    assert refused.value.position == position


def test_filter__a_pattern_that_would_take_for_ever__does_not() -> None:
    assert not parse_filter("message:/(a+)+$/").matches(make_line("a" * 8000 + "b"))
    assert not parse_filter("request:a*a*a*a*a*a*a*a*b").matches(make_line(request="a" * 400))


@given(st.sampled_from(LEVELS), st.sampled_from([">", ">=", "<", "<=", ":"]), st.sampled_from(LEVELS))
def test_level__compared__has_the_order_of_severity(one: str, operator: str, other: str) -> None:
    compare = {">": int.__gt__, ">=": int.__ge__, "<": int.__lt__, "<=": int.__le__, ":": int.__eq__}[operator]

    is_let_through = parse_filter(f"level{operator}{other}").matches(make_line(level=one))

    assert is_let_through == compare(LEVELS.index(one), LEVELS.index(other))
