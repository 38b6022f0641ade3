"""How figures and times are written on the server. `tests/e2e/test_format.py` holds the browser to the same cases."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from observability.templatetags import playhead

CASES = json.loads((Path(__file__).parent / "format_cases.json").read_text())


@pytest.mark.parametrize(
    ("name", "value", "text"), [(name, value, text) for name, cases in CASES.items() for value, text in cases]
)
def test_format__case__is_written_so(name: str, value: float | None, text: str) -> None:
    assert getattr(playhead, name)(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("chat::1795202677943::c1de2abc", "c1de2abc"),
        ("0af7651916cd43dd8448eb211c80319c", "0af76519"),
        ("short", "short"),
        ("ends::", ""),
        (None, ""),
    ],
)
def test_short_id__any_id__keeps_what_tells_two_apart(value: str | None, text: str) -> None:
    assert playhead.short_id(value) == text


def test_when__moment__carries_the_moment_for_scripts_and_for_readers() -> None:
    shown = playhead.when(datetime(2026, 3, 1, 12, 30, tzinfo=UTC))

    assert 'datetime="2026-03-01T12:30:00+00:00"' in shown
    assert 'title="2026-03-01 12:30:00 UTC"' in shown


def test_status__unset__reads_as_ok_and_unknown_words_are_escaped() -> None:
    assert 'class="status ok">ok<' in playhead.status("unset")
    assert "<b>" not in playhead.status("<b>")


def test_sparkline__line_with_a_gap__starts_again_after_it() -> None:
    drawn = playhead.sparkline([0, 10, None, 5], "calls")

    assert 'd="M0.0 19.0h0L32.0 1.0M96.0 10.0h0"' in drawn
    assert 'aria-label="calls"' in drawn
    assert "style" not in drawn


def test_sparkline__nothing_but_zeros__lies_at_the_bottom() -> None:
    assert 'd="M0.0 19.0h0L96.0 19.0"' in playhead.sparkline([0, 0])
    assert 'd=""' in playhead.sparkline([0, 0], shape="bars")
