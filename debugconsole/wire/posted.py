"""Lines as they are posted over HTTP, to what a runner would have written (contract debug-console, 6.3).

    {"extension": "orders", "pod": ..., "boot": ..., "events": [{"message": ..., "level": ..., "requestId": ...}, ...]}

What stands outside `events` holds for each of them. Names are the runner's or the event JSON's: `request` or
`requestId`. The tenant is the key's, whatever a line says. A line that cannot be read becomes a `Refused` beside the
others.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec

from debugconsole.wire.emit import Emission
from debugconsole.wire.entries import FIELDS_BYTES, ID_LIMIT, MESSAGE_BYTES
from debugconsole.wire.lines import LEVELS, STREAMS
from debugconsole.wire.text import cut
from observability.ingest.text import NotJSONError, clean_text, decode_json

MOST_EVENTS = 1_000
_IDS = ("extension", "install", "request", "version")
_MORE_IDS = ("trace", "boot", "pod")


class UnreadableError(ValueError):
    """The body as a whole cannot be read."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """A line that is not published, and why."""

    index: int
    code: str
    reason: str


def read_posted(body: bytes, *, tenant: str) -> tuple[list[tuple[int, Emission]], list[Refused]]:
    """Return the lines of a body with their places, and those that are none. Raises `UnreadableError`."""
    try:
        found = decode_json(body)
    except NotJSONError as error:
        raise UnreadableError(f"the body is no JSON: {error}") from error
    shared: dict[str, Any] = found if isinstance(found, dict) else {}
    events = shared.get("events") if isinstance(found, dict) else found
    if not isinstance(events, list):
        raise UnreadableError("events: a list of lines is expected")
    if len(events) > MOST_EVENTS:
        raise UnreadableError(f"events: at most {MOST_EVENTS} are taken at once, these are {len(events)}")
    lines: list[tuple[int, Emission]] = []
    refused: list[Refused] = []
    for index, event in enumerate(events):
        try:
            if not isinstance(event, dict):
                raise ValueError("a line is an object")
            lines.append((index, _read_line({**shared, **event}, tenant)))
        except ValueError as error:
            refused.append(Refused(index=index, code="invalid", reason=str(error)))
    return lines, refused


def _read_line(said: dict[str, Any], tenant: str) -> Emission:
    message = said.get("message")
    if not isinstance(message, str):
        raise ValueError("message: a text is expected")
    message = clean_surrogates(message)
    kept = cut(message, MESSAGE_BYTES)
    ids = {name: _read_id(said, name) for name in _IDS}
    if not ids["extension"]:
        raise ValueError("extension: say which extension the line is of")
    more = [(name, value) for name in _MORE_IDS if (value := _read_id(said, name))]
    if isinstance(seq := said.get("seq"), int) and not isinstance(seq, bool) and 0 <= seq < 10**18:
        more.append(("seq", str(seq)))
    if (fields := said.get("fields")) is not None:
        more.append(("fields", _write_fields(fields)))
    return Emission(
        ts=_read_clock(said.get("ts")),
        level=_read_choice(said, "level", LEVELS, "info"),
        stream=_read_choice(said, "stream", STREAMS, "log"),
        message=kept.encode(),
        truncated=kept is not message or said.get("truncated") in (True, 1, "1", "true"),
        tenant=tenant,
        more=tuple(more),
        **ids,
    )


def clean_surrogates(text: str) -> str:
    """Return what UTF-8 can write, control characters and all: the reader shows those."""
    return text if text.isascii() else clean_text(text)


def _read_id(said: dict[str, Any], name: str) -> str | None:
    value = said.get(name)
    if value is None:
        value = said.get(f"{name}Id")
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > ID_LIMIT:
        raise ValueError(f"{name}: a text of at most {ID_LIMIT} characters is expected")
    return clean_text(value)


def _read_choice(said: dict[str, Any], name: str, choices: tuple[str, ...], otherwise: str) -> str:
    value = said.get(name, otherwise)
    word = value.lower() if isinstance(value, str) else ""
    word = {"warning": "warn", "critical": "error", "fatal": "error"}.get(word, word)
    if word not in choices:
        raise ValueError(f"{name}: one of {', '.join(choices)} is expected")
    return word


def _read_clock(value: object) -> str:
    """Return a clock as the reader takes it; a line that says none is of now."""
    if value is None:
        return str(time.time_ns() // 1_000_000)
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > 40:
        raise ValueError("ts: milliseconds since 1970, seconds, or ISO 8601 are expected")
    return str(value)


def _write_fields(fields: object) -> str:
    if not isinstance(fields, dict):
        raise ValueError("fields: an object is expected")
    written = msgspec.json.encode(fields)
    if len(written) > FIELDS_BYTES:
        raise ValueError(f"fields: at most {FIELDS_BYTES} bytes of JSON are taken")
    return written.decode()
