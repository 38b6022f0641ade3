"""Reading one field of an event: its type is checked here, and a wrong one is named to the sender."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Raw

from observability.ingest.text import DEPTH_LIMIT, NotJSONError, as_json_text, clean_text, decode_json

Fields = Mapping[str, Raw]
"""A JSON object whose values are still text, so that what is only stored is never decoded."""

_fields_decoder = msgspec.json.Decoder(dict[str, Raw])
_JSON_NAMES = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}


class FieldError(ValueError):
    """An event cannot be stored; the message is for its sender and names the field."""


def read_text(fields: Fields, key: str, *, limit: int | None = None) -> str | None:
    """Return a field's text, or None when it is absent, null or empty."""
    value = _decode(fields, key)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise FieldError(f"{key}: expected text, got {_JSON_NAMES[type(value)]}")
    if limit is not None and len(value) > limit:
        raise FieldError(f"{key}: {len(value)} characters long, at most {limit} are kept")
    return clean_text(value)


def read_number(fields: Fields, key: str) -> int | float | None:
    """Return a field's number, or None when it is absent or null."""
    raw = fields.get(key)
    if raw is None or is_null(raw):
        return None
    try:
        number = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        number = None
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise FieldError(f"{key}: expected a number, got {bytes(raw)[:40].decode(errors='replace')}")
    return number


def read_value(fields: Fields, key: str) -> bytes | None:
    """Return a field's JSON text as received, or None when it is absent or null."""
    raw = fields.get(key)
    if raw is None or is_null(raw):
        return None
    value = bytes(raw)
    # Counting brackets settles nearly every value; only one that might be too deep is looked at closely.
    is_nested = not value.startswith(b'"') and value.count(b"[") + value.count(b"{") > DEPTH_LIMIT
    if is_nested and as_json_text(value.decode()) is None:
        raise FieldError(f"{key}: objects and lists are nested more than {DEPTH_LIMIT} deep")
    return value


def read_fields(raw: Raw | bytes | None) -> Fields | None:
    """Return the members of a JSON object, or None when this is not one."""
    if raw is None:
        return None
    try:
        return _fields_decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def read_loose_text(fields: Fields | None, key: str) -> str | None:
    """As `read_text`, where a value of another type says nothing instead of being an error."""
    try:
        return read_text(fields, key) if fields else None
    except FieldError:
        return None


def is_null(raw: Raw) -> bool:
    """Tell whether a field is JSON null."""
    return len(memoryview(raw)) == 4 and bytes(raw) == b"null"


def join_object(members: Mapping[str, bytes]) -> bytes | None:
    """Return a JSON object of members that are JSON text already, or None when there are none."""
    if not members:
        return None
    return b"{" + b",".join(msgspec.json.encode(key) + b":" + value for key, value in members.items()) + b"}"


def _decode(fields: Fields, key: str) -> object:
    raw = fields.get(key)
    if raw is None:
        return None
    try:
        return decode_json(bytes(raw))
    except NotJSONError as error:
        raise FieldError(f"{key}: {error}") from error
