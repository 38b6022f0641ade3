"""Spans that were read in C are what they are in Python, and so is what becomes of all that is odd or broken."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from observability.ingest import native
from observability.ingest.otlp import MalformedBodyError, decode_traces, protobuf
from tests.ingest.otlp.recorded import PROTOBUF
from tests.ingest.request_bodies import (
    BODIES_AT_LIMITS,
    BYTES,
    FIXED64,
    VARINT,
    list_hard_texts,
    make_span,
    plain_bodies,
    plain_spans,
    scramble,
    spoil,
    wrap_spans,
    write_attribute,
    write_field,
)

pytestmark = pytest.mark.skipif(not native.is_compiled(), reason="no C compiler was found when this was set up")

ODD_VALUES = {
    "bytes": b"\x3a\x02\xff\xfe",
    "not a number": b"\x21\x01\x00\x00\x00\x00\x00\xf0\x7f",
    "infinity": b"\x21\x00\x00\x00\x00\x00\x00\xf0\xff",
    "two of a kind": b"\x18\x01\x18\x02",
    "two kinds": b"\x0a\x01x\x18\x02",
    "two lists, which are joined": b"\x2a\x04\x0a\x02\x18\x01" * 2,
    "a string of no type known": b"\x42\x01x",
    "a number as a string": b"\x1a\x01x",
    "a surrogate": b"\x0a\x03\xed\xa0\x80",
    "a list with other fields": b"\x2a\x09\x12\x01x\x0a\x02\x18\x01\x18\x05",
    "a list of a number": b"\x2a\x02\x08\x01",
    "a truth that is not 0 or 1": b"\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    "a truth whose low bits are 0": b"\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    "a number too long": b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
    "a number longer than it has to be": b"\x18\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00",
    "a tag of five bytes": b"\x98\x80\x80\x80\x00\x07",
    "a tag of six bytes": b"\x98\x80\x80\x80\x80\x00\x07",
    "a size of five bytes": b"\x0a\x81\x80\x80\x80\x00x",
    "a size of six bytes": b"\x0a\x81\x80\x80\x80\x80\x00x",
    "a size past the end": b"\x0a\x7f",
    "a group": b"\x0b\x0c",
}

_MERGED = [b"", b"\x18\x07", b"\x2a\x04\x0a\x02\x18\x01", b"\x32\x05\x0a\x03\x0a\x01k"]
"""No value, a number, a list and a map."""

_seeds = st.integers(0, 2**32 - 1)


def _outcome(call: Callable[[], object], *, in_c: bool) -> str:
    """Return what a call gives, or its error, as text: it tells True from 1, 1 from 1.0 and one order from another."""
    with pytest.MonkeyPatch.context() as patch:
        if not in_c:
            patch.setattr(native, "_library", None)
        try:
            return repr(call())
        except MalformedBodyError as error:
            return repr(error)


def _assert_same(body: bytes) -> None:
    found, expected = (_outcome(lambda: list(protobuf.iter_spans(body)), in_c=in_c) for in_c in (True, False))
    assert found == expected


def _list_left_to_python(body: bytes) -> list[int] | None:
    found = native.read_spans(body)
    return None if found is None else list(msgspec.msgpack.decode(found, strict=False)[1])


@example(b"")
@given(plain_bodies)
def test_iter_spans__plain_body__is_read_in_c_as_in_python(body: bytes) -> None:
    _assert_same(body)
    assert _list_left_to_python(body) == []


@given(plain_bodies, _seeds)
def test_iter_spans__spoiled_at_any_depth__is_read_in_c_as_in_python(body: bytes, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(15):
        _assert_same(spoil(body, chance))
        _assert_same(spoil(spoil(body, chance), chance))


@given(plain_bodies, _seeds)
def test_iter_spans__broken_anywhere__is_read_in_c_as_in_python(body: bytes, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(15):
        _assert_same(scramble(body, chance))


@given(st.lists(plain_spans.map(lambda span: span.SerializeToString()), min_size=2, max_size=6), _seeds)
def test_iter_spans__odd_ones_between_plain_ones__are_in_the_order_sent(spans: list[bytes], seed: int) -> None:
    chance = random.Random(seed)

    _assert_same(wrap_spans(*(spoil(span, chance) if chance.random() < 0.5 else span for span in spans)))


@given(st.binary(max_size=60))
def test_iter_spans__any_bytes__are_read_in_c_as_in_python(content: bytes) -> None:
    _assert_same(content)
    _assert_same(wrap_spans(content))
    _assert_same(wrap_spans(make_span() + content))
    _assert_same(wrap_spans(make_span() + write_field((9, BYTES, write_attribute("k", content)))))


@pytest.mark.parametrize("value", ODD_VALUES.values(), ids=ODD_VALUES)
@pytest.mark.parametrize("number", [9, 11, 13, 15])
def test_iter_spans__odd_value_anywhere_in_a_span__is_read_in_c_as_in_python(value: bytes, number: int) -> None:
    attribute = write_attribute("odd", value)
    inner = {9: attribute, 11: write_field((3, BYTES, attribute)), 13: write_field((4, BYTES, attribute)), 15: value}

    _assert_same(wrap_spans(make_span(), make_span() + write_field((number, BYTES, inner[number])), make_span()))


@pytest.mark.parametrize("number", range(1, 18))
@pytest.mark.parametrize("content", [b"", bytes(8), bytes(16), b"\x01" * 8, b"\x01" * 16, b"\xff", "é".encode()])
def test_iter_spans__field_of_any_content_or_type__is_read_in_c_as_in_python(number: int, content: bytes) -> None:
    _assert_same(wrap_spans(make_span() + write_field((number, BYTES, content))))
    _assert_same(wrap_spans(make_span() + write_field((number, VARINT, b"\xff\xff\xff\xff\xff\x7f"))))
    _assert_same(wrap_spans(make_span() + write_field((number, FIXED64, b"\xff" * 8))))


@pytest.mark.parametrize("before", [b"", b"1234567", b"12345678"])
def test_iter_spans__text_at_the_bounds_of_utf8__is_read_in_c_as_in_python(before: bytes) -> None:
    """What follows the text looks as if it went on: it is the tag of a field, which begins as such bytes do."""
    after = write_field((16, VARINT, b"\x00"))
    assert after[0] == 0x80

    _assert_same(
        wrap_spans(*(make_span() + write_field((5, BYTES, before + text)) + after for text in list_hard_texts()))
    )


@pytest.mark.parametrize("first", _MERGED)
@pytest.mark.parametrize("second", _MERGED)
def test_iter_spans__two_values_of_a_key__are_merged_as_in_python(first: bytes, second: bytes) -> None:
    pair = write_attribute("k", first) + write_field((2, BYTES, second))

    _assert_same(wrap_spans(make_span() + write_field((9, BYTES, pair))))


@pytest.mark.parametrize("body", BODIES_AT_LIMITS.values(), ids=BODIES_AT_LIMITS)
def test_decode_traces__at_a_limit_or_past_it__is_decoded_in_c_as_in_python(body: bytes) -> None:
    found, expected = (_outcome(lambda: decode_traces(body, PROTOBUF), in_c=in_c) for in_c in (True, False))

    assert found == expected


def test_iter_spans__same_key_again__has_the_last_value_in_the_first_place() -> None:
    values = {"a": b"\x18\x01", "b": b"\x18\x02"}
    pairs = [write_attribute(key, values[key]) for key in "ab"] + [write_attribute("a", b"\x10\x01")]
    body = wrap_spans(make_span() + b"".join(write_field((9, BYTES, pair)) for pair in pairs))

    (span,) = protobuf.iter_spans(body)

    assert "attributes={'a': True, 'b': 2}" in repr(span)
    assert _list_left_to_python(body) == []
