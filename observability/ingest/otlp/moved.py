"""Values that were moved out of a span's attributes, and how to get them back.

The text a sender put into one attribute (`input.value`, `gen_ai.output.messages`, ...) becomes the event's input or
output and would otherwise be stored twice. Its place in `attributes` then holds a marker:

    {"$moved": "input"}                  the attribute was this value (a text, a list, an object)
    {"$moved": "input", "as": "text"}    the attribute was a text, and the input is the JSON in that text, byte for byte
    {"$moved": "input", "as": "flat"}    the attributes under this name were the input, flattened (`flat.py`)

So nothing is lost and a mapping can be applied again later. The marker lies in the attributes, not beside them, so
that it survives the merge of two halves, and redacting or withholding the input covers the attribute too.
Short values are copied, not moved: their marker would be longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from observability.ingest.otlp.flat import flatten, gather, unflatten
from observability.ingest.text import NotJSONError, as_json_text, clean_text, clean_value, decode_json, encode_json

if TYPE_CHECKING:
    from observability.ingest.otlp.wire import Attributes

Role = Literal["input", "output"]

MARKER = "$moved"
MOVE_FROM = 64
"""Characters from which a text is moved."""

_QUOTED_MARKER = encode_json(MARKER)
_PLACES = {"input": "[see the event's input]", "output": "[see the event's output]"}
_JSON_STARTS = frozenset('{["')
_AS_VALUE = {role: msgspec.Raw(encode_json({MARKER: role})) for role in ("input", "output")}
_AS_TEXT = {role: msgspec.Raw(encode_json({MARKER: role, "as": "text"})) for role in ("input", "output")}
_AS_FLAT = {role: msgspec.Raw(encode_json({MARKER: role, "as": "flat"})) for role in ("input", "output")}


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
        return encode_json(clean_value(value))
    value = clean_text(value)
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


def take_flat(attributes: Attributes, prefix: str, role: Role) -> bytes | None:
    """Return the attributes under a prefix as one JSON value, leaving a marker if they can be made from it again."""
    flat = gather(attributes, prefix)
    nested = unflatten(flat) if flat else None
    if nested is None:
        return None
    if prefix not in attributes and flatten(nested) == flat:
        for name in flat:
            del attributes[f"{prefix}.{name}"]
        attributes[prefix] = _AS_FLAT[role]
    return encode_json(clean_value(nested))


def has_moved(attributes: bytes) -> bool:
    """Tell whether something may have been moved out of stored attributes, without decoding them."""
    return _QUOTED_MARKER in attributes


def restore_attributes(
    attributes: bytes | None, *, given: bytes | None, produced: bytes | None, names_places: bool = False
) -> Attributes:
    """Return a stored event's attributes as they were sent, with its input (`given`) and output (`produced`) back in.

    Where the value itself is missing, the marker stays; with `names_places` a text for people stands there instead.
    """
    stored = _decode(attributes) if attributes else {}
    if not isinstance(stored, dict):
        return {}
    contents = {"input": given, "output": produced}
    restored: Attributes = {}
    for key, value in stored.items():
        role = str(value.get(MARKER)) if isinstance(value, dict) else None
        content = contents.get(role) if role else None
        if content is None:
            restored[key] = _PLACES[role] if names_places and role in _PLACES else value
        elif value.get("as") == "flat":
            restored.update({f"{key}.{name}": leaf for name, leaf in flatten(_decode(content)).items()})
        else:
            restored[key] = content.decode(errors="replace") if value.get("as") == "text" else _decode(content)
    return restored


def _decode(content: bytes) -> object:
    try:
        return decode_json(content)
    except NotJSONError:
        return content.decode(errors="replace")
