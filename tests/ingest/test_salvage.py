"""Cutting up documents that strict decoding refuses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.salvage import SALVAGE_LIMIT, count_values, split_array, split_object
from observability.ingest.text import NotJSONError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(items=st.lists(VALUES, max_size=6), indent=st.sampled_from([None, 0, 2]))
def test_split_array__valid_json__its_items(items: list[object], indent: int | None) -> None:
    pieces = split_array(json.dumps(items, indent=indent).encode())

    assert [json.loads(piece) for piece in pieces] == items


@given(members=st.dictionaries(st.text(), VALUES, max_size=6), indent=st.sampled_from([None, 0, 2]))
def test_split_object__valid_json__its_members(members: dict[str, object], indent: int | None) -> None:
    pieces = split_object(json.dumps(members, indent=indent).encode())

    assert {key: json.loads(value) for key, value in pieces.items()} == members


@given(document=st.binary(max_size=60))
def test_split_object__any_bytes__members_or_a_refusal(document: bytes) -> None:
    try:
        members = split_object(b"{" + document)
    except NotJSONError:
        return

    assert all(isinstance(key, str) for key in members)


@pytest.mark.parametrize("document", [b"", b"{", b'{"a"', b'{"a":1}}', b'{"a":1}x', b'{"a":"}', b"{a:1}", b'{"a" 1}'])
def test_split_object__unbalanced_or_no_member__refused(document: bytes) -> None:
    with pytest.raises(NotJSONError):
        split_object(document)


def test_split_array__over_the_limit__refused_unread() -> None:
    with pytest.raises(NotJSONError, match="longer than"):
        split_array(b"[" + b" " * SALVAGE_LIMIT + b"]")


@pytest.mark.parametrize(
    ("document", "count"),
    [
        (b"[1,2,3]", 3),
        (b'{"a":[],"b":{}}', 4),
        (b'{"a":"1,2,3,[{"}', 1),
        (b'["\\",,,"]', 1),
        (b'["\\\\",1]', 2),
        (b'["unfinished,,]', 3),
    ],
)
def test_count_values__text_does_not_count(document: bytes, count: int) -> None:
    assert count_values(document, enough=0) == count
