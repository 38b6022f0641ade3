"""OTLP trace requests for property tests: plain ones drawn by Hypothesis, and ways to spoil them.

What spoils a body takes a `random.Random`, because an example has hundreds of broken bodies from one seed. It works on
any protobuf: it goes down to a message at some depth, changes it there, and writes the sizes of all around it anew, so
that the change is read and does not only break what is outermost.
"""

from __future__ import annotations

import itertools
import random
from typing import Any

from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

Field = tuple[int, int, bytes]
"""Number, wire type, and content without its size."""

# -- the wire ----------------------------------------------------------------------------------------------------------


def write_varint(value: int, *, spare: int = 0) -> bytes:
    """Return a variable-length number, longer by some bytes than it has to be."""
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127)
    groups += [0] * spare
    return bytes([*(group | 128 for group in groups[:-1]), groups[-1]])


def write_field(field: Field, *, spare: int = 0) -> bytes:
    """Return a field as it is on the wire, its tag and size longer by some bytes than they have to be."""
    number, kind, content = field
    size = write_varint(len(content), spare=spare) if kind == BYTES else b""
    return write_varint(number << 3 | kind, spare=spare) + size + content


def write_fields(fields: list[Field]) -> bytes:
    """Return a message."""
    return b"".join(map(write_field, fields))


def read_fields(message: bytes) -> list[Field]:
    """Return the fields of a message, or none of what cannot be one."""
    fields = []
    place = 0
    try:
        while place < len(message):
            start, tag = _read_varint(message, place)
            kind = tag & 7
            if kind == BYTES:
                start, size = _read_varint(message, start)
                place = start + size
            elif kind == VARINT:
                place = _read_varint(message, start)[0]
            else:
                place = start + {FIXED64: 8, FIXED32: 4}[kind]
            fields.append((tag >> 3, kind, message[start:place]))
    except (IndexError, KeyError):
        return []
    return fields if place == len(message) else []


def _read_varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while message[place] > 127:
        value |= (message[place] & 127) << shift
        place, shift = place + 1, shift + 7
    return place + 1, value | message[place] << shift


# -- plain requests ----------------------------------------------------------------------------------------------------

_texts = st.text(max_size=12) | st.sampled_from(
    ["", "gen_ai.request.model", "\0", "ü" * 20, "x" * 31, "x" * 32, "東\U0001f600"]
)
_keys = st.sampled_from(["a", "b", ""]) | _texts
_integers = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, -1, 127, 128])
_floats = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0])
_scalars = st.one_of(
    st.just(AnyValue()),
    _texts.map(lambda text: AnyValue(string_value=text)),
    st.booleans().map(lambda answer: AnyValue(bool_value=answer)),
    _integers.map(lambda number: AnyValue(int_value=number)),
    _floats.map(lambda number: AnyValue(double_value=number)),
)


def _pairs(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    pair = st.builds(KeyValue, key=_keys, value=values) | _keys.map(lambda key: KeyValue(key=key))
    return st.lists(pair, max_size=4)


def _nest(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(values, max_size=4).map(lambda found: AnyValue(array_value=ArrayValue(values=found)))
    return lists | _pairs(values).map(lambda found: AnyValue(kvlist_value=KeyValueList(values=found)))


_values = st.recursive(_scalars, _nest, max_leaves=6)
_attributes = _pairs(_values)
_times = st.integers(0, 2**64 - 1) | st.just(1_760_000_000_000_000_000)
_counts = st.just(0) | st.integers(0, 2**32 - 1)
_trace_ids = st.binary(min_size=16, max_size=16).filter(any)
_span_ids = st.binary(min_size=8, max_size=8).filter(any)
_statuses = st.builds(Status, code=st.integers(0, 2), message=_texts)
_events = st.builds(Span.Event, time_unix_nano=_times, name=_texts, attributes=_attributes)
_links = st.builds(
    Span.Link, trace_id=st.binary(max_size=20), span_id=_span_ids, trace_state=_texts, attributes=_attributes
)
plain_spans = st.builds(
    Span,
    trace_id=_trace_ids,
    span_id=_span_ids,
    parent_span_id=_span_ids | st.sampled_from([b"", bytes(8)]),
    name=_texts,
    kind=st.integers(0, 5) | st.integers(-(2**31), 2**31 - 1),
    start_time_unix_nano=_times,
    end_time_unix_nano=_times,
    attributes=_attributes,
    status=st.none() | _statuses,
    trace_state=_texts,
    events=st.lists(_events, max_size=2),
    links=st.lists(_links, max_size=2),
    dropped_attributes_count=_counts,
    dropped_events_count=_counts,
    dropped_links_count=_counts,
    flags=_counts,
)
_scopes = st.builds(InstrumentationScope, name=_texts, version=_texts, attributes=_attributes)
_groups = st.builds(ScopeSpans, scope=st.none() | _scopes, schema_url=_texts, spans=st.lists(plain_spans, max_size=3))
_holders = st.builds(
    ResourceSpans,
    resource=st.none() | _attributes.map(lambda found: Resource(attributes=found)),
    schema_url=_texts,
    scope_spans=st.lists(_groups, min_size=1, max_size=2),
)
plain_bodies = st.lists(_holders, min_size=1, max_size=2).map(
    lambda holders: ExportTraceServiceRequest(resource_spans=holders).SerializeToString()
)
"""Requests without anything that is left to Python: no bytes, NaN, wrong id, deep nesting or text that is not UTF-8."""


def wrap_spans(*spans: bytes) -> bytes:
    """Return a request of encoded spans."""
    return write_fields([(1, BYTES, write_fields([(2, BYTES, write_fields([(2, BYTES, span) for span in spans]))]))])


def make_span(*, trace_state: str = "") -> bytes:
    """Return an encoded span of which more can be written behind it."""
    span = Span(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, name="step", trace_state=trace_state)
    encoded: bytes = span.SerializeToString()
    return encoded


def nest_value(depth: int, *, innermost: bytes = b"\x18\x07") -> bytes:
    """Return an encoded value as deep as that, of lists and maps in turn."""
    value = innermost
    for level in range(depth):
        if level % 2:
            value = write_field((5, BYTES, write_field((1, BYTES, value))))
        else:
            value = write_field((6, BYTES, write_field((1, BYTES, write_attribute("k", value)))))
    return value


def write_attribute(key: str, value: bytes) -> bytes:
    """Return a KeyValue of an encoded value."""
    return write_fields([(1, BYTES, key.encode()), (2, BYTES, value)])


# -- hard texts --------------------------------------------------------------------------------------------------------


def list_hard_texts() -> list[bytes]:
    """Return texts on both sides of each bound of UTF-8: overlong, surrogates, beyond Unicode, cut off."""
    firsts = b"\x00\x7f\x80\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5\xff"
    others = b"\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0"
    rests = [bytes(rest) for size in range(4) for rest in itertools.product(others, repeat=size)]
    return [bytes([first]) + rest for first in firsts for rest in rests]


# -- at the limits -----------------------------------------------------------------------------------------------------


def _fill(count: int, *, number: int = 15) -> bytes:
    return write_field((number, BYTES, b"")) * count


def _wrap_group(group: bytes) -> bytes:
    return write_field((1, BYTES, write_field((2, BYTES, group))))


def _nest_in_span(depth: int) -> bytes:
    return wrap_spans(make_span() + write_field((9, BYTES, write_attribute("deep", nest_value(depth)))))


BODIES_AT_LIMITS = {
    "most holders": _fill(10_000, number=1),
    "too many holders": _fill(10_001, number=1),
    "most fields of a request": _fill(9_999) + wrap_spans(make_span()),
    "too many fields of a request": _fill(10_000) + wrap_spans(make_span()),
    "most groups": write_field((1, BYTES, _fill(10_000, number=2))),
    "too many groups": write_field((1, BYTES, _fill(10_001, number=2))),
    "too many groups of two holders": write_field((1, BYTES, _fill(5_001, number=2))) * 2,
    "most groups and a schema url": write_field((1, BYTES, _fill(9_999, number=2) + _fill(1, number=3))),
    "too many groups with a schema url": write_field((1, BYTES, _fill(10_000, number=2) + _fill(1, number=3))),
    "most fields of a group": _wrap_group(_fill(199_999) + _fill(1, number=2)),
    "too many fields of a group": _wrap_group(_fill(200_000) + _fill(1, number=2)),
    "too many spans": _wrap_group(_fill(200_001, number=2)),
    "too many spans of two groups": _wrap_group(_fill(100_001, number=2)) * 2,
    "too many events": wrap_spans(*[make_span() + _fill(70_000, number=11)] * 3),
    "too many links": wrap_spans(*[make_span() + _fill(100_001, number=13)] * 2),
    **{
        f"a span of {size} bytes": wrap_spans(make_span(trace_state="x" * (size - len(make_span()) - 4)))
        for size in (2**18 - 1, 2**18)
    },
    "a large span of too many values": wrap_spans(make_span() + _fill(2**17, number=9)),
    **{f"values {depth} deep": _nest_in_span(depth) for depth in (1, 15, 16, 17, 18, 49, 100)},
}
"""Bodies on both sides of each bound, by what is bounded."""

# -- spoiled ones ------------------------------------------------------------------------------------------------------

_NUMBERS = [*range(1, 18), 0, 1000, 2**29 - 1]
_KINDS = [VARINT, VARINT, FIXED64, BYTES, BYTES, BYTES, BYTES, FIXED32, 3, 4, 6, 7]
_VARINTS = [
    b"\x00",
    b"\x01",
    b"\x80\x00",
    b"\xff\xff\xff\xff\x07",
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\x1f",
    b"\x80\x80\x80\x80\x80\x00",
    b"\xff" * 9 + b"\x01",
    b"\xff" * 9 + b"\x02",
    b"\xff" * 9 + b"\x7f",
    b"\xff" * 10 + b"\x00",
    b"\x80",
]
_CONTENTS = [
    b"",
    b"\x00",
    b"\x0a\x00",
    b"\x0a\x01k\x12\x00",
    b"\x0a\x01k\x12\x02\x18\x07",
    b"\x0a\x02\xc3\xa9",
    b"\x0a\x02\xed\xa0\x80",
    b"\x21\x00\x00\x00\x00\x00\x00\xf8\x7f",
    b"\x21\x00\x00\x00\x00\x00\x00\x00\x80",
    b"\x3a\x02\xff\xfe",
    b"\x2a\x04\x0a\x02\x2a\x00",
    b"\x32\x06\x0a\x04\x12\x02\x32\x00",
    b"\xf0\x8f\xbf\xbf",
    b"\xf4\x8f\xbf\xbf",
    b"\xf4\x90\x80\x80",
    b"\xe0\x9f\xbf",
    b"\xc1\xbf",
    b"\xe2\x82",
    "12345678é".encode(),
    bytes(8),
    bytes(16),
    b"\x01" * 8,
    b"\x01" * 16,
]


def spoil(message: bytes, chance: random.Random) -> bytes:
    """Return the message with a change somewhere in it."""
    fields = read_fields(message)
    if not fields or chance.random() < 0.1:
        return scramble(message, chance)
    place = chance.randrange(len(fields))
    number, kind, content = fields[place]
    if kind == BYTES and chance.random() < 0.75:
        fields[place] = number, kind, spoil(content, chance)
        return write_fields(fields)
    return _change_fields(fields, place, chance)


def _change_fields(fields: list[Field], place: int, chance: random.Random) -> bytes:
    before, field, after = fields[:place], fields[place], fields[place + 1 :]
    changed: list[bytes] = {
        "longer": [write_field(field, spare=chance.randrange(1, 8))],
        "missing": [],
        "twice": [write_field(field)] * 2,
        "odd": [_make_odd_field(chance), write_field(field)],
        "replaced": [_make_odd_field(chance, number=field[0])],
        "last": [write_field(field), *(write_field(chance.choice(fields)) for _ in range(2))],
    }[chance.choice(["longer", "missing", "twice", "odd", "replaced", "replaced", "last"])]
    return write_fields(before) + b"".join(changed) + write_fields(after)


def _make_odd_field(chance: random.Random, *, number: int | None = None) -> bytes:
    number = chance.choice(_NUMBERS) if number is None else number
    kind = chance.choice(_KINDS)
    if kind == BYTES:
        return write_field((number, kind, chance.choice(_CONTENTS)))
    sizes = {FIXED64: 8, FIXED32: 4}
    content = chance.randbytes(sizes[kind]) if kind in sizes else chance.choice(_VARINTS)
    return write_field((number, kind, content))


def scramble(message: bytes, chance: random.Random) -> bytes:
    """Return bytes with some of them flipped, cut off, put in, written twice or turned into a huge number."""
    start = chance.randrange(len(message) + 1)
    end = min(len(message), start + chance.choice([1, 1, 2, 8, 60]))
    flipped = bytes(byte ^ 1 << chance.randrange(8) for byte in message[start:end])
    put_in = chance.choice([*_VARINTS, *_CONTENTS, chance.randbytes(5)])
    return chance.choice(
        [
            message[:start],
            message[:start] + message[end:],
            message[:start] + flipped + message[end:],
            message[:start] + put_in + message[start:],
            message[:start] + put_in + message[end:],
            message[:end] + message[start:],
        ]
    )
