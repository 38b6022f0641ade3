"""What came of a run, told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from observability.templatetags.playhead import duration
from reruns.pages.story import tell_story, write_delta

NOW = datetime(2026, 11, 27, tzinfo=UTC)


class Like:
    """Anything with these attributes."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


def make_row(name: str, served: str | None) -> Any:
    return Like(rerun=Like(name=name), source=None, served=served)


def tell(*, mode: str = "workflow", is_same: bool | None = True, ok: bool = True, **report: Any) -> str:
    given: dict[str, Any] = {
        "is_known": True,
        "consumed": 1,
        "live": 0,
        "wrong": 0,
        "first_divergence": None,
        "rows": [],
        **report,
    }
    rerun: Any = Like(mode=mode, steps=[Like(event_name="price")])
    run: Any = Like(answered_at=NOW, step=0, ok=ok)
    output: Any = Like(is_same=is_same, why_no_output="", why_no_original="The trace does not say.")
    made: Any = Like(**given)
    return " ".join(tell_story(rerun, run, made, output))


def test_story__of_a_run__names_what_really_happened() -> None:
    rows = [make_row("a", "frozen"), *(make_row(name, "live") for name in ("b", "b", "c", "d", "e", "f", "g"))]

    assert tell(live=7, rows=rows, is_same=False) == (
        "Your code ran again: 1 call was answered from the recording, and 7 really happened: "
        "b \N{MULTIPLICATION SIGN}2, c, d, e and 2 more. "
        "It answered something else than the source."
    )


def test_story__other_ends__are_told() -> None:
    first = Like(ordinal=2, explanation="tool price was called as number 2 with another input than in the source.")

    assert tell().endswith("and none really happened. It answered the same as the source.")
    assert "It left its source at call 2: tool price" in tell(first_divergence=first)
    assert "2 calls got the recording of another call." in tell(wrong=2, first_divergence=first)
    assert tell(mode="step", ok=False) == "Your code really ran price, alone. It failed."
    assert tell(is_known=False, is_same=None) == "Your code ran again. The trace does not say."


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (568.0, 711.0, "\N{MINUS SIGN}143 ms"),
        (711.0, 568.0, "+143 ms"),
        (5.0, 5.0, "±0"),
        (5.0, 5.001, "±0"),
        (None, 5.0, ""),
    ],
)
def test_delta__of_two_figures__has_its_sign(now: float | None, before: float | None, said: str) -> None:
    assert write_delta(now, before, duration) == said
