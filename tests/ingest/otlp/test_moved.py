"""Values moved out of the attributes come back exactly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.otlp.flat import flatten, unflatten
from observability.ingest.otlp.moved import restore_attributes, take_flat, take_value
from observability.ingest.text import encode_json

LONG = "x" * 100

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=100)
leaves = texts | st.integers() | st.booleans() | st.none()
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=10)


@pytest.mark.parametrize(
    ("value", "is_text", "content", "stored"),
    [
        (LONG, False, f'"{LONG}"', '{"k":{"$moved":"input"}}'),
        ("short", False, '"short"', '{"k":"short"}'),
        (f'{{"a":  "{LONG}"}}', False, f'{{"a":  "{LONG}"}}', '{"k":{"$moved":"input","as":"text"}}'),
        ('{"a": 1}', False, '{"a": 1}', '{"k":"{\\"a\\": 1}"}'),
        ('{"a": 1}', True, '"{\\"a\\": 1}"', '{"k":"{\\"a\\": 1}"}'),
        ("42", False, '"42"', '{"k":"42"}'),
        ("{broken", False, '"{broken"', '{"k":"{broken"}'),
        ([1, {"a": None}], False, '[1,{"a":null}]', '{"k":{"$moved":"input"}}'),
        (7, False, "7", '{"k":{"$moved":"input"}}'),
    ],
)
def test_value__each_form__content_and_what_stays(value: object, is_text: bool, content: str, stored: str) -> None:
    attributes = {"k": value}

    taken = take_value(attributes, "k", "input", is_text=is_text)

    assert taken == content.encode()
    assert encode_json(attributes) == stored.encode()


def test_value__missing__none() -> None:
    assert take_value({}, "k", "input", is_text=False) is None


def test_value__withheld_afterwards__marker_stays() -> None:
    assert restore_attributes(b'{"k":{"$moved":"input"}}', given=None, produced=b"1") == {"k": {"$moved": "input"}}


@given(values, values, st.booleans())
def test_values__any__are_restored(sent: object, received: object, is_text: bool) -> None:
    attributes = {"in": sent, "out": received, "other": 1}
    original = dict(attributes)

    taken = take_value(attributes, "in", "input", is_text=is_text)
    produced = take_value(attributes, "out", "output", is_text=is_text)
    restored = restore_attributes(encode_json(attributes), given=taken, produced=produced)

    assert restored == original


@given(st.dictionaries(st.from_regex(r"[012a](\.[012a]){0,3}", fullmatch=True), texts, max_size=8))
def test_flat__any_keys__are_restored_whether_or_not_they_nest(flat: dict[str, object]) -> None:
    attributes = {f"p.{key}": value for key, value in flat.items()} | {"other": 1}
    original = dict(attributes)

    taken = take_flat(attributes, "p", "input")

    assert restore_attributes(encode_json(attributes), given=taken, produced=None) == original


@pytest.mark.parametrize(
    ("flat", "nested"),
    [
        ({"0.role": "user", "1.role": "tool"}, [{"role": "user"}, {"role": "tool"}]),
        ({"0.a.b": 1, "0.a.c": 2}, [{"a": {"b": 1, "c": 2}}]),
        ({"1.role": "user"}, {"1": {"role": "user"}}),
        ({"0": "text", "0.role": "user"}, None),
        ({".".join("a" * 30): 1}, None),
    ],
)
def test_unflatten__keys__nested_or_refused(flat: dict[str, object], nested: object) -> None:
    assert unflatten(flat) == nested


def test_flatten__nested__inverse_of_unflatten() -> None:
    flat = {"0.role": "user", "0.tool_calls.0.id": "c", "0.tool_calls.1.id": "d", "1.role": "tool"}

    assert flatten(unflatten(flat)) == flat
