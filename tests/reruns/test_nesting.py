"""Which calls a tool made, told by time alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reruns.nesting import Span, find_makers

START = datetime(2026, 11, 1, tzinfo=UTC)


def tool(number: int, start_ms: float, end_ms: float) -> Span:
    return _make(number, start_ms, end_ms, is_tool=True)


def call(number: int, start_ms: float, end_ms: float) -> Span:
    return _make(number, start_ms, end_ms, is_tool=False)


def _make(number: int, start_ms: float, end_ms: float, *, is_tool: bool) -> Span:
    """Return a call as an SDK sends it: start and duration each cut off to whole milliseconds."""
    start, lasts = int(start_ms), int(end_ms - start_ms)
    return Span(
        number=number,
        is_tool=is_tool,
        started_at=START + timedelta(milliseconds=start),
        ended_at=START + timedelta(milliseconds=start + lasts),
    )


@pytest.mark.parametrize(
    ("calls", "makers"),
    [
        ([tool(1, 0, 40), call(2, 1, 38), call(3, 41, 60)], {2: 1}),
        # The call took all of the tool's time.
        ([tool(1, 0.2, 35.9), call(2, 0.4, 35.8)], {2: 1}),
        # Cut off, the call seems to end after the tool.
        ([tool(1, 100.9, 152.8), call(2, 102.0, 152.5)], {2: 1}),
        # A tool that tried twice.
        ([tool(1, 0, 90), call(2, 1, 40), call(3, 50, 89)], {2: 1, 3: 1}),
        # Side by side: each made one.
        ([tool(1, 0, 50), tool(2, 0, 60), call(3, 1, 45), call(4, 1, 48)], {3: 1, 4: 2}),
        # The workflow's own call, which began while the tool ran and outlasted it.
        ([tool(1, 0, 40), call(2, 20, 80)], {}),
        # Numbered before the tool, so it was there first.
        ([call(1, 1, 5), tool(2, 0, 40)], {}),
        # Each as long as the other, a moment apart.
        ([tool(1, 0, 12), call(2, 1, 13)], {}),
        ([call(1, 0, 40), call(2, 1, 30)], {}),
        ([tool(1, 0, 40), tool(2, 1, 30)], {}),
    ],
)
def test_find_makers__calls__are_given_to_the_tool_that_ran(calls: list[Span], makers: dict[int, int]) -> None:
    assert find_makers(calls) == makers


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 30), st.floats(0, 3)), max_size=12))
def test_find_makers__one_after_the_other__nobody_made_another(given_calls: list[tuple[bool, float, float]]) -> None:
    calls, now = [], 0.0
    for number, (is_tool, lasts, pause) in enumerate(given_calls, start=1):
        calls.append(_make(number, now, now + lasts, is_tool=is_tool))
        now += lasts + pause

    assert find_makers(calls) == {}
