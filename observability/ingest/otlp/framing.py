"""The outer layers of an OTLP request in protobuf, walked by hand, so that its items can be parsed one at a time.

Two reasons. Protobuf has one verdict for a whole message, and one span that cannot be parsed must not cost the others.
And an empty message takes two bytes on the wire but some hundred in memory: a body of a few MiB made of nothing else
would take gigabytes if it were parsed at once. So items are counted before they exist, and an item that is large
itself is searched for too many values before it is parsed.

`ExportTraceServiceRequest` and `ExportLogsServiceRequest` have the same shape and field numbers down to the item:
request 1 -> holder (1 resource, 2 group, 3 schema url) -> group (1 scope, 2 item, 3 schema url) -> item.
"""

from __future__ import annotations

import enum

import msgspec

from observability.ingest.otlp.wire import ITEM_LIMIT, MalformedBodyError, OversizedBodyError

GROUP_LIMIT = 10_000
VALUE_LIMIT = 100_000
"""Fields in one item, values inside values included."""
LARGE_BYTES = 256 * 1024
"""Size from which an item is searched before it is parsed: smaller ones cannot take much memory."""

Slice = tuple[int, int]
Field = tuple[int, int, int]
"""Number, start and end of a field that holds bytes."""


class Group(msgspec.Struct):
    """The items of one scope, as positions in the body."""

    scope: bytes
    schema_url: bytes
    items: list[Slice]


class Holder(msgspec.Struct):
    """The groups of one resource."""

    resource: bytes
    schema_url: bytes
    groups: list[Group]


class Shape(enum.IntEnum):
    """Message types that can hold many values."""

    SPAN = 0
    LOG = 1
    EVENT = 2
    LINK = 3
    PAIR = 4
    VALUE = 5
    LIST = 6
    PAIRS = 7
    HOLDER = 8


_INNER: dict[Shape, dict[int, Shape]] = {
    Shape.SPAN: {9: Shape.PAIR, 11: Shape.EVENT, 13: Shape.LINK},
    Shape.LOG: {5: Shape.VALUE, 6: Shape.PAIR},
    Shape.EVENT: {3: Shape.PAIR},
    Shape.LINK: {4: Shape.PAIR},
    Shape.PAIR: {2: Shape.VALUE},
    Shape.VALUE: {5: Shape.LIST, 6: Shape.PAIRS},
    Shape.LIST: {1: Shape.VALUE},
    Shape.PAIRS: {1: Shape.PAIR},
    # A resource has its attributes in field 1, a scope in field 3.
    Shape.HOLDER: {1: Shape.PAIR, 3: Shape.PAIR},
}
"""By message type, the fields that hold messages with values in them (`trace.proto`, `logs.proto`, `common.proto`)."""


def read_holders(body: bytes) -> list[Holder]:
    """Return the structure of a request. Raises `MalformedBodyError`, or `OversizedBodyError` for too many items."""
    holders = []
    group_count = item_count = 0
    for number, start, end in _split(body, 0, len(body), GROUP_LIMIT):
        if number != 1:
            continue
        fields = _split(body, start, end, GROUP_LIMIT)
        groups = [_read_group(body, field[1], field[2]) for field in fields if field[0] == 2]
        group_count += len(groups)
        item_count += sum(len(group.items) for group in groups)
        if group_count > GROUP_LIMIT or item_count > ITEM_LIMIT:
            raise OversizedBodyError("the request holds too many items")
        holders.append(Holder(_join(body, fields, 1), _join(body, fields, 3), groups))
    return holders


def has_too_many_values(item: bytes, shape: Shape) -> bool:
    """Tell whether a message holds more than `VALUE_LIMIT` fields. Small ones are not looked into."""
    if len(item) < LARGE_BYTES:
        return False
    waiting = [(shape, 0, len(item))]
    count = 0
    while waiting:
        outer, start, end = waiting.pop()
        try:
            fields = _split(item, start, end, VALUE_LIMIT)
        except OversizedBodyError:
            return True
        except MalformedBodyError:
            # The parser will say so.
            return False
        count += len(fields)
        if count > VALUE_LIMIT:
            return True
        inner = _INNER[outer]
        waiting += [(inner[number], first, last) for number, first, last in fields if number in inner]
    return False


def _read_group(body: bytes, start: int, end: int) -> Group:
    fields = _split(body, start, end, ITEM_LIMIT)
    items = [(first, last) for number, first, last in fields if number == 2]
    return Group(_join(body, fields, 1), _join(body, fields, 3), items)


def _join(body: bytes, fields: list[Field], number: int) -> bytes:
    """Return a message field that may be there more than once: protobuf merges messages by joining their bytes."""
    return b"".join(body[start:end] for found, start, end in fields if found == number)


def _split(body: bytes, start: int, end: int, limit: int) -> list[Field]:
    """Return the fields of a message that hold bytes, and skip the others, which are numbers."""
    fields: list[Field] = []
    position = start
    while position < end:
        tag, position = _read_varint(body, position, end)
        kind = tag & 7
        if kind == 2:
            size, position = _read_varint(body, position, end)
            fields.append((tag >> 3, position, position + size))
            position += size
        elif kind == 0:
            position = _read_varint(body, position, end)[1]
        else:
            position += _skip_fixed(kind)
        if len(fields) > limit:
            raise OversizedBodyError("the request holds too many items")
    if position > end:
        raise MalformedBodyError("the body is not an OTLP request in protobuf: it is truncated or corrupt")
    return fields


def _skip_fixed(kind: int) -> int:
    if kind == 1:
        return 8
    if kind == 5:
        return 4
    raise MalformedBodyError("the body is not an OTLP request in protobuf: it is truncated or corrupt")


def _read_varint(body: bytes, position: int, end: int) -> tuple[int, int]:
    """Return a variable-length number and the position after it."""
    value = shift = 0
    while position < end and shift < 64:
        byte = body[position]
        position += 1
        if byte < 128:
            return value | byte << shift, position
        value |= (byte & 127) << shift
        shift += 7
    raise MalformedBodyError("the body is not an OTLP request in protobuf: it is truncated or corrupt")
