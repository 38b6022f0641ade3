"""Alignment of a rerun with its source: what it promises, whatever the calls are."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reruns.fidelity.alignment import Relation, Row, Token, align_calls, find_first_divergence
from reruns.fidelity.fingerprints import canonicalise, digest_value

TOKENS = st.builds(Token, st.sampled_from(["tool", "ai"]), st.sampled_from("ab"), st.sampled_from("xyz"))
CALLS = st.lists(TOKENS, max_size=12)
NEW = Token("http", "fetch", "new")


def _count(rows: list[Row]) -> Counter[Relation]:
    return Counter(row.relation for row in rows)


@given(CALLS, CALLS)
def test_alignment__any_two__has_each_call_once_and_says_the_truth(source: list[Token], rerun: list[Token]) -> None:
    rows = align_calls(source, rerun)

    assert sorted(row.source for row in rows if row.source is not None) == list(range(len(source)))
    assert sorted(row.rerun for row in rows if row.rerun is not None) == list(range(len(rerun)))
    for row in rows:
        one = None if row.source is None else source[row.source]
        other = None if row.rerun is None else rerun[row.rerun]
        assert (one == other) == (row.relation in (Relation.SAME, Relation.MOVED))
        assert (other is None) == (row.relation is Relation.MISSING)
        assert (one is None) == (row.relation is Relation.EXTRA)
    # A call that both have is never told as missing here and extra there.
    missing = {source[row.source] for row in rows if row.relation is Relation.MISSING and row.source is not None}
    extra = {rerun[row.rerun] for row in rows if row.relation is Relation.EXTRA and row.rerun is not None}
    assert not missing & extra
    assert (find_first_divergence(source, rerun, rows) is None) == (source == rerun)


@given(CALLS)
def test_alignment__identity__is_the_same_throughout(source: list[Token]) -> None:
    rows = align_calls(source, source)

    assert rows == [Row(place, place, Relation.SAME) for place in range(len(source))]


@given(CALLS, st.data())
def test_alignment__one_insertion__is_one_extra_there(source: list[Token], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(source)))
    rerun = [*source[:at], NEW, *source[at:]]

    rows = align_calls(source, rerun)

    divergence = find_first_divergence(source, rerun, rows)
    assert _count(rows) == Counter({Relation.SAME: len(source), Relation.EXTRA: 1}) - Counter({Relation.SAME: 0})
    assert divergence is not None
    assert (divergence.at, divergence.row) == (at, Row(None, at, Relation.EXTRA))


@given(CALLS, st.data())
def test_alignment__one_deletion__is_one_missing_there(rerun: list[Token], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(rerun)))
    source = [*rerun[:at], NEW, *rerun[at:]]

    rows = align_calls(source, rerun)

    divergence = find_first_divergence(source, rerun, rows)
    assert _count(rows) == Counter({Relation.SAME: len(rerun), Relation.MISSING: 1}) - Counter({Relation.SAME: 0})
    assert divergence is not None
    assert (divergence.at, divergence.row) == (at, Row(at, None, Relation.MISSING))


@given(st.lists(TOKENS, min_size=2, max_size=12, unique=True), st.data())
def test_alignment__two_neighbours_swapped__is_an_order_swap(source: list[Token], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(source) - 2))
    rerun = [*source[:at], source[at + 1], source[at], *source[at + 2 :]]

    rows = align_calls(source, rerun)

    divergence = find_first_divergence(source, rerun, rows)
    assert set(_count(rows)) <= {Relation.SAME, Relation.MOVED}
    assert divergence is not None
    assert (divergence.at, divergence.row.relation) == (at, Relation.MOVED)


@given(st.lists(TOKENS, min_size=1, max_size=12), st.data())
def test_alignment__one_input_changed__is_a_drift_there(source: list[Token], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(source) - 1))
    rerun = [*source[:at], source[at]._replace(input="other"), *source[at + 1 :]]

    rows = align_calls(source, rerun)

    divergence = find_first_divergence(source, rerun, rows)
    assert divergence is not None
    assert (divergence.at, divergence.row) == (at, Row(at, at, Relation.INPUT))


@pytest.mark.parametrize(
    ("other", "relation"),
    [(Token("tool", "b", "x"), Relation.NAME), (Token("db", "a", "x"), Relation.TYPE)],
)
def test_alignment__another_name_or_type__is_said(other: Token, relation: Relation) -> None:
    assert align_calls([Token("tool", "a", "x")], [other]) == [Row(0, 0, relation)]


def test_alignment__strangers__are_missing_and_extra() -> None:
    rows = align_calls([Token("tool", "a", "x")], [Token("db", "b", "x")])

    assert _count(rows) == Counter({Relation.MISSING: 1, Relation.EXTRA: 1})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a": 1, "b": [2.0]}', b'{"b":[2],"a":1}'),
        (b'"a  b\\n c"', b'"a b c"'),
        (b"0.12345649", b"0.123456"),
        (None, b"null"),
        (b"not  json", b"not json"),
    ],
)
def test_fingerprint__two_spellings_of_one_input__are_one(one: bytes | None, other: bytes) -> None:
    assert canonicalise(one) == canonicalise(other)


@pytest.mark.parametrize(("one", "other"), [(b"1", b'"1"'), (b"true", b"1"), (b"[1,2]", b"[2,1]"), (b"0.1", b"0.2")])
def test_fingerprint__two_inputs__are_two(one: bytes, other: bytes) -> None:
    assert digest_value(one) != digest_value(other)
