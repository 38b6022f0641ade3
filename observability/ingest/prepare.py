"""From records to rows: redaction, capture switches, prices, previews, search terms, ranks. Pure but for time.

Runs once per request, before it waits for a commit, so that the commit itself only moves ready bytes. This is the one
place where redaction happens, for every door.
"""

from __future__ import annotations

import functools
import hashlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec

from observability.flags import EventFlag
from observability.ingest.capture import CAPTURE_ALL, Capture, apply_capture, apply_capture_to_log
from observability.ingest.merge import make_rank
from observability.ingest.payloads import encrypt_replay_copy, make_blob_reference, make_previews, pack
from observability.ingest.prices import price_usage
from observability.ingest.records import Decoded, EventRecord, Kind, LogRecord, Rejected, ResourceRecord, Usage
from observability.ingest.redaction import RedactionRules, find_suspects, redact_event, redact_log
from observability.ingest.rows import EventRow, LogRow, PayloadRow
from observability.ingest.search import SearchText, find_lexemes

# Outside these a time is a mistake of units (seconds, milliseconds) and nothing any index should hold.
_FIRST_US = int(datetime(1990, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
_DAY_US = 86_400_000_000
_LAST_US = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
_NO_USAGE = Usage()
_SEARCHED_BYTES = 8_192
"""Of one value or line."""
_SEARCHED_AT_ONCE = 16_384
_ROW_BYTES = 600
"""What a row weighs beside its values, for the writer's bound in bytes."""

# As plain numbers and texts: members of enumerations cost more than what is done with them.
_AI = Kind.AI.value
_REDACTED, _COST_STATED = EventFlag.REDACTED.value, EventFlag.COST_STATED.value
_USAGE_ESTIMATED, _TIME_SUSPECT = EventFlag.USAGE_ESTIMATED.value, EventFlag.TIME_SUSPECT.value
_HAS_ATTRIBUTES, _HAS_EXTRA = EventFlag.HAS_ATTRIBUTES.value, EventFlag.HAS_EXTRA.value
_HAS_ERROR_STACK, _RERUN = EventFlag.HAS_ERROR_STACK.value, EventFlag.RERUN.value

_encoder = msgspec.msgpack.Encoder()


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds and keys that come from settings."""

    blob_bytes: int
    """A value larger than this goes to blob storage."""
    suspect_before_us: int
    suspect_after_us: int
    """Times outside lie in the default partition and are flagged."""
    encryption_keys: tuple[str, ...]


class PreparedEvent(msgspec.Struct):
    """One event ready to be stored. `index` is its place in the request."""

    index: int
    row: EventRow
    payload: PayloadRow


class Prepared(msgspec.Struct, kw_only=True):
    """One request ready to be stored."""

    events: list[PreparedEvent]
    logs: list[LogRow]
    lexemes: dict[str, list[bytes]]
    """What each trace is found by (see `search.py`): of many events at once, because they share most words."""
    rejected: list[Rejected]
    resources: dict[bytes, bytes]
    """Packed attributes by content hash."""
    blobs: dict[str, bytes]
    """Values over the bound, by SHA-256; to be stored before the commit."""
    weight: int
    """Bytes this holds in memory, roughly."""


class _Preparation:
    """One request's preparation: what every record of it shares."""

    def __init__(
        self, *, project_id: int, capture: Capture, rules: RedactionRules, limits: Limits, now_us: int
    ) -> None:
        self.project_id = project_id
        self.capture = capture
        self.keeps_all = capture == CAPTURE_ALL
        self.rules = rules
        self.limits = limits
        self.now_us = now_us
        self.resources: dict[bytes, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.weight = 0
        self._hashes: dict[bytes, bytes] = {}
        self._texts: dict[str, list[SearchText]] = defaultdict(list)
        self._shown: list[tuple[EventRow, bytes | None, bytes | None]] = []
        self._content = bytearray()

    def prepare_event(self, index: int, record: EventRecord, *, is_suspect: bool) -> PreparedEvent:
        """Redact, withhold, price and pack one event."""
        flags = self._flag_time(record.started_at_us)
        if record.run_id is not None:
            flags |= _RERUN
        redacted = redact_event(record, self.rules, is_suspect=is_suspect)
        clean = redacted.event
        if clean is not record:
            flags |= _REDACTED
        if not self.keeps_all:
            clean, withheld = apply_capture(clean, self.capture)
            flags |= int(withheld)
        usage = clean.usage or _NO_USAGE
        if usage.estimated:
            flags |= _USAGE_ESTIMATED
        cost = clean.cost_micros
        if cost is not None:
            flags |= _COST_STATED
        elif clean.kind == _AI and clean.model and clean.usage:
            day = _find_day(clean.started_at_us // _DAY_US)
            cost = price_usage(provider=clean.provider, model=clean.model, usage=usage, on=day)
        content = self._encode(clean)
        row = self._make_row(clean, usage=usage, cost_micros=cost, flags=flags | _flag_presence(clean), content=content)
        payload = self._make_payload(clean, redacted.originals)
        self.weight += len(content) + _ROW_BYTES
        given, produced = clean.input, clean.output
        self._shown.append((row, given, produced))
        texts = (
            clean.name,
            clean.error_message,
            given and given[:_SEARCHED_BYTES],
            produced and produced[:_SEARCHED_BYTES],
        )
        self._texts[clean.trace_id] += filter(None, texts)
        return PreparedEvent(index=index, row=row, payload=payload)

    def prepare_log(self, record: LogRecord) -> LogRow:
        """Redact and pack one log record."""
        clean = redact_log(record, self.rules)
        flags = self._flag_time(record.logged_at_us)
        if clean is not record:
            flags |= _REDACTED
        if not self.keeps_all:
            clean, withheld = apply_capture_to_log(clean, self.capture)
            flags |= int(withheld)
        content = self._encode(clean)
        self.weight += len(content) + _ROW_BYTES
        if clean.trace_id:
            self._texts[clean.trace_id].append(clean.message[:_SEARCHED_BYTES])
        return LogRow(
            project_id=self.project_id,
            trace_id=clean.trace_id,
            logged_at_us=clean.logged_at_us,
            record_hash=hashlib.blake2b(content, digest_size=12).digest(),
            received_at_us=self.now_us,
            span_id=clean.span_id,
            stream=clean.stream,
            level=clean.level,
            type=clean.type,
            node=clean.node,
            sequence=clean.sequence,
            message=clean.message,
            fields=clean.fields and self._store_value(clean.fields),
            resource_hash=self._keep_resource(clean.resource),
            flags=flags,
        )

    def list_lexemes(self) -> dict[str, list[bytes]]:
        """Return what each trace of the request is found by."""
        return {trace_id: [*map(find_lexemes, _divide(texts))] for trace_id, texts in self._texts.items()}

    def add_previews(self) -> None:
        """Add to the rows how their values begin, at once: that costs a third of doing it one by one."""
        shown = make_previews([value for _, *values in self._shown for value in values])
        for (row, _, _), given, produced in zip(self._shown, shown[::2], shown[1::2], strict=True):
            row.input_preview = given
            row.output_preview = produced

    def _encode(self, record: EventRecord | LogRecord) -> bytearray:
        """Return everything that a record says as bytes, for its size and hash; good until the next record."""
        _encoder.encode_into(record, self._content)
        return self._content

    def _make_row(
        self, record: EventRecord, *, usage: Usage, cost_micros: int | None, flags: int, content: bytearray
    ) -> EventRow:
        """Return the row. Long because it has a line a column."""
        ended = record.ended_at_us
        digest = hashlib.sha1(content, usedforsecurity=False).digest()
        return EventRow(
            project_id=self.project_id,
            trace_id=record.trace_id,
            started_at_us=record.started_at_us,
            span_id=record.span_id,
            received_at_us=self.now_us,
            ended_at_us=ended,
            duration_ms=None if ended is None else (ended - record.started_at_us) / 1000,
            parent_span_id=record.parent_span_id,
            kind=record.kind,
            name=record.name,
            status=record.status,
            source=record.source,
            dialect=record.dialect,
            flags=flags,
            error_type=record.error_type,
            error_message=record.error_message,
            model=record.model,
            provider=record.provider,
            input_tokens=usage.input,
            cached_input_tokens=usage.cached_input,
            cache_write_tokens=usage.cache_write,
            output_tokens=usage.output,
            reasoning_tokens=usage.reasoning,
            audio_in_tokens=usage.audio_in,
            audio_out_tokens=usage.audio_out,
            total_tokens=usage.total,
            cost_micros=cost_micros,
            workflow_name=record.workflow_name,
            session_id=record.session_id,
            user_id=record.user_id,
            environment=record.environment,
            service_name=record.service_name,
            service_version=record.service_version,
            correlation_id=record.correlation_id,
            agent_name=record.agent_name,
            tags=list(record.tags) or None,
            prompt_hash=record.prompt_hash,
            prompt_name=record.prompt_name,
            prompt_version=record.prompt_version,
            tool_name=record.tool_name,
            # Made for all rows at once, see `add_previews`.
            input_preview=None,
            output_preview=None,
            input_bytes=None if record.input is None else len(record.input),
            output_bytes=None if record.output is None else len(record.output),
            resource_hash=self._keep_resource(record.resource),
            sdk_event_id=record.sdk_event_id,
            rank=make_rank(ended_at_us=ended, content_bytes=len(content), content_hash=digest),
        )

    def _make_payload(self, record: EventRecord, originals: dict[str, bytes]) -> PayloadRow:
        stack = record.error_stack
        row = PayloadRow(
            project_id=self.project_id,
            trace_id=record.trace_id,
            started_at_us=record.started_at_us,
            span_id=record.span_id,
            input=record.input and self._store_value(record.input),
            output=record.output and self._store_value(record.output),
            attributes=record.attributes and self._store_value(record.attributes),
            error_stack=None if stack is None else self._store_value(msgspec.json.encode(stack)),
            extra=record.extra and self._store_value(record.extra),
        )
        if originals and self.limits.encryption_keys:
            self._keep_originals(row, originals)
        return row

    def _keep_originals(self, row: PayloadRow, originals: dict[str, bytes]) -> None:
        """Add the encrypted replay copy of each stored value that redaction changed; the name goes with the input.

        Without a key there is no copy, and the event is not replayable: never in the clear.
        """
        if row.input is not None and ("input" in originals or "name" in originals):
            row.replay_input = self._encrypt(originals, "input", "name")
        if row.output is not None and "output" in originals:
            row.replay_output = self._encrypt(originals, "output")
        if row.extra is not None and "extra" in originals:
            row.replay_extra = self._encrypt(originals, "extra")

    def _encrypt(self, originals: dict[str, bytes], *names: str) -> bytes:
        """Return the encrypted JSON object of the named originals; `name` is text, the others are JSON already."""
        parts = {name: originals[name] for name in names if name in originals}
        values: dict[str, object] = {
            name: value.decode(errors="replace") if name == "name" else msgspec.Raw(value)
            for name, value in parts.items()
        }
        return self._store_value(encrypt_replay_copy(msgspec.json.encode(values), self.limits.encryption_keys))

    def _store_value(self, value: bytes) -> bytes:
        """Pack a value for its column; a large one goes to a blob and the column gets its address."""
        if len(value) <= self.limits.blob_bytes:
            return pack(value)
        digest = hashlib.sha256(value).hexdigest()
        self.blobs[digest] = value
        return make_blob_reference(digest, len(value))

    def _keep_resource(self, resource: ResourceRecord | None) -> bytes | None:
        """Remember a shared resource once per request. It is redacted already, so its object may be the event's own."""
        if resource is None:
            return None
        known = self._hashes.get(resource.attributes)
        if known is None:
            known = hashlib.blake2b(resource.attributes, digest_size=12).digest()
            self._hashes[resource.attributes] = known
            self.resources[known] = self._store_value(resource.attributes)
        return known

    def _flag_time(self, time_us: int) -> int:
        is_near = self.limits.suspect_before_us <= time_us < self.limits.suspect_after_us
        return 0 if is_near else _TIME_SUSPECT


@functools.lru_cache(maxsize=64)
def _find_day(days: int) -> date:
    """Return the day so many days after 1970."""
    return date(1970, 1, 1) + timedelta(days=days)


def _flag_presence(record: EventRecord) -> int:
    """Return the flags that say which values a payload has."""
    flags = 0
    if record.attributes is not None:
        flags |= _HAS_ATTRIBUTES
    if record.error_stack is not None:
        flags |= _HAS_ERROR_STACK
    if record.extra is not None:
        flags |= _HAS_EXTRA
    return flags


def prepare(
    decoded: Decoded, *, project_id: int, capture: Capture, rules: RedactionRules, limits: Limits, now_us: int
) -> Prepared:
    """Turn what a door decoded into rows.

    Items whose time no index should hold are rejected, naming the field; the rest is unaffected.
    """
    work = _Preparation(project_id=project_id, capture=capture, rules=rules, limits=limits, now_us=now_us)
    rejected = list(decoded.rejected)
    events: list[PreparedEvent] = []
    indexes = decoded.event_indexes or range(len(decoded.events))
    suspects = find_suspects(decoded.events, rules)
    for index, record, is_suspect in zip(indexes, decoded.events, suspects, strict=True):
        try:
            _check_time("start time", record.started_at_us)
            _check_time("end time", record.ended_at_us)
            events.append(work.prepare_event(index, record, is_suspect=is_suspect))
        except _RECORD_ERRORS as error:
            rejected.append(Rejected(index=index, reason=str(error), trace_id=record.trace_id, span_id=record.span_id))
    work.add_previews()
    logs: list[LogRow] = []
    for index, log in enumerate(decoded.logs):
        try:
            _check_time("time", log.logged_at_us)
            logs.append(work.prepare_log(log))
        except _RECORD_ERRORS as error:
            rejected.append(Rejected(index=index, reason=str(error), trace_id=log.trace_id, span_id=log.span_id))
    return Prepared(
        events=events,
        logs=logs,
        lexemes=work.list_lexemes(),
        rejected=rejected,
        resources=work.resources,
        blobs=work.blobs,
        weight=work.weight,
    )


# What a record itself can be at fault for, whatever a wire format let through: the others must not suffer.
_RECORD_ERRORS = (ValueError, TypeError, OverflowError)


def _divide(texts: list[SearchText]) -> Iterator[list[SearchText]]:
    """Divide texts by size: one call for many, and far from the bound of terms that one call may find."""
    some: list[SearchText] = []
    length = 0
    for text in texts:
        some.append(text)
        length += len(text)
        if length > _SEARCHED_AT_ONCE:
            yield some
            some, length = [], 0
    yield some


def _check_time(field: str, time_us: int | None) -> None:
    if time_us is not None and not _FIRST_US <= time_us < _LAST_US:
        raise ValueError(f"{field}: {time_us} µs since 1970 is not between the years 1990 and 2200; check the unit")
