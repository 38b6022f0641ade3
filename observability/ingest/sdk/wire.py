"""One event as it was sent: the fields that decide where it goes, checked, and all others still text.

The checked fields are decoded in one pass over the event. Only when that fails are they read one by one, to name the
one at fault.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw

from observability.ingest.salvage import split_object
from observability.ingest.sdk.fields import FieldError, Fields, read_number, read_text
from observability.ingest.text import NAME_LIMIT, NotJSONError, as_json_text, clean_text

TRACE_ID_LIMIT = 255
COUNTER_LIMIT = 2**63
YEAR_9999_MS = 253_402_300_799_999


class WireEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event whose place and time are known. `fields` holds every field, the checked ones too."""

    type: str
    name: str
    """As sent, or the type where there is none."""
    trace_id: str | None
    counter: int | None
    """The client's event id; None where it has none (absent, or 0)."""
    timestamp_us: int
    duration_ms: float
    """Below zero where a clock was set back."""
    fields: Fields


class _Head(msgspec.Struct, frozen=True, rename="camel"):
    type: str | None = None
    name: str | None = None
    trace_id: str | None = None
    id: int | float | None = None
    timestamp: int | float | None = None
    duration_ms: int | float | None = None


_head_decoder = msgspec.json.Decoder(_Head)
_fields_decoder = msgspec.json.Decoder(dict[str, Raw])


def read_event(item: Raw) -> WireEvent:
    """Return an event with its checked fields. Raises `FieldError` naming the one at fault."""
    try:
        fields = _fields_decoder.decode(item)
    except msgspec.ValidationError as error:
        raise FieldError("event: expected an object") from error
    except (msgspec.DecodeError, RecursionError):
        fields = _mend(item)
    try:
        head = _head_decoder.decode(item)
    except (msgspec.MsgspecError, RecursionError):
        head = _read_head(fields)
    type_name = _check_text("type", head.type, limit=NAME_LIMIT)
    if type_name is None:
        raise FieldError("type: missing")
    return WireEvent(
        type=type_name,
        name=clean_text(head.name) if head.name else type_name,
        trace_id=_check_text("traceId", head.trace_id, limit=TRACE_ID_LIMIT),
        counter=_check_counter(head.id),
        timestamp_us=_check_timestamp(head.timestamp),
        duration_ms=_check_duration(head.duration_ms),
        fields=fields,
    )


def _read_head(fields: Fields) -> _Head:
    """Read the checked fields one by one: one of them is at fault, or the event had to be mended."""
    return _Head(
        type=read_text(fields, "type"),
        name=read_text(fields, "name"),
        trace_id=read_text(fields, "traceId"),
        id=read_number(fields, "id"),
        timestamp=read_number(fields, "timestamp"),
        duration_ms=read_number(fields, "durationMs"),
    )


def _mend(item: Raw) -> dict[str, Raw]:
    """Return the fields of an event that strict decoding refuses, value by value.

    Lone surrogates and NaN, which some clients write, are rewritten; a field that cannot be read at all is named.
    """
    try:
        members = split_object(bytes(item))
    except NotJSONError as error:
        raise FieldError(f"event: {error}") from error
    fields = {}
    for key, value in members.items():
        mended = as_json_text(value.decode())
        if mended is None:
            raise FieldError(f"{key}: is not JSON that can be read")
        fields[key] = Raw(mended)
    return fields


def _check_text(key: str, text: str | None, *, limit: int) -> str | None:
    if not text:
        return None
    if len(text) > limit:
        raise FieldError(f"{key}: {len(text)} characters long, at most {limit} are kept")
    return clean_text(text)


def _check_counter(number: float | None) -> int | None:
    if not number:
        return None
    if number != int(number) or not 0 < number < COUNTER_LIMIT:
        raise FieldError(f"id: expected a whole number from 1, got {number}")
    return int(number)


def _check_timestamp(timestamp_ms: float | None) -> int:
    if timestamp_ms is None:
        raise FieldError("timestamp: missing")
    if not 0 < timestamp_ms <= YEAR_9999_MS:
        raise FieldError(f"timestamp: expected milliseconds since 1970, got {timestamp_ms}")
    return int(timestamp_ms * 1000)


def _check_duration(duration_ms: float | None) -> float:
    if duration_ms is None:
        return 0
    if abs(duration_ms) > YEAR_9999_MS:
        raise FieldError(f"durationMs: {duration_ms} is longer than any step takes")
    return duration_ms
