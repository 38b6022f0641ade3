from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.records import Usage
from observability.models import Project
from observability.selectors import compare as compare_module
from observability.selectors import compare_align
from observability.selectors.compare import compare_traces, find_previous_run, list_candidates
from observability.selectors.compare_align import Step, align
from observability.selectors.compare_shapes import Comparison
from observability.selectors.compare_values import compare_values
from observability.selectors.traces import get_trace
from tests.records import make_event, write

SPANS = [f"s{number}" for number in range(14)]


@st.composite
def any_steps(draw: st.DrawFn) -> list[Step]:
    spans = draw(st.lists(st.sampled_from(SPANS), unique=True, max_size=14))
    return [
        Step(
            span,
            draw(st.sampled_from(["", *SPANS[:5], "missing"])),
            draw(st.sampled_from(["ai", "tool"])),
            draw(st.sampled_from(["ask", "find"])),
            draw(st.integers(min_value=0, max_value=2)),
        )
        for span in spans
    ]


def make_list(*names: str) -> list[Step]:
    """Return roots of these names; what follows a colon is their content."""
    return [Step(f"s{n}", "", "tool", *name.partition(":")[::2]) for n, name in enumerate(names)]


def show(left: list[Step], right: list[Step]) -> list[str]:
    """Return each row in a word: both names, `-` for none."""
    rows = align(left, right)
    return [
        f"{'-' if row.left is None else left[row.left].name}{'-' if row.right is None else right[row.right].name}"
        for row in rows
    ]


@given(any_steps())
def test_align__with_itself__every_row_has_itself_for_partner(steps: list[Step]) -> None:
    assert all(row.left == row.right for row in align(steps, steps))


@given(any_steps(), any_steps(), st.sampled_from([0, 4, 40_000]))
def test_align__any_two__every_event_exactly_once_partners_under_partners(
    left: list[Step], right: list[Step], cells: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare_align, "_MOST_CELLS", cells)
        rows = align(left, right)

    assert sorted(row.left for row in rows if row.left is not None) == list(range(len(left)))
    assert sorted(row.right for row in rows if row.right is not None) == list(range(len(right)))
    above: list[Any] = []
    for row in rows:
        assert row.depth <= len(above)
        del above[row.depth :]
        above.append(row)
        assert row.depth == 0 or (row.left is None) >= (above[-2].left is None)
        assert row.depth == 0 or (row.right is None) >= (above[-2].right is None)


def test_align__one_more_call_at_the_front__the_others_keep_their_partners() -> None:
    assert show(make_list("a:1", "a:2", "a:3"), make_list("a:0", "a:1", "a:2", "a:3")) == ["-a", "aa", "aa", "aa"]


def test_align__step_left_out__missing_in_its_place() -> None:
    assert show(make_list("a", "b", "c"), make_list("a", "c")) == ["aa", "b-", "cc"]


def test_align__long_lists__matched_by_order_without_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_align, "_MOST_CELLS", 0)

    rows = show(make_list("a:1", "b:1", "c:1", "a:2"), make_list("x", "a:1", "c:1", "b:1", "a:3"))

    counts = Counter("".join(rows))
    assert rows[0] == "-x"
    assert "aa" in rows
    assert (counts["a"], counts["b"], counts["c"]) == (4, 2, 2)


def test_align__model_call_of_another_model__its_partner() -> None:
    left, right = [Step("1", "", "ai", "gpt-4o", 1)], [Step("2", "", "ai", "gpt-5", 2), Step("3", "", "tool", "x", 1)]

    assert show(left, right) == ["gpt-4ogpt-5", "-x"]


def write_two_runs(project: Project) -> None:
    """Store two runs: the right one is slower in its call, has another output, no lookup, and a step more."""
    write(
        project.pk,
        make_event("l", "root", name="chat", lasts=10, input=b'"hi"', output=b'"old"'),
        make_event(
            "l", "call", kind="ai", name="gpt", parent_span_id="root", at=1, lasts=2, input=b'{"n": 1}',
            output=b'{"text": "one two"}', usage=Usage(total=10), cost_micros=100,
        ),
        make_event("l", "look", name="look", parent_span_id="root", at=4),
        make_event("l", "end", name="end", parent_span_id="root", at=6, input=b"1"),
    )  # fmt: skip
    write(
        project.pk,
        make_event("r", "root", name="chat", at=100, lasts=12, input=b'"hi"', output=b'"new"'),
        make_event(
            "r", "call", kind="ai", name="gpt", parent_span_id="root", at=101, lasts=5, input=b'{"n": 1}',
            output=b'{"text": "one three"}', usage=Usage(total=25), cost_micros=175,
        ),
        make_event("r", "end", name="end", parent_span_id="root", at=106, input=b"1"),
        make_event("r", "mail", name="mail", parent_span_id="root", at=108),
    )  # fmt: skip


def compare(project: Project, left: str, right: str) -> Comparison:
    return compare_traces(project.pk, get_trace(project.pk, left), get_trace(project.pk, right))


@pytest.mark.usefixtures("store")
def test_compare__two_runs__states_deltas_and_first_divergence(project: Project) -> None:
    write_two_runs(project)

    found = compare(project, "l", "r")

    assert [(row.name, row.state, row.changes, row.depth) for row in found.rows] == [
        ("chat", "changed", ("output",), 0),
        ("gpt", "changed", ("output",), 1),
        ("look", "missing", (), 1),
        ("end", "same", (), 1),
        ("mail", "added", (), 1),
    ]
    assert found.counts == {"same": 1, "changed": 2, "added": 1, "missing": 1}
    # The call's output differs, known at its end (3 s); the caller's, only at the end of all.
    assert found.first_divergence == 1
    call = found.rows[1]
    assert (call.duration_delta_ms, call.tokens_delta, call.cost_delta_micros) == (3000, 15, 75)
    assert (found.deltas.duration_ms, found.deltas.event_count, found.deltas.error_count) == (2000, 0, 0)
    assert (found.deltas.total_tokens, found.deltas.cost_micros) == (15, 75)
    assert call.right is not None
    assert call.right.offset_ms == 1000


@pytest.mark.usefixtures("store")
def test_compare__with_itself__all_same(project: Project) -> None:
    write_two_runs(project)

    found = compare(project, "l", "l")

    assert found.counts == {"same": 4, "changed": 0, "added": 0, "missing": 0}
    assert found.first_divergence is None
    assert all((row.duration_delta_ms, row.state) == (0, "same") for row in found.rows)


@pytest.mark.usefixtures("store")
def test_compare__many_events__bounded_and_as_few_queries_as_few(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compare_module, "MOST_COMPARED", 10)
    write_two_runs(project)
    write(
        project.pk,
        make_event("many", lasts=99),
        *(make_event("many", f"s{n}", parent_span_id="root", at=n) for n in range(1, 30)),
    )

    with CaptureQueriesContext(connection) as of_few:
        few = compare(project, "l", "r")
    with CaptureQueriesContext(connection) as of_many:
        many = compare(project, "many", "many")

    assert len(of_many) == len(of_few)
    assert (few.is_partial, many.is_partial, len(many.rows)) == (False, True, 10)


@pytest.mark.usefixtures("store")
def test_compare_values__changed_output__its_words_marked(project: Project) -> None:
    write_two_runs(project)
    left, right = get_trace(project.pk, "l"), get_trace(project.pk, "r")

    both = {diff.field: diff for diff in compare_values(project.pk, (left, "call"), (right, "call")).fields}
    alone = {diff.field: diff for diff in compare_values(project.pk, None, (right, "call")).fields}

    assert (both["input"].is_same, both["output"].is_same) == (True, False)
    changed = [line for line in both["output"].lines if line.op != "same"]
    assert [(line.op, [line.text[start:end] for start, end in line.marks]) for line in changed] == [
        ("removed", ["two"]),
        ("added", ["three"]),
    ]
    assert {line.op for line in alone["output"].lines} == {"added"}
    assert alone["output"].left_state == "none"


@pytest.mark.usefixtures("store")
def test_list_candidates__runs_of_the_workflow__previous_last_good_and_next(project: Project) -> None:
    write(project.pk, make_event("good", at=0), make_event("bad", at=10, status="error"), make_event("this", at=20))
    write(project.pk, make_event("next", at=30), make_event("other", at=15, name="other"))

    found = list_candidates(project.pk, get_trace(project.pk, "this"))

    assert [(candidate.label, candidate.trace_id) for candidate in found] == [
        ("Previous run", "bad"),
        ("Last ok run before", "good"),
        ("Next run", "next"),
    ]


@pytest.mark.usefixtures("store")
def test_find_previous_run__of_three__is_the_one_just_before_and_none_of_the_first(project: Project) -> None:
    write(project.pk, make_event("first", at=0), make_event("second", at=10), make_event("third", at=20))
    write(project.pk, make_event("other", at=15, name="other"))

    found = [find_previous_run(project.pk, get_trace(project.pk, name)) for name in ("first", "second", "third")]

    assert found == [None, "first", "second"]
