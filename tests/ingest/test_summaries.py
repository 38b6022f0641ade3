"""A summary moved change by change equals one folded from the final rows."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.merge import merge_events
from observability.ingest.records import EventRecord
from observability.ingest.rows import EventKey
from observability.ingest.summaries import Summary, empty_summary, fold_event, fold_events, fold_log, refold
from tests.ingest.strategies import event_records
from tests.ingest.test_merge import State, _prepare
from tests.records import START_US, make_event


def _fold_one_by_one(records: list[EventRecord]) -> tuple[Summary, dict[EventKey, State]]:
    """Do what commits of one record each do."""
    stored: dict[EventKey, State] = {}
    summary = empty_summary(1, "trace-1")
    for record in records:
        arrived = _prepare(record)
        old = stored.get(arrived[0].key)
        if old is None:
            stored[arrived[0].key] = arrived
            fold_event(summary, None, arrived[0])
            continue
        row, payload, is_changed = merge_events(old, arrived)
        if is_changed:
            fold_event(summary, old[0], row)
            stored[row.key] = (row, payload)
        if summary.is_stale:
            summary = refold(summary, [state[0] for state in stored.values()])
    return summary, stored


@given(st.lists(event_records(traces=1), min_size=1, max_size=8))
def test_fold__change_by_change__equals_fold_of_rows(records: list[EventRecord]) -> None:
    summary, stored = _fold_one_by_one(records)

    assert summary == fold_events(1, "trace-1", [state[0] for state in stored.values()])


@given(st.lists(event_records(traces=1), min_size=1, max_size=8), st.randoms())
def test_fold__shuffled_and_doubled__same_summary(records: list[EventRecord], chance: random.Random) -> None:
    shuffled = records + chance.choices(records, k=3)
    chance.shuffle(shuffled)

    assert _fold_one_by_one(shuffled)[0] == _fold_one_by_one(records)[0]


def test_fold__support_desk_run__says_what_a_reader_would_count() -> None:
    root = make_event(kind="workflow", name="chatHandler", span_id="r", ended_at_us=START_US + 5_000_000)
    call = make_event(kind="ai", name="gpt-4o", span_id="a", parent_span_id="r", model="gpt-4o", cost_micros=120)
    tool = make_event(span_id="t", parent_span_id="r", status="error", error_message="no such order")

    summary = fold_events(1, "trace-1", [_prepare(record)[0] for record in (tool, call, root)])

    assert (summary.workflow_name, summary.status, summary.event_count) == ("chatHandler", "ok", 3)
    assert (summary.error_count, summary.error_message) == (1, "no such order")
    assert (summary.cost_micros, summary.model_names, summary.duration_ms) == (120, ["gpt-4o"], 5000.0)


def test_fold__no_root_verdict__any_error_makes_the_trace_an_error() -> None:
    root = make_event(kind="workflow", span_id="r", status="unset")
    tool = make_event(span_id="t", parent_span_id="r", status="error")

    summary = fold_events(1, "trace-1", [_prepare(record)[0] for record in (root, tool)])

    assert summary.status == "error"


def test_fold__open_event__trace_is_running_without_end() -> None:
    root = make_event(kind="workflow", span_id="r", ended_at_us=None, status="running")

    summary = fold_events(1, "trace-1", [_prepare(root)[0]])

    assert (summary.status, summary.ended_at_us, summary.duration_ms) == ("running", None, None)


def test_fold__unknown_cost__stays_unknown() -> None:
    call = make_event(kind="ai", model="no-such-model", cost_micros=None)

    summary = fold_events(1, "trace-1", [_prepare(call)[0]])

    assert summary.cost_micros is None


def test_fold_log__before_first_event__trace_starts_at_the_log() -> None:
    summary = fold_events(1, "trace-1", [_prepare(make_event())[0]])

    fold_log(summary, START_US - 1_000_000)

    assert (summary.started_at_us, summary.log_count) == (START_US - 1_000_000, 1)
