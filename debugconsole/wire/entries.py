"""Stream entries to lines, whatever is in them (contract debug-console, 1.3 and 1.7).

The runner's entries are read unmodified; fields it never writes are taken from our own producer (`seq`, `boot`, `pod`,
`trace`, `fields`), and all others are ignored. Bytes stay bytes until here: one that is no UTF-8 becomes a replacement
character in one text and costs no other line.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from debugconsole.wire.lines import RANKS, STREAMS, EntryId, Line
from observability.ingest.text import DEPTH_LIMIT, clip

MESSAGE_BYTES = 8_192
"""What of a message is shown; the runner's own cap."""
ID_LIMIT = 400
"""Characters of an id that are kept."""
FIELDS_BYTES = 8_192
EXCESS_BYTES = 4_096
"""How much more than is shown is looked at, so that a secret across the cut is still seen whole."""

HOST_PREFIXES = ("secret envelope decryption failed: ", "execute failed: ")
"""How messages begin that the runner itself writes in the name of an extension (1.4)."""

_KNOWN = frozenset({b"ts", b"level", b"stream", b"message"})
_LEVEL_WORDS = {"warning": "warn", "fatal": "error", "critical": "error", "err": "error"}
_TRUE = (b"1", b"true")
_FIRST_MS, _LAST_MS = 86_400_000, 7_258_118_400_000
"""The days that a clock may show: from 1970-01-02, since zero means none, to 2199."""


class UndecodableError(ValueError):
    """The entry is no line at all."""


def decode_entry(entry_id: EntryId, pairs: Sequence[bytes]) -> Line:
    """Return the line in an entry, given as Redis gives it: names and values in turn. Raises `UndecodableError`.

    Of a field that is there twice the first counts, except that an entry with two different tenants or extensions
    belongs to nobody.
    """
    found = _collect(pairs)
    if not _KNOWN & found.keys():
        raise UndecodableError("none of ts, level, stream and message is there")
    stream = _read_word(found.get(b"stream"), STREAMS, "log")
    level = _read_level(found.get(b"level"))
    raw_message = found.get(b"message", b"")
    message = raw_message[: MESSAGE_BYTES + EXCESS_BYTES].decode(errors="replace")
    is_cut = len(raw_message) > MESSAGE_BYTES + EXCESS_BYTES
    return Line(
        id=entry_id,
        ts_ms=_read_clock(found.get(b"ts", b"")),
        level=level,
        stream=stream,
        message=message,
        truncated=found.get(b"truncated", b"").lower() in _TRUE or is_cut,
        origin="host" if _is_host(stream, level, message) else "guest",
        tenant=_read_id(found, b"tenant"),
        extension=_read_id(found, b"extension"),
        install=_read_id(found, b"install"),
        request=_read_id(found, b"request"),
        version=_read_id(found, b"version"),
        content_hash=_read_id(found, b"content_hash"),
        trace=_read_id(found, b"trace"),
        original_bytes=len(raw_message) if len(raw_message) > MESSAGE_BYTES else None,
        fields=_read_fields(found.get(b"fields", b"")),
        pod=_read_id(found, b"pod"),
        boot=_read_id(found, b"boot"),
        seq=_read_number(found.get(b"seq", b"")),
    )


def _collect(pairs: Sequence[bytes]) -> dict[bytes, bytes]:
    if len(pairs) % 2:
        raise UndecodableError("a field has no value")
    found: dict[bytes, bytes] = {}
    for name, value in zip(pairs[::2], pairs[1::2], strict=True):
        if found.setdefault(name, value) != value and name in (b"tenant", b"extension"):
            raise UndecodableError(f"two values for {name.decode()}")
    return found


def _read_id(found: dict[bytes, bytes], name: bytes) -> str | None:
    value = found.get(name)
    if value is None:
        return None
    # A character has at most four bytes, so no more of them can matter.
    return clip(value[: ID_LIMIT * 4 + 4].decode(errors="replace"), ID_LIMIT)


def _read_word(value: bytes | None, words: tuple[str, ...], otherwise: str) -> str:
    word = (value or b"")[:20].decode(errors="replace").strip().lower()
    return word if word in words else otherwise


def _read_level(value: bytes | None) -> str:
    word = (value or b"")[:20].decode(errors="replace").strip().lower()
    word = _LEVEL_WORDS.get(word, word)
    return word if word in RANKS else "info"


def _read_clock(value: bytes) -> int | None:
    """Return milliseconds since 1970 from milliseconds, seconds or ISO 8601; None for what is no time of a clock."""
    text = value[:40].decode(errors="replace").strip()
    try:
        number = float(text)
    except ValueError:
        return _read_iso(text)
    if not number < 1e20:
        return None
    for limit, factor in ((1e11, 1_000.0), (1e14, 1.0), (1e17, 1e-3), (1e20, 1e-6)):
        if number < limit:
            ms = int(number * factor)
            return ms if _FIRST_MS <= ms <= _LAST_MS else None
    return None


def _read_iso(text: str) -> int | None:
    try:
        at = datetime.fromisoformat(text)
        ms = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
    return ms if _FIRST_MS <= ms <= _LAST_MS else None


def _read_number(value: bytes) -> int | None:
    return int(value) if value.isdigit() and len(value) <= 18 else None


def _read_fields(value: bytes) -> dict[str, object] | None:
    """Return structured fields, or None: too many of them are left out rather than shown in part."""
    if not value or len(value) > FIELDS_BYTES or value.count(b"{") + value.count(b"[") > DEPTH_LIMIT:
        return None
    try:
        return msgspec.json.decode(value, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _is_host(stream: str, level: str, message: str) -> bool:
    return stream == "log" and level == "error" and message.startswith(HOST_PREFIXES)
