"""Text as Postgres and the pages can keep it: no NUL, no lone surrogates, bounded names; and JSON read forgivingly.

Every wire format uses these, so that the same text sent through two doors is the same text in the store.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re

import msgspec

NAME_LIMIT = 400
"""Characters of a name or id kept in a column. It is indexed: its UTF-8 must fit a third of a page, 2,700 bytes."""
MESSAGE_LIMIT = 8_000
"""Characters of an error or log message kept in a column."""
NAMES_LIMIT = 64
"""Names in a list of them, such as tags."""
DEPTH_LIMIT = 200
"""Arrays and objects inside one another in a JSON value. Far below the point where readers run out of stack."""

DIGITS_LIMIT = 4_000
"""Digits of an integer that is read as a number."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Possessive, and without its end if there is none: a string full of escapes is read once, in flat memory.
_QUOTED = re.compile(r'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_NOT_BRACKETS = re.compile(r"[^\[\]{}]+")
_STEPS = {"[": 1, "{": 1, "]": -1, "}": -1}

_raw_decoder = msgspec.json.Decoder(msgspec.Raw)
_decoder = msgspec.json.Decoder()


class NotJSONError(ValueError):
    """The text is not JSON that every reader can read."""


def clean_text(text: str) -> str:
    """Replace NUL, which Postgres cannot store, and lone surrogates, which UTF-8 cannot write.

    Two halves of one character that arrived as separate escapes are joined.
    """
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def clip(text: str, limit: int) -> str:
    """Shorten to at most `limit` characters, ending in an ellipsis. The caller keeps the whole text elsewhere."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def clean_name(value: object) -> str | None:
    """Return a non-empty clean text of at most `NAME_LIMIT` characters, or None. Numbers become their digits."""
    if value is None:
        return None
    if not isinstance(value, str):
        return _write_number(value)
    if len(value) <= NAME_LIMIT and value.isascii() and "\0" not in value:
        return value or None
    return clip(clean_text(value), NAME_LIMIT)


def _write_number(value: object) -> str | None:
    """Return a number of at most 64 bits as text; of a longer one Python may refuse to write the digits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) >= 2**64:
        return None
    return str(value)


def clean_message(value: object) -> str | None:
    """Return a non-empty clean text of at most `MESSAGE_LIMIT` characters, or None."""
    if not isinstance(value, str) or not value:
        return None
    return clip(clean_text(value), MESSAGE_LIMIT)


def clean_names(value: object) -> tuple[str, ...]:
    """Return the distinct names in a list, a JSON list, a comma-separated text or a single name, in their order.

    The first `NAMES_LIMIT`; the raw attribute keeps them all.
    """
    if isinstance(value, str):
        value = _split_names(value)
    if not isinstance(value, (list, tuple)):
        return ()
    names = (clean_name(item) for item in itertools.islice(value, NAMES_LIMIT))
    return tuple(dict.fromkeys(name for name in names if name))


def _split_names(text: str) -> list[object]:
    if text.startswith("["):
        try:
            decoded = decode_json(text)
        except NotJSONError:
            return [text]
        return decoded if isinstance(decoded, list) else [text]
    return [part.strip() for part in text.split(",", NAMES_LIMIT)[:NAMES_LIMIT]]


def clean_value(value: object) -> object:
    """Clean every text inside a decoded JSON value, and write numbers JSON has no form for as their names."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, dict):
        return {clean_text(str(key)): clean_value(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [clean_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return name_float(value)
    return value


def name_float(value: float) -> str:
    """Return `NaN`, `Infinity` or `-Infinity`, as the protobuf JSON mapping writes them."""
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def hash_prompt(text: str) -> str:
    """Return the identity of a system prompt: hex sha256 of its text, the same for every door."""
    return hashlib.sha256(clean_text(text).encode()).hexdigest()


def encode_json(value: object) -> bytes:
    """Return compact UTF-8 JSON. Text that UTF-8 cannot write is cleaned first."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(clean_value(value))


def decode_json(text: str | bytes) -> object:
    """Read JSON that a sender or a stored value holds.

    Tolerates what the fast decoder refuses although it is sent in the wild: lone surrogates, NaN and infinities,
    numbers of any size. The result of that slower way is clean. Raises `NotJSONError`, also for values nested so
    deeply that reading them exhausts the stack.
    """
    try:
        return _decoder.decode(text)
    except RecursionError as error:
        raise NotJSONError("nested too deeply") from error
    except (msgspec.MsgspecError, UnicodeError):
        pass
    try:
        return clean_value(json.loads(text, parse_int=_read_integer))
    except RecursionError as error:
        raise NotJSONError("nested too deeply") from error
    except ValueError as error:
        raise NotJSONError(str(error)) from error


def _read_integer(digits: str) -> int | str:
    """Return an integer, or its digits if there are more than Python agrees to convert."""
    return int(digits) if len(digits) < DIGITS_LIMIT else digits


def as_json_text(text: str) -> bytes | None:
    """Return the text's own bytes if it is JSON that readers can read, else None.

    Exact as received, except that invalid Unicode escapes and NaN are rewritten.
    """
    if len(text) > DEPTH_LIMIT and not _is_shallow(text):
        return None
    try:
        _raw_decoder.decode(text)
        return text.encode()
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        pass
    try:
        return msgspec.json.encode(decode_json(text))
    except (NotJSONError, RecursionError):
        return None


def _is_shallow(text: str) -> bool:
    """Tell whether JSON text stays within `DEPTH_LIMIT`; counts brackets first, which settles nearly every text."""
    if text.count("[") + text.count("{") <= DEPTH_LIMIT:
        return True
    return _measure_depth(text) <= DEPTH_LIMIT


def _measure_depth(text: str) -> int:
    """Return the deepest nesting of brackets outside JSON strings."""
    brackets = _NOT_BRACKETS.sub("", _QUOTED.sub("", text))
    return max(itertools.accumulate(map(_STEPS.__getitem__, brackets)), default=0)
