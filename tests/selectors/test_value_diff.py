from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from observability.selectors.compare_shapes import DiffLine
from observability.selectors.value_diff import MOST_LINES, diff_texts, diff_values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab \n", max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
)


def show(lines: list[DiffLine]) -> list[str]:
    signs = {"same": " ", "removed": "-", "added": "+"}
    return [signs[line.op] + line.text for line in lines]


@given(JSON)
def test_diff__a_value_and_itself__nothing_differs(value: Any) -> None:
    assert {line.op for line in diff_values(value, value)} <= {"same"}


@given(JSON, JSON)
def test_diff__any_two_values__says_whether_they_differ_with_marks_inside_the_line(left: Any, right: Any) -> None:
    lines = diff_values(left, right)

    assert any(line.op != "same" for line in lines) == (
        json.dumps(left, sort_keys=True) != json.dumps(right, sort_keys=True)
    )
    assert all(0 <= start < end <= len(line.text) for line in lines for start, end in line.marks)


def test_diff__objects__by_key_whatever_their_order() -> None:
    assert show(diff_values({"a": 1, "b": 2, "c": 3}, {"c": 3, "b": 5, "d": 4})) == [
        " {",
        '-  "a": 1,',
        '-  "b": 2,',
        '+  "b": 5,',
        '   "c": 3,',
        '+  "d": 4,',
        " }",
    ]


def test_diff__list_with_an_item_more__the_others_stay() -> None:
    assert show(diff_values(["x", "y"], ["w", "x", "y"])) == [" [", '+  "w",', '   "x",', '   "y",', " ]"]


def test_diff__text_of_several_lines__line_by_line_with_words() -> None:
    lines = diff_texts("one\ntwo old\nthree", "one\ntwo new\nthree")

    assert show(lines) == [" one", "-two old", "+two new", " three"]
    assert [line.text[start:end] for line in lines for start, end in line.marks] == ["old", "new"]


def test_diff__one_long_line__cut_around_what_differs() -> None:
    removed, added = diff_texts("x " * 9000 + "old", "x " * 9000 + "new")

    assert removed.text.startswith("\u2026")
    assert removed.text[slice(*removed.marks[0])] == "old"
    assert added.text[slice(*added.marks[0])] == "new"
    assert len(added.text) < 5000


def test_diff__very_many_lines__bounded() -> None:
    assert len(diff_values(list(range(9000)), list(range(1, 9001)))) == MOST_LINES


def test_diff__one_word_again_and_again__is_marked_whole() -> None:
    left, right = " ".join(["a", "b"] * 90), " ".join(["c", "a"] * 90)

    lines = diff_texts(left, right)

    assert [line.text for line in lines] == [left, right]
    assert [line.marks for line in lines] == [((0, len(left)),), ((0, len(right)),)]


def test_diff__words_between_the_same_signs__are_marked_alone() -> None:
    lines = diff_texts('{"a": 1, "b": 2}', '{"a": 3, "b": 4}')

    assert [line.text[start:end] for line in lines for start, end in line.marks] == ["1", "2", "3", "4"]
