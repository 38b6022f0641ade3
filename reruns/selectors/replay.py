"""A trace as it can be replayed: its replayable events in order, each with a number or the reason it has none.

The only reads of replay copies: the originals of what redaction changed. Callers have made sure, by
`policies.require_rerun`, that whoever asks may see them (B6.5, B7).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import msgspec
from django.conf import settings
from django.db.models import F, Q, QuerySet
from msgspec import UNSET, Raw

from observability.flags import EventFlag
from observability.ingest.payloads import UnreadableReplayCopyError, decrypt_replay_copy
from observability.ingest.redaction.rules import MARKER
from observability.models import Event, Payload
from observability.selectors.events import find_inferred_part, inferred_events, own_events
from observability.selectors.shapes import TraceSummary
from observability.services.blobs import BlobMissingError, load_value
from reruns.errors import NothingToRerunError, TooLargeError
from reruns.nesting import Span, find_makers
from reruns.wire.messages import STEP_TYPES, FrozenEvent

MOST_EVENTS = 20_000
MOST_BYTES = 64 * 2**20
"""Values of frozen events that are sent at once."""
_CHUNK = 500
_COLUMNS = (
    "id",
    "trace_id",
    "span_id",
    "started_at",
    "ended_at",
    "duration_ms",
    "kind",
    "name",
    "status",
    "model",
    "provider",
    "flags",
    "sdk_event_id",
    "input_bytes",
    "output_bytes",
)
_MARKER = MARKER.encode()
_FIELDS = ("input", "output", "extra")
_EXTRAS = {
    "usage": "usage",
    "agent_task_id": "agent_task_id",
    "agent_task_index": "agent_task_index",
    "streamed": "streamed",
    "stream_raw": "stream_raw",
    "schema_version": "schema_version",
}


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A replayable event's place: `ordinal` is reserved for it even when it cannot be frozen, and `reason` says why.

    `made_by` is the event of the tool that made the call (`nesting`). While that is frozen, the call does not happen.
    """

    ordinal: int
    event_id: int
    row: dict[str, Any]
    reason: str | None = None
    made_by: int | None = None

    @property
    def kind(self) -> str:
        """`ai`, `tool`, `http` or `db`."""
        return str(self.row["kind"])

    @property
    def name(self) -> str:
        """The event's name as stored; a redacted one is restored with its values."""
        return str(self.row["name"])


class Original(msgspec.Struct, frozen=True, kw_only=True):
    """An event's values as they were before redaction, as JSON text. `lost` says by field why one is missing."""

    name: str
    input: bytes | None = None
    output: bytes | None = None
    extra: dict[str, Raw] = {}
    lost: dict[str, str] = {}

    def find_loss(self, *fields: str) -> str | None:
        """Return why the first of these fields that is missing is missing."""
        return next((self.lost[field] for field in fields if field in self.lost), None)


def list_slots(project_id: int, trace: TraceSummary) -> list[Slot]:
    """Return the trace's replayable events in the order the SDK numbered them, events inferred to be its own included.

    Two queries. What can be told without reading values is in `reason` already. Raises `TooLargeError` for more than
    `MOST_EVENTS`.
    """
    rows = _select(own_events(project_id, trace))
    part = find_inferred_part(project_id, trace)
    if part is not None:
        rows += _select(inferred_events(project_id, part))
    if len(rows) > MOST_EVENTS:
        raise TooLargeError(f"The trace has more than {MOST_EVENTS} events that could be frozen.")
    rows.sort(key=_order)
    makers = _find_makers(rows)
    return [
        Slot(
            ordinal=ordinal,
            event_id=row["id"],
            row=row,
            reason=_find_reason(row),
            made_by=makers.get(row["id"]),
        )
        for ordinal, row in enumerate(rows, start=1)
    ]


def number_slots(slots: list[Slot], frozen_ids: Collection[int]) -> list[Slot]:
    """Return the calls that are counted when these are frozen, each with its number: without those that frozen ones
    would have made.
    """
    happening = [slot for slot in slots if slot.made_by is None or slot.made_by not in frozen_ids]
    return [msgspec.structs.replace(slot, ordinal=ordinal) for ordinal, slot in enumerate(happening, start=1)]


def freeze_slots(
    project_id: int, slots: list[Slot], wanted: Collection[int] | None
) -> tuple[list[FrozenEvent], dict[int, str], list[Slot]]:
    """Return the wanted events (None: all) ready to be replayed, the reasons of those that cannot be, and what is
    counted, as `number_slots`. Costs and raises what `load_frozen_events` does.
    """
    chosen = [slot for slot in slots if wanted is None or slot.event_id in wanted]
    frozen, reasons = load_frozen_events(project_id, chosen)
    counted = number_slots(slots, {event.event_db_id for event in frozen})
    numbers = {slot.event_id: slot.ordinal for slot in counted}
    renumbered = [
        msgspec.structs.replace(event, id=numbers[event.event_db_id])
        for event in frozen
        if event.event_db_id in numbers
    ]
    return renumbered, {number: reason for number, reason in reasons.items() if number in numbers}, counted


def find_workflow_input(project_id: int, trace: TraceSummary) -> bytes | None:
    """Return what the trace's workflow was given, unredacted JSON text; None where no event says it. Three queries."""
    found = find_workflow_event(project_id, trace)
    return found and found[1]


def find_workflow_event(project_id: int, trace: TraceSummary) -> tuple[str, bytes] | None:
    """As `find_workflow_input`, with the span id of the event that says it before it."""
    for span_id, original in _load_workflow(project_id, trace):
        if original.input is not None and "input" not in original.lost:
            return span_id, original.input
    return None


def find_workflow_values(project_id: int, trace: TraceSummary) -> tuple[bytes | None, bytes | None]:
    """Return what the trace's workflow was given and what it answered, unredacted; None what no event says."""
    found = [original for _, original in _load_workflow(project_id, trace)]
    given = (one.input for one in found if one.input is not None and "input" not in one.lost)
    answered = (one.output for one in found if one.output is not None and "output" not in one.lost)
    return next(given, None), next(answered, None)


def _load_workflow(project_id: int, trace: TraceSummary) -> Iterator[tuple[str, Original]]:
    """Yield the first few of the trace's workflow events with their originals."""
    rows = own_events(project_id, trace).filter(kind="workflow").order_by("started_at", "span_id")
    for row in rows.values(*_COLUMNS)[:5]:
        yield row["span_id"], load_originals(project_id, [row])[0]


def get_slots_by_id(project_id: int, event_ids: list[int]) -> list[dict[str, Any]]:
    """Return the rows of events by their numbers, in no order. One query through `events_by_id` of every partition."""
    return list(Event.objects.filter(project_id=project_id, id__in=event_ids).values(*_COLUMNS))


def load_frozen_events(project_id: int, slots: list[Slot]) -> tuple[list[FrozenEvent], dict[int, str]]:
    """Return the events ready to be replayed, in order, and the reasons by event number of those that cannot be.

    One query per 500 events, and a read of blob storage for each value over 1 MiB. Raises `TooLargeError` past
    `MOST_BYTES`.
    """
    reasons = {slot.event_id: slot.reason for slot in slots if slot.reason}
    usable = [slot for slot in slots if not slot.reason]
    size = sum((slot.row["input_bytes"] or 0) + (slot.row["output_bytes"] or 0) for slot in usable)
    if size > MOST_BYTES:
        raise TooLargeError(f"The frozen events hold {size} bytes; at most {MOST_BYTES} are sent at once.")
    frozen: list[FrozenEvent] = []
    for start in range(0, len(usable), _CHUNK):
        chunk = usable[start : start + _CHUNK]
        for slot, original in zip(chunk, load_originals(project_id, [slot.row for slot in chunk]), strict=True):
            reason = original.find_loss("name", "input", "output", "extra") or _find_thin_reason(slot.kind, original)
            if reason:
                reasons[slot.event_id] = reason
            else:
                frozen.append(_make_frozen(slot, original))
    return frozen, reasons


def load_originals(project_id: int, rows: list[dict[str, Any]]) -> list[Original]:
    """Return the values of events, replay copies first. One query by primary key."""
    keys = Q()
    for row in rows:
        keys |= Q(trace_id=row["trace_id"], started_at=row["started_at"], span_id=row["span_id"])
    found = {
        (payload.trace_id, payload.started_at, payload.span_id): payload
        for payload in (Payload.objects.filter(keys, project_id=project_id) if rows else ())
    }
    return [
        _read_original(project_id, row, found.get((row["trace_id"], row["started_at"], row["span_id"]))) for row in rows
    ]


def require_replayable(slots: list[Slot]) -> None:
    """Raise `NothingToRerunError` for a trace without any replayable event."""
    if not slots:
        raise NothingToRerunError("The trace has no model, tool, HTTP or database call that could be run again.")


def _select(events: QuerySet[Event]) -> list[dict[str, Any]]:
    replayable = events.filter(kind__in=STEP_TYPES)
    ordered = replayable.order_by(F("sdk_event_id").asc(nulls_last=True), "started_at", "span_id")
    return list(ordered.values(*_COLUMNS)[: MOST_EVENTS + 1])


def _order(row: dict[str, Any]) -> tuple[bool, int, Any, str]:
    return row["sdk_event_id"] is None, row["sdk_event_id"] or 0, row["started_at"], row["span_id"]


def _find_reason(row: dict[str, Any]) -> str | None:
    """Return why an event cannot be answered from its recording, as far as its row tells."""
    if row["ended_at"] is None:
        return "It had not ended."
    if row["flags"] & EventFlag.OUTPUT_WITHHELD:
        return "The project does not capture outputs."
    if row["flags"] & EventFlag.INPUT_WITHHELD and row["kind"] in ("ai", "http"):
        return "The project does not capture inputs, which the SDK compares."
    if row["kind"] == "ai" and row["output_bytes"] is None:
        return "Its answer was not recorded."
    return None


def _find_thin_reason(kind: str, original: Original) -> str | None:
    """Return why a recording says too little of an answer to be one: SDKs keep less of some (B1.3)."""
    is_streamed = bytes(original.extra.get("streamed", b"")) == b"true"
    output = original.output or b""
    if is_streamed and kind in ("tool", "http") and "stream_raw" not in original.extra:
        return "It was streamed, and the stream was not recorded."
    if is_streamed and kind == "ai" and output == b'"(streamed)"':
        return "It was streamed, and its text was not recorded."
    if kind == "db" and _COUNTED_ROWS.fullmatch(output):
        return "Only the number of its rows was recorded."
    # The client that records no more names the call by its address.
    if kind == "http" and original.name != "fetch" and _STATUS_ALONE.fullmatch(output):
        return "Only the status of its answer was recorded."
    return None


_COUNTED_ROWS = re.compile(rb'"\[[0-9]+ rows\]"')
_STATUS_ALONE = re.compile(rb'\{"status": ?[0-9]+\}')


def _find_makers(rows: list[dict[str, Any]]) -> dict[int, int]:
    """Return the makers of calls by event number; only calls that an SDK counted are looked at."""
    counted = [row for row in rows if row["sdk_event_id"] is not None and row["ended_at"] is not None]
    ids = {row["sdk_event_id"]: row["id"] for row in counted}
    spans = [
        Span(
            number=row["sdk_event_id"],
            is_tool=row["kind"] == "tool",
            started_at=row["started_at"],
            ended_at=row["ended_at"],
        )
        for row in counted
    ]
    return {ids[call]: ids[maker] for call, maker in find_makers(spans).items()}


def _read_original(project_id: int, row: dict[str, Any], payload: Payload | None) -> Original:
    lost = {"input": "The project does not capture inputs."} if row["flags"] & EventFlag.INPUT_WITHHELD else {}
    if payload is None:
        return Original(name=row["name"], lost=lost)
    try:
        values = {field: _load(project_id, getattr(payload, field)) for field in _FIELDS}
        copies = {field: _open(project_id, getattr(payload, f"replay_{field}")) for field in _FIELDS}
    except (BlobMissingError, UnreadableReplayCopyError) as error:
        return Original(name=row["name"], lost=dict.fromkeys(_FIELDS, str(error)))
    restored = {field: bytes(copies[field].get(field, values[field] or b"")) or None for field in _FIELDS}
    name = copies["input"].get("name")
    return Original(
        name=msgspec.json.decode(name) if name is not None else row["name"],
        input=restored["input"],
        output=restored["output"],
        extra=_read_object(restored["extra"]),
        lost=lost | _find_lost_originals(row, values, copies),
    )


def _find_lost_originals(
    row: dict[str, Any], values: dict[str, bytes | None], copies: dict[str, dict[str, Raw]]
) -> dict[str, str]:
    """Return a reason for each value that redaction changed and of which there is no copy.

    The flag tells of the event as a whole, so it takes the marker in the value too. Clients write the same marker
    themselves: where any original was kept, all were.
    """
    if not row["flags"] & EventFlag.REDACTED or any(copies.values()):
        return {}
    changed = {field for field, value in values.items() if value is not None and _MARKER in value}
    if MARKER in row["name"]:
        changed.add("name")
    return {field: f"Its {field} was redacted, and the original is not kept." for field in changed}


def _load(project_id: int, stored: bytes | None) -> bytes | None:
    return None if stored is None else load_value(project_id, bytes(stored))


def _open(project_id: int, stored: bytes | None) -> dict[str, Raw]:
    """Return the named originals in an encrypted replay copy."""
    if stored is None:
        return {}
    copy = decrypt_replay_copy(load_value(project_id, bytes(stored)), tuple(settings.ENCRYPTION_KEYS))
    return _read_object(copy)


def _read_object(text: bytes | None) -> dict[str, Raw]:
    if not text:
        return {}
    try:
        return msgspec.json.decode(text, type=dict[str, Raw])
    except (msgspec.MsgspecError, RecursionError):
        return {}


def _make_frozen(slot: Slot, original: Original) -> FrozenEvent:
    row = slot.row
    extras: dict[str, Any] = {ours: original.extra.get(name, UNSET) for ours, name in _EXTRAS.items()}
    return FrozenEvent(
        id=slot.ordinal,
        type=slot.kind,
        name=original.name,
        input=Raw(original.input or b"null"),
        output=Raw(original.output or b"null"),
        timestamp=round(row["started_at"].timestamp() * 1000),
        duration_ms=row["duration_ms"] or 0,
        trace_id=row["trace_id"],
        event_db_id=slot.event_id,
        original_id=row["sdk_event_id"],
        **extras,
    )
