from __future__ import annotations

import pytest
from django.template.loader import render_to_string

from observability.pages.figures import Better, make_figure
from observability.pages.text_diff import MOST_LINES, diff_texts
from observability.templatetags.playhead import compact


@pytest.mark.parametrize(
    ("now", "before", "better", "change", "mood"),
    [
        (112, 100, "neither", "▲ 12%", ""),
        (88, 100, "lower", "▼ 12%", "good"),
        (112, 100, "lower", "▲ 12%", "bad"),
        (112, 100, "higher", "▲ 12%", "good"),
        (100, 100, "lower", "no change", ""),
        (100_001, 100_000, "lower", "no change", ""),
        (3, 0, "lower", "▲ new", "bad"),
        (0, 3, "lower", "▼ 100%", "good"),
        (2500, 100, "neither", "▲ 25 times", ""),
        (None, 3, "lower", "", ""),
        (3, None, "lower", "", ""),
    ],
)
def test_figure__two_periods__says_change_and_mood(
    now: int | None, before: int | None, better: Better, change: str, mood: str
) -> None:
    figure = make_figure("Calls", now, before, write=compact, better=better)

    assert (figure.change, figure.mood) == (change, mood)


def test_figures__on_paper__say_better_and_worse_in_words() -> None:
    figures = [
        make_figure("Calls", 112, 100, write=compact),
        make_figure("Errors", 112, 100, write=compact, better="lower"),
        make_figure("Hits", 112, 100, write=compact, better="higher"),
    ]

    words = render_to_string("observability/_figures.html", {"figures": figures, "time_range": None})

    assert [line.partition(">")[2] for line in words.splitlines() if "change" in line] == [
        "▲ 12%</dd>",
        "▲ 12% worse</dd>",
        "▲ 12% better</dd>",
    ]


def test_diff__changed_line__stands_among_three_lines_around_it() -> None:
    old = [f"line {number}" for number in range(20)]
    new = [*old[:10], "changed", *old[11:]]

    lines = [(line.change, line.text) for line in diff_texts("\n".join(old), "\n".join(new))]

    assert lines == [
        ("gap", "7 lines the same"),
        *(("same", f"line {number}") for number in (7, 8, 9)),
        ("removed", "line 10"),
        ("added", "changed"),
        *(("same", f"line {number}") for number in (11, 12, 13)),
        ("gap", "6 lines the same"),
    ]


def test_diff__same_texts__is_one_fold() -> None:
    assert [line.change for line in diff_texts("a\nb", "a\nb")] == ["gap"]


def test_diff__very_long__says_where_it_ends() -> None:
    text = "\n".join(["x"] * (MOST_LINES + 1))

    assert diff_texts(text, text)[-1].text == f"Only the first {MOST_LINES} lines are compared."
