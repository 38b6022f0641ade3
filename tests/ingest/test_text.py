"""Text that Postgres and the pages can keep, and JSON read forgivingly."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.text import (
    NAME_LIMIT,
    NotJSONError,
    as_json_text,
    clean_message,
    clean_name,
    clean_names,
    clean_text,
    clean_value,
    decode_json,
    encode_json,
    hash_prompt,
)

any_text = st.text(st.characters(), max_size=50)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("plain", "plain"),
        ("é😀", "é😀"),
        ("a\0b", "a\ufffdb"),
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
        ("\udfff\0", "\ufffd\ufffd"),
    ],
)
def test_text__nul_and_surrogates__are_replaced(text: str, clean: str) -> None:
    assert clean_text(text) == clean


@given(any_text)
def test_text__any__can_be_stored_and_cleaning_again_changes_nothing(text: str) -> None:
    clean = clean_text(text)

    assert "\0" not in clean
    assert clean.encode().decode() == clean
    assert clean_text(clean) == clean


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("a", "a"),
        ("", None),
        (None, None),
        (7, "7"),
        (1.5, "1.5"),
        (True, None),
        (2**64, None),
        ({"a": 1}, None),
        ("x" * (NAME_LIMIT + 5), "x" * (NAME_LIMIT - 1) + "…"),
        ("😀" * (NAME_LIMIT + 5), "😀" * (NAME_LIMIT - 1) + "…"),
    ],
)
def test_name__each_form__short_clean_text_or_none(value: object, name: str | None) -> None:
    assert clean_name(value) == name


def test_message__long__clipped_with_an_ellipsis() -> None:
    message = clean_message("x" * 9_000)

    assert message is not None
    assert (len(message), message[-1]) == (8_000, "…")


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (["a", "b", "a", "", 1], ("a", "b", "1")),
        ('["a", "b"]', ("a", "b")),
        ("a, b", ("a", "b")),
        ("[broken", ("[broken",)),
        (None, ()),
        ({"a": 1}, ()),
        (",".join(str(number) for number in range(100)), tuple(str(number) for number in range(64))),
    ],
)
def test_names__each_form__distinct_in_order(value: object, names: tuple[str, ...]) -> None:
    assert clean_names(value) == names


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ('"\\ud800"', "\ufffd"),
        ("9" * 6_000, "9" * 6_000),
        ('{"a": NaN, "b": -Infinity, "c": 1e999}', {"a": "NaN", "b": "-Infinity", "c": "Infinity"}),
    ],
)
def test_decode__sent_in_the_wild__is_read_clean(text: str, value: object) -> None:
    assert decode_json(text) == value


@pytest.mark.parametrize("text", ["", "{", "nul", "[" * 100_000, b"\xff"])
def test_decode__not_json__says_so(text: str | bytes) -> None:
    with pytest.raises(NotJSONError):
        decode_json(text)


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ('{ "b":1,  "a":2 }', b'{ "b":1,  "a":2 }'),
        ('{"a": "\\ud800"}', '{"a":"\ufffd"}'.encode()),
        ("[" * 200 + "]" * 200, b"[" * 200 + b"]" * 200),
        ("[" * 201 + "]" * 201, None),
        ('"' + "[" * 500 + '"', b'"' + b"[" * 500 + b'"'),
        ("{a: 1}", None),
        ("[" * 300 + '\\"' * 100_000, None),
        ("\ud800", None),
    ],
)
def test_json_text__json_or_not__own_bytes_or_none(text: str, content: bytes | None) -> None:
    assert as_json_text(text) == content


@given(
    st.recursive(
        any_text | st.integers() | st.floats(), lambda inner: st.lists(inner) | st.dictionaries(any_text, inner)
    )
)
def test_value__any__is_encoded_and_read_back_clean(value: object) -> None:
    clean = clean_value(value)

    assert decode_json(encode_json(clean)) == json.loads(json.dumps(clean))


def test_prompt_hash__text_with_nul__same_as_of_the_stored_text() -> None:
    assert hash_prompt("a\0b") == hash_prompt(clean_text("a\0b"))
