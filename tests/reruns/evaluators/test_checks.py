"""Checks, each on its own: pure."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reruns.evaluators import CHECKS, parse_check
from reruns.evaluators.check import find_outcome
from reruns.evaluators.judging import LlmJudge, make_question
from reruns.evaluators.similarity import measure_similarity
from reruns.evaluators.subject import Subject, Verdict


def judge(output: Any, /, type_: str, *, original: Any = msgspec.UNSET, **config: Any) -> Verdict:
    subject = Subject(
        ok=True,
        output=msgspec.json.encode(output),
        original=None if original is msgspec.UNSET else msgspec.json.encode(original),
    )
    return parse_check({"type": type_, **config}).evaluate(subject)


@pytest.mark.parametrize(
    ("type_", "config", "output", "status"),
    [
        ("output-contains", {"substrings": ["tarp", "blue"]}, "a blue tarp", "passed"),
        ("output-contains", {"substrings": ["Tarp"]}, "a blue tarp", "failed"),
        ("output-contains", {"substrings": ["Tarp"], "case_sensitive": False}, "a blue tarp", "passed"),
        ("output-contains", {"substrings": ["größe"]}, {"de": "größe"}, "passed"),
        ("output-not-contains", {"substrings": ["refund"]}, "a blue tarp", "passed"),
        ("output-not-contains", {"substrings": ["blue"]}, "a blue tarp", "failed"),
        ("regex", {"pattern": r"\d+ days"}, "in 14 days", "passed"),
        ("regex", {"pattern": r"^\d+ days"}, "in 14 days", "failed"),
        ("regex", {"pattern": "(a+)+$"}, "a" * 50_000 + "b", "failed"),
        ("output-schema", {"required_keys": ["a"]}, {"a": None}, "passed"),
        ("output-schema", {"required_keys": ["a", "b"]}, {"a": 1}, "failed"),
        ("output-schema", {"required_keys": ["a"]}, '{"a": 1}', "passed"),
        ("output-schema", {"required_keys": ["a"]}, "text", "failed"),
        ("output-schema", {"schema": {"properties": {"a": {"type": "integer"}}}}, {"a": 1}, "passed"),
        ("output-schema", {"schema": {"properties": {"a": {"type": "integer"}}}}, {"a": "1"}, "failed"),
        ("output-schema", {"schema": {"pattern": "^(a+)+$"}}, "a" * 5_000 + "b", "failed"),
        ("output-schema", {"schema": {"$ref": "http://127.0.0.1:9/x"}}, {}, "error"),
    ],
)
def test_check__output__is_judged(type_: str, config: dict[str, Any], output: Any, status: str) -> None:
    verdict = judge(output, type_, **config)

    assert (verdict.status, bool(verdict.reason)) == (status, True)


def test_same_as_original__differences__are_named_by_path() -> None:
    one, other = {"a": [1, {"b": 2}], "c": True}, {"a": [1, {"b": 3}], "c": 1, "d": None}

    verdict = judge(other, "same_as_original", original=one)

    assert verdict.evidence["differences"] == [
        {"path": "a.1.b", "original": "2", "output": "3"},
        {"path": "c", "original": "true", "output": "1"},
        {"path": "d", "output": "null"},
    ]
    assert judge(other, "same_as_original", original=one, ignored_paths=["a.*.b", "c", "d"]).status == "passed"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_same_as_original__itself__passes(value: Any) -> None:
    assert {judge(value, "same_as_original", original=value, match=match).status for match in MATCHES} == {"passed"}


MATCHES = ("exact", "structural", "similarity")


@given(st.text(max_size=40), st.text(max_size=40))
def test_similarity__two_texts__is_symmetric_and_whole_only_for_equals(one: str, other: str) -> None:
    similarity = measure_similarity(one, other)

    assert similarity == measure_similarity(other, one)
    assert 0 <= similarity <= 1
    assert (similarity == 1) == (one == other)


@pytest.mark.parametrize(
    "type_", sorted(set(CHECKS) - {"latency-budget", "token-budget", "cost-budget", "tool-called"})
)
@pytest.mark.parametrize(("subject", "status"), [(Subject(ok=False), "failed"), (Subject(ok=True), "skipped")])
def test_check__no_output__is_never_a_pass(type_: str, subject: Subject, status: str) -> None:
    configs: dict[str, dict[str, Any]] = {
        "llm-judge": {"prompt": "?"},
        "output-contains": {"substrings": ["a"]},
        "output-not-contains": {"substrings": ["a"]},
        "regex": {"pattern": "a"},
        "output-schema": {"required_keys": ["a"]},
    }
    check = parse_check({"type": type_, **configs.get(type_, {})})

    verdict = check.evaluate(subject)

    # Without anybody to ask, the judge has nothing to say of a failed run either.
    assert verdict.status == ("skipped" if type_ == "llm-judge" else status)


@pytest.mark.parametrize(
    ("statuses", "threshold", "expected", "outcome"),
    [
        (["passed", "passed"], "all", 2, "passed"),
        (["passed", "skipped"], "all", 2, "passed"),
        (["skipped", "skipped"], "any", 2, "skipped"),
        (["passed", "failed"], "all", 2, "failed"),
        (["passed", "failed"], "majority", 2, "failed"),
        (["passed", "error"], "all", 2, "error"),
        (["failed"], "all", 3, "failed"),
        (["passed"], "all", 3, "waiting"),
        (["passed"], "any", 3, "passed"),
        ([], "all", 2, "waiting"),
    ],
)
def test_outcome__runs__follow_the_threshold(statuses: list[str], threshold: Any, expected: int, outcome: str) -> None:
    assert find_outcome(statuses, threshold, expected=expected) == outcome


def test_question__long_output__is_cut_and_marked() -> None:
    body = make_question(LlmJudge(prompt="?"), Subject(ok=True, output=b'"' + b"x" * 100_000 + b'"'), model="m")

    assert len(body["messages"][1]["content"]) < 21_000
    assert "[100000 characters in all]" in body["messages"][1]["content"]
