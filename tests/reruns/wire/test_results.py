"""Every shape in which SDKs answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reruns.errors import ResultUnreadableError
from reruns.wire.results import MOST_OUTCOMES, read_answer


def read(body: Any) -> Any:
    return read_answer(json.dumps(body).encode())


def test_answer__workflow__has_its_outcome() -> None:
    answer = read({"mode": "workflow", "workflowName": "chat", "ok": True, "output": {"a": 1.10}, "durationMs": 5})

    (outcome,) = answer.outcomes
    assert (outcome.ok, outcome.output, outcome.error, outcome.duration_ms, outcome.number) == (
        True,
        b'{"a": 1.1}',
        "",
        5.0,
        None,
    )


def test_answer__python_results__are_outcomes_in_order() -> None:
    one = {"ok": True, "output": 1, "error": None, "durationMs": 2.5, "usage": {"input_tokens": 3, "output_tokens": 4}}
    answer = read({"results": [one, {"ok": False, "output": None, "error": "boom", "durationMs": 1, "usage": None}]})

    assert [(item.ok, item.output, item.error) for item in answer.outcomes] == [(True, b"1", ""), (False, None, "boom")]
    assert answer.outcomes[0].usage == {"input": 3, "output": 4, "total": 7}


@pytest.mark.parametrize("list_name", ["results", "runs"])
@pytest.mark.parametrize("id_name", ["originalEventDbId", "eventDbId"])
def test_answer__steps__are_found_by_either_name(list_name: str, id_name: str) -> None:
    answer = read({"mode": "step", "steps": [{id_name: 7, list_name: [{"ok": True}, {"ok": True}]}]})

    assert [(step.event_id, len(step.outcomes)) for step in answer.steps] == [(7, 2)]


def test_answer__flat_steps__are_one_outcome_each() -> None:
    answer = read({"steps": [{"eventType": "tool", "eventName": "search", "ok": True, "output": "x"}]})

    (step,) = answer.steps
    assert (step.event_id, step.event_type, step.event_name) == (None, "tool", "search")
    assert [item.output for item in step.outcomes] == [b'"x"']


def test_answer__run_index__counts_from_zero() -> None:
    assert [item.number for item in read({"runs": [{"runIndex": 0}, {"runIndex": "1"}, {}]}).outcomes] == [1, 2, None]


@pytest.mark.parametrize(
    ("body", "ok"),
    [({}, True), ({"error": "x"}, False), ({"ok": 1}, True), ({"ok": None, "error": {"message": "m"}}, False)],
)
def test_answer__no_verdict__follows_from_the_error(body: Any, ok: bool) -> None:
    assert read(body).outcomes[0].ok is ok


@pytest.mark.parametrize("value", ["x", -1, True, None, 1e300, []])
def test_answer__duration_that_is_none__is_unknown(value: Any) -> None:
    assert read({"durationMs": value}).outcomes[0].duration_ms is None


def test_answer__nan_and_half_characters__are_mended() -> None:
    (outcome,) = read_answer(b'{"ok": true, "output": NaN, "error": "\\ud800"}').outcomes

    assert outcome.output is not None
    json.loads(outcome.output)


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b'{"steps": 3}', b'{"results": [1]}', b"[" * 5000])
def test_answer__nonsense__is_refused_with_words(body: bytes) -> None:
    with pytest.raises(ResultUnreadableError, match="body"):
        read_answer(body)


def test_answer__too_many_outcomes__is_refused() -> None:
    with pytest.raises(ResultUnreadableError, match="at most"):
        read({"results": [{}] * (MOST_OUTCOMES + 1)})


@pytest.mark.parametrize(("given", "read"), [(7, 7), ("7", 7), (-1, None), (10**7, None), ([], None)])
def test_answer__call_count__is_kept_where_it_is_one(given: Any, read: int | None) -> None:
    (outcome,) = read_answer(json.dumps({"ok": True, "callCount": given}).encode()).outcomes

    assert outcome.call_count == read
