"""Values that were moved out of a span's attributes, and how to get them back.

The text a sender put into one attribute (`input.value`, `gen_ai.output.messages`, ...) becomes the event's input or
output and would otherwise be stored twice. Its place in `attributes` then holds a marker:

    {"$moved": "input"}                  the attribute was this value (a text, a list, an object)
    {"$moved": "input", "as": "text"}    the attribute was a text, and the input is the JSON in that text, byte for byte

So nothing is lost and a mapping can be applied again later. The marker lies in the attributes, not beside them, so
that it survives the merge of two halves, and redacting or withholding the input covers the attribute too.
Short values are copied, not moved: their marker would be longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from observability.ingest.text import NotJSONError, as_json_text, decode_json, encode_json

if TYPE_CHECKING:
    from observability.ingest.otlp.wire import Attributes

Role = Literal["input", "output"]

MARKER = "$moved"
MOVE_FROM = 64
"""Characters from which a text is moved."""

_AS_VALUE = {role: msgspec.Raw(encode_json({MARKER: role})) for role in ("input", "output")}
_AS_TEXT = {role: msgspec.Raw(encode_json({MARKER: role, "as": "text"})) for role in ("input", "output")}


def take_value(attributes: Attributes, key: str, role: Role, *, is_text: bool) -> bytes | None:
    """Return an attribute as a JSON value, leaving a marker in its place if it is long.

    Text that holds a JSON object, list or string is that JSON, byte for byte, unless the sender said it `is_text`;
    other text becomes a JSON string.
    """
    value = attributes.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        attributes[key] = _AS_VALUE[role]
        return encode_json(value)
    is_long = len(value) >= MOVE_FROM
    if not is_text and value[:1] in _JSON_STARTS:
        content = as_json_text(value)
        if content is not None:
            if is_long:
                attributes[key] = _AS_TEXT[role]
            return content
    if is_long:
        attributes[key] = _AS_VALUE[role]
    return encode_json(value)


_JSON_STARTS = frozenset('{["')


def restore_attributes(attributes: bytes | None, *, input: bytes | None, output: bytes | None) -> Attributes:
    """Return a stored event's attributes as they were sent, with moved values back in their places.

    Where the value itself was withheld, the marker stays.
    """
    found = decode_json(attributes) if attributes else {}
    if not isinstance(found, dict):
        return {}
    values = {"input": input, "output": output}
    for key, value in found.items():
        if isinstance(value, dict) and value.get(MARKER) in values:
            content = values[value[MARKER]]
            if content is not None:
                found[key] = content.decode() if value.get("as") == "text" else _decode(content)
    return found


def _decode(content: bytes) -> object:
    try:
        return decode_json(content)
    except NotJSONError:
        return content.decode(errors="replace")
