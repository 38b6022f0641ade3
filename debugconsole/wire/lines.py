"""One line of debug output as a typed value, and the JSON that viewers are sent of it (contract debug-console, 6.3)."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

LEVELS = ("trace", "debug", "info", "warn", "error")
"""From the least to the most severe; a level's rank is its place here."""
STREAMS = ("stdout", "stderr", "log")
ORIGINS = ("guest", "host")
RANKS = {level: rank for rank, level in enumerate(LEVELS)}
WARN_RANK = RANKS["warn"]


class EntryId(NamedTuple):
    """An entry's id in its stream. Compared as numbers: as texts, `…-9` would come after `…-10`."""

    ms: int
    seq: int

    def __str__(self) -> str:
        return f"{self.ms}-{self.seq}"


ZERO_ID = EntryId(0, 0)
"""Before every entry."""


def parse_entry_id(text: str | bytes) -> EntryId:
    """Read `<ms>-<seq>`. Raises `ValueError`."""
    if isinstance(text, bytes):
        text = text.decode("ascii")
    ms, dash, seq = text.partition("-")
    if not (dash and ms.isascii() and seq.isascii() and ms.isdigit() and seq.isdigit() and len(text) <= 41):
        raise ValueError(f"no entry id: {text[:60]!r}")
    found = EntryId(int(ms), int(seq))
    if max(found) >= 2**64:
        raise ValueError(f"no entry id: {text[:60]!r}")
    return found


class Redaction(msgspec.Struct, frozen=True):
    """How many secrets of a kind were replaced in a line."""

    kind: str
    count: int


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What a producer said. `ts_ms` is its clock, None where it had none; the entry's id has the stream's clock."""

    id: EntryId
    ts_ms: int | None
    level: str
    stream: str
    message: str
    truncated: bool
    origin: str = "guest"
    tenant: str | None = None
    extension: str | None = None
    install: str | None = None
    request: str | None = None
    version: str | None = None
    content_hash: str | None = None
    trace: str | None = None
    original_bytes: int | None = None
    fields: dict[str, Any] | None = None
    pod: str | None = None
    boot: str | None = None
    seq: int | None = None
    redactions: tuple[Redaction, ...] = ()

    @property
    def hidden(self) -> int:
        """How many secrets were replaced in it."""
        return sum(redaction.count for redaction in self.redactions)

    @property
    def rank(self) -> int:
        """How severe it is: the place of its level in `LEVELS`."""
        return RANKS[self.level]


class _Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The JSON of a line. What is not known is left out."""

    id: str
    n: int | None = None
    ts: str
    received_at: str = msgspec.field(name="received_at")
    level: str
    stream: str
    origin: str
    tenant_id: str | None = None
    extension_id: str | None = None
    install_id: str | None = None
    request_id: str | None = None
    version_id: str | None = None
    content_hash: str | None = None
    trace_id: str | None = None
    message: str
    truncated: bool
    orig_bytes: int | None = None
    redactions: tuple[Redaction, ...] = ()
    fields: dict[str, Any] | None = None
    pod: str | None = None
    boot: str | None = None
    seq: int | None = None
    scope: str | None = None


_encoder = msgspec.json.Encoder()


def encode_line(line: Line, ordinal: int) -> bytes:
    """Return the JSON of a line that is the stream's `ordinal`th. A producer without a clock gets the stream's."""
    return _encode(line, id=str(line.id), n=ordinal)


def encode_aside(line: Line, number: str) -> bytes:
    """Return the JSON of a line that is in no stream: its id is none of an entry, and it has no ordinal."""
    return _encode(line, id=f"local-{number}", scope="single_process")


def _encode(line: Line, **place: Any) -> bytes:
    received = write_time(line.id.ms)
    event = _Event(
        **place,
        ts=received if line.ts_ms is None else write_time(line.ts_ms),
        received_at=received,
        level=line.level,
        stream=line.stream,
        origin=line.origin,
        tenant_id=line.tenant,
        extension_id=line.extension,
        install_id=line.install,
        request_id=line.request,
        version_id=line.version,
        content_hash=line.content_hash,
        trace_id=line.trace,
        message=line.message,
        truncated=line.truncated,
        orig_bytes=line.original_bytes,
        redactions=line.redactions,
        fields=line.fields,
        pod=line.pod,
        boot=line.boot,
        seq=line.seq,
    )
    return _encoder.encode(event)


def write_time(ms: int) -> str:
    """Return milliseconds since 1970 as ISO 8601 in UTC, with milliseconds."""
    try:
        return f"{_write_second(ms // 1000)}.{ms % 1000:03d}Z"
    except (ValueError, OverflowError, OSError):
        # An id that somebody wrote by hand may be any number.
        return str(ms)


@functools.lru_cache(maxsize=64)
def _write_second(second: int) -> str:
    """Lines that follow one another are of the same second."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"
