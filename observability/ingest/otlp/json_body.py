"""OTLP/HTTP bodies in JSON, after "JSON Protobuf Encoding" of the OTLP specification.

Field names are lowerCamelCase (the snake_case originals are read too, as the protobuf JSON mapping asks of parsers),
ids are hex, enums are numbers (names are read too), 64-bit integers are numbers or decimal strings, unknown fields
are ignored. Ids in base64, which generic protobuf-to-JSON converters write, are recognised by their length.

Nothing about an item is trusted: what is not of its type makes an `ItemError` that names the field.
"""

from __future__ import annotations

import base64
import binascii
import math
from typing import TYPE_CHECKING, TypeVar

from observability.ingest.otlp.wire import (
    Attributes,
    ItemError,
    Link,
    MalformedBodyError,
    OversizedBodyError,
    Point,
    RawLog,
    RawSpan,
    Scope,
    make_scope,
)
from observability.ingest.records import Rejected
from observability.ingest.text import NotJSONError, decode_json, name_float

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

VALUE_DEPTH_LIMIT = 48
"""Values inside values, about what the protobuf parser allows. Keeps hostile nesting off the stack."""

TOKEN_LIMIT = 2_000_000
"""Brackets and commas in a body, those inside texts included. Each can become a hundred bytes in memory."""

SPAN_KINDS = {
    "SPAN_KIND_INTERNAL": 1,
    "SPAN_KIND_SERVER": 2,
    "SPAN_KIND_CLIENT": 3,
    "SPAN_KIND_PRODUCER": 4,
    "SPAN_KIND_CONSUMER": 5,
}
STATUS_CODES = {"STATUS_CODE_OK": 1, "STATUS_CODE_ERROR": 2}
SEVERITIES = {
    f"SEVERITY_NUMBER_{name}{step or ''}": first + max(step - 1, 0)
    for name, first in (("TRACE", 1), ("DEBUG", 5), ("INFO", 9), ("WARN", 13), ("ERROR", 17), ("FATAL", 21))
    for step in (0, 2, 3, 4)
}

Item = TypeVar("Item", RawSpan, RawLog)
Fields = dict[str, object]
_ID_NAMES = ("traceId", "spanId")


def iter_spans(body: bytes) -> Iterator[RawSpan | Rejected]:
    """Yield every span of a trace request, or its rejection, in request order. Raises `MalformedBodyError`."""
    return _iter_items(body, "resourceSpans", "scopeSpans", "spans", _read_span)


def iter_logs(body: bytes) -> Iterator[RawLog | Rejected]:
    """Yield every log record of a logs request, or its rejection. Raises `MalformedBodyError`."""
    return _iter_items(body, "resourceLogs", "scopeLogs", "logRecords", _read_log)


def _iter_items(
    body: bytes, holders: str, groups: str, items: str, read: Callable[[Fields, Scope, int], Item]
) -> Iterator[Item | Rejected]:
    request = _decode(body)
    index = 0
    for holder in _objects(request, holders, "the body"):
        resource = _read_lenient(_object(holder, "resource"))
        for group in _objects(holder, groups, holders):
            scope = _read_scope(resource, group, holder)
            for item in _list(group, items, groups):
                yield _read_item(read, item, scope, index)
                index += 1


def _decode(body: bytes) -> Fields:
    if body.count(b",") + body.count(b"{") + body.count(b"[") > TOKEN_LIMIT:
        raise OversizedBodyError(f"the body holds more than {TOKEN_LIMIT} lists, objects and commas")
    try:
        request = decode_json(body)
    except NotJSONError as error:
        raise MalformedBodyError(f"the body is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise MalformedBodyError("the body must be a JSON object")
    return request


def _read_item(read: Callable[[Fields, Scope, int], Item], item: object, scope: Scope, index: int) -> Item | Rejected:
    if not isinstance(item, dict):
        return Rejected(index=index, reason=f"the item must be a JSON object, not {_name_type(item)}")
    try:
        return read(item, scope, index)
    except ItemError as error:
        trace_id, span_id = (str(item[name]) if isinstance(item.get(name), str) else None for name in _ID_NAMES)
        return error.rejected(index, trace_id=trace_id, span_id=span_id)


def _read_scope(resource: Attributes, group: Fields, holder: Fields) -> Scope:
    scope = _object(group, "scope")
    url = _get(group, "schemaUrl") or _get(holder, "schemaUrl")
    return make_scope(
        resource,
        _read_lenient(scope),
        name=_lenient_text(scope.get("name")),
        version=_lenient_text(scope.get("version")),
        schema_url=_lenient_text(url),
    )


def _read_lenient(holder: Fields) -> Attributes:
    """Return the attributes of a resource or scope, or none: one that cannot be read must not cost its spans."""
    try:
        return _attributes(holder, "attributes")
    except ItemError:
        return {}


def _read_span(span: Fields, scope: Scope, index: int) -> RawSpan:
    status = _object(span, "status")
    raw = RawSpan(
        index,
        scope,
        _id(span, "traceId", 16) or _refuse("traceId is missing or all zeros"),
        _id(span, "spanId", 8) or _refuse("spanId is missing or all zeros"),
        _id(span, "parentSpanId", 8),
        _text(span, "name"),
        _enum(span, "kind", SPAN_KINDS),
        _integer(span, "startTimeUnixNano"),
        _integer(span, "endTimeUnixNano"),
        _attributes(span, "attributes"),
        _enum(status, "code", STATUS_CODES),
        _text(status, "message"),
        _text(span, "traceState"),
    )
    raw.points = [_read_point(point) for point in _item_objects(span, "events")]
    raw.links = [_read_link(link) for link in _item_objects(span, "links")]
    dropped = {name: _integer(span, f"dropped{name.title()}Count") for name in ("attributes", "events", "links")}
    raw.dropped = dropped if any(dropped.values()) else None
    return raw


def _read_point(point: Fields) -> Point:
    return Point(_integer(point, "timeUnixNano"), _text(point, "name"), _attributes(point, "attributes"))


def _read_link(link: Fields) -> Link:
    attributes = _attributes(link, "attributes")
    return Link(_id(link, "traceId", 16), _id(link, "spanId", 8), _text(link, "traceState"), attributes)


def _read_log(log: Fields, scope: Scope, index: int) -> RawLog:
    return RawLog(
        index,
        scope,
        _id(log, "traceId", 16),
        _id(log, "spanId", 8),
        _integer(log, "timeUnixNano") or _integer(log, "observedTimeUnixNano"),
        _enum(log, "severityNumber", SEVERITIES),
        _text(log, "severityText"),
        _text(log, "eventName"),
        _value(_get(log, "body"), "body", VALUE_DEPTH_LIMIT),
        _attributes(log, "attributes"),
    )


def _name_type(value: object) -> str:
    """Return what JSON calls a value's type, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names: tuple[tuple[type, str], ...] = ((str, "a string"), (dict, "an object"), (list, "a list"))
    return next((name for type_, name in names if isinstance(value, type_)), "a number")


def _refuse(reason: str) -> str:
    raise ItemError(reason)


def _get(fields: Fields, name: str) -> object:
    """Return a field by its lowerCamelCase name or the snake_case original."""
    value = fields.get(name)
    if value is None and not name.islower():
        return fields.get("".join(f"_{c.lower()}" if c.isupper() else c for c in name))
    return value


def _object(fields: Fields, name: str) -> Fields:
    value = _get(fields, name)
    return value if isinstance(value, dict) else {}


def _list(fields: Fields, name: str, where: str) -> list[object]:
    value = _get(fields, name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise MalformedBodyError(f"{name} in {where} must be a list, not {_name_type(value)}")
    return value


def _objects(fields: Fields, name: str, where: str) -> Iterator[Fields]:
    for value in _list(fields, name, where):
        if not isinstance(value, dict):
            raise MalformedBodyError(f"{name} in {where} must hold objects, not {_name_type(value)}")
        yield value


def _item_objects(fields: Fields, name: str) -> list[Fields]:
    value = _get(fields, name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ItemError(f"{name} must be a list of objects")
    return value


def _text(fields: Fields, name: str) -> str:
    value = _get(fields, name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ItemError(f"{name} must be a string, not {_name_type(value)}")
    return value


def _lenient_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _id(fields: Fields, name: str, size: int) -> str:
    """Return an id as lower-case hex, "" if it is missing or all zeros. Raises `ItemError`."""
    text = _text(fields, name)
    if not text:
        return ""
    try:
        raw = bytes.fromhex(text) if len(text) == 2 * size else base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != size:
        raise ItemError(f"{name} must be {2 * size} hexadecimal characters")
    return raw.hex() if any(raw) else ""


def _integer(fields: Fields, name: str) -> int:
    """Return a 64-bit integer sent as a number or a decimal string; a missing one is 0. Raises `ItemError`."""
    value = _get(fields, name)
    if value is None or value == "":
        return 0
    number = _as_integer(value)
    if number is None:
        raise ItemError(f"{name} must be an integer")
    return number


def _as_integer(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        digits = value.removeprefix("-")
        return int(value) if len(digits) <= 20 and digits.isascii() and digits.isdigit() else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**64 else None
    return value if isinstance(value, int) and abs(value) < 2**64 else None


def _enum(fields: Fields, name: str, names: dict[str, int]) -> int:
    """Return an enum sent as a number or by name; an unknown one is 0, as for any newer sender."""
    value = _get(fields, name)
    if isinstance(value, str) and not value.isdigit():
        return names.get(value, 0)
    number = _as_integer(value)
    return number if number is not None and 0 <= number <= 255 else 0


def _attributes(fields: Fields, name: str, depth: int = VALUE_DEPTH_LIMIT) -> Attributes:
    attributes: Attributes = {}
    for pair in _item_objects(fields, name):
        key = pair.get("key")
        if not isinstance(key, str):
            raise ItemError(f"{name} must have keys that are strings")
        attributes[key] = _value(pair.get("value"), key, depth)
    return attributes


def _value(value: object, key: str, depth: int) -> object:
    """Return an AnyValue as a Python value that JSON can hold. Raises `ItemError` naming the attribute."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ItemError(f'the value of {key[:100]!r} must be an object such as {{"stringValue": ...}}')
    if depth == 0:
        raise ItemError(f"the value of {key[:100]!r} is nested more than {VALUE_DEPTH_LIMIT} deep")
    for name, read in _READERS.items():
        content = _get(value, name)
        if content is not None:
            return read(content, key, depth)
    return None


def _read_string(content: object, key: str, _depth: int) -> object:
    return content if isinstance(content, str) else _refuse(f"stringValue of {key[:100]!r} must be a string")


def _read_bool(content: object, key: str, _depth: int) -> object:
    return content if isinstance(content, bool) else _refuse(f"boolValue of {key[:100]!r} must be true or false")


def _read_integer(content: object, key: str, _depth: int) -> object:
    number = _as_integer(content)
    return _refuse(f"intValue of {key[:100]!r} must be a 64-bit integer") if number is None else number


def _read_double(content: object, key: str, _depth: int) -> object:
    if isinstance(content, str) and content in ("NaN", "Infinity", "-Infinity"):
        return content
    if isinstance(content, float):
        return content if math.isfinite(content) else name_float(content)
    if isinstance(content, bool) or not isinstance(content, int) or abs(content) >= 2**64:
        return _refuse(f"doubleValue of {key[:100]!r} must be a number")
    return content


def _read_array(content: object, key: str, depth: int) -> object:
    values = content.get("values", []) if isinstance(content, dict) else None
    if not isinstance(values, list):
        return _refuse(f"arrayValue of {key[:100]!r} must be an object with a list of values")
    return [_value(value, key, depth - 1) for value in values]


def _read_kvlist(content: object, key: str, depth: int) -> object:
    if not isinstance(content, dict):
        return _refuse(f"kvlistValue of {key[:100]!r} must be an object with values")
    return _attributes(content, "values", depth - 1)


def _read_bytes(content: object, key: str, _depth: int) -> object:
    return content if isinstance(content, str) else _refuse(f"bytesValue of {key[:100]!r} must be base64")


_READERS: dict[str, Callable[[object, str, int], object]] = {
    "stringValue": _read_string,
    "intValue": _read_integer,
    "boolValue": _read_bool,
    "doubleValue": _read_double,
    "arrayValue": _read_array,
    "kvlistValue": _read_kvlist,
    "bytesValue": _read_bytes,
}
