"""One event with its values, and one value whole.

Only ever the redacted values: the encrypted originals that reruns need are not read here.
"""

from __future__ import annotations

from typing import Any

import msgspec
from django.db.models import QuerySet

from observability.errors import InvalidError, NotFoundError
from observability.flags import EventFlag
from observability.ingest.otlp.messages import Message, read_messages, read_record_messages
from observability.ingest.payloads import BlobReference, read_blob_reference, unpack
from observability.models import Event, LogEntry, Payload, Resource
from observability.selectors.event_costs import explain_cost
from observability.selectors.event_shapes import EventDetail, EventMessages, EventValue
from observability.selectors.events import find_inferred_part, inferred_events, own_events
from observability.selectors.sent_attributes import read_sent_attributes
from observability.selectors.shapes import TraceSummary, format_usd, name_flags
from observability.selectors.traces import get_trace
from observability.selectors.values import WholeValue, hold_value, open_value
from observability.services.blobs import BlobMissingError, load_value, open_blob

INLINE_BYTES = 256 * 1024
PREVIEW_BYTES = 16 * 1024
MESSAGE_BYTES = 32 * 2**20
"""Values larger than this together are not read into memory to show their messages."""

_PAYLOAD_FIELDS = ("input", "output", "attributes", "error_stack", "extra")
VALUE_FIELDS = (*_PAYLOAD_FIELDS, "resource")
_WITHHELD = {
    "input": EventFlag.INPUT_WITHHELD,
    "output": EventFlag.OUTPUT_WITHHELD,
    "attributes": EventFlag.ATTRIBUTES_WITHHELD,
    "error_stack": EventFlag.STACK_WITHHELD,
    "extra": EventFlag.ATTRIBUTES_WITHHELD,
}
_MESSAGE_FIELDS = ("attributes", "input", "output")
_MESSAGE_KINDS = {"ai", "agent"}
_MOST_RECORDS = 1_000
_DERIVED = {"messages", "pricing", "cost_usd", "inferred", "stored_trace_id", *VALUE_FIELDS}
_COLUMNS = tuple(name for name in EventDetail.__struct_fields__ if name not in _DERIVED)


def get_event(project_id: int, trace: TraceSummary, span_id: str) -> EventDetail:
    """Return an event of the trace, or one that is inferred to belong to it.

    A span id that came with several start times names the latest. Three queries by primary key, one more for an
    inferred event. Raises `NotFoundError`.
    """
    return _make_detail(project_id, _find_row(project_id, trace, span_id))


def get_event_by_id(project_id: int, event_id: int) -> EventDetail:
    """Return the event that clients name by this number, if its trace is visible. Raises `NotFoundError`.

    Four queries. The number is found through the block-range index `events_by_id` of every partition: the only read
    without a time range, because a number says nothing of its time.
    """
    row = _take(Event.objects.filter(project_id=project_id, id=event_id))
    if row is None:
        raise NotFoundError("No such event.")
    get_trace(project_id, row["trace_id"])
    return _make_detail(project_id, row)


def open_event_value(project_id: int, trace: TraceSummary, span_id: str, field: str) -> WholeValue:
    """Return one value of an event however large it is; memory stays flat for a blob.

    Raises `NotFoundError` when the event or the value is not there, and `BlobMissingError` when storage lost it.
    """
    row = _find_row(project_id, trace, span_id)
    stored = _load_values(project_id, row)
    if field not in stored:
        raise NotFoundError(f"The event has no {field}: {_explain_missing(row, field)}.")
    sent = read_sent_attributes(project_id, stored) if field == "attributes" else None
    return open_value(project_id, stored[field]) if sent is None else hold_value(project_id, sent)


def get_event_messages(
    project_id: int, trace: TraceSummary, span_id: str, *, most_bytes: int = MESSAGE_BYTES
) -> EventMessages:
    """Return the messages of a model call, from values of up to `most_bytes` together.

    Raises `NotFoundError`, `InvalidError` when the values are larger, `BlobMissingError` when storage lost one.
    """
    row = _find_row(project_id, trace, span_id)
    stored = _load_values(project_id, row)
    if sum(_size_of(stored[field]) for field in _MESSAGE_FIELDS if field in stored) > most_bytes:
        raise InvalidError("The event's values are too large to be shown as messages; read them one by one.")
    return EventMessages(items=_read_messages(project_id, row, stored))


def _size_of(stored: bytes) -> int:
    reference = read_blob_reference(stored)
    return reference.size if reference else len(stored)


def _find_row(project_id: int, trace: TraceSummary, span_id: str) -> dict[str, Any]:
    """Return the row of an own event, else of an inferred one."""
    row = _take(own_events(project_id, trace).filter(span_id=span_id))
    if row is None and (part := find_inferred_part(project_id, trace)):
        row = _take(inferred_events(project_id, part).filter(span_id=span_id))
        if row is not None:
            row |= {"inferred": True, "stored_trace_id": part.trace_id}
    if row is None:
        raise NotFoundError("No such event.")
    return row


def _take(events: QuerySet[Event]) -> dict[str, Any] | None:
    found = events.order_by("-started_at").values(*_COLUMNS, "resource_hash").first()
    return None if found is None else dict(found)


def _make_detail(project_id: int, row: dict[str, Any]) -> EventDetail:
    stored = _load_values(project_id, row)
    values = {field: _make_value(project_id, row, field, stored.get(field)) for field in VALUE_FIELDS}
    if (sent := read_sent_attributes(project_id, stored)) is not None:
        values["attributes"] = _present(sent)
    is_small = not any(values[field].state == "too_large" for field in _MESSAGE_FIELDS)
    row = {**row, **values, "cost_usd": format_usd(row["cost_micros"]), "tags": row["tags"] or []}
    row["pricing"] = explain_cost(row)
    row["flags"] = name_flags(row["flags"])
    row["messages"] = _read_messages(project_id, row, stored) if is_small else None
    del row["resource_hash"]
    return EventDetail(**row)


def _read_messages(project_id: int, row: dict[str, Any], stored: dict[str, bytes]) -> list[Message]:
    """Return the messages of a model call or agent; of other kinds none. One query more where spans keep them out."""
    if row["kind"] not in _MESSAGE_KINDS:
        return []
    attributes, given, produced = (
        load_value(project_id, stored[field]) if field in stored else None for field in _MESSAGE_FIELDS
    )
    messages = read_messages(row["dialect"], attributes=attributes, given=given, produced=produced)
    return messages or _read_record_messages(project_id, row)


def _read_record_messages(project_id: int, row: dict[str, Any]) -> list[Message]:
    """Return messages sent as log records of the event. Primary key of `log_records`, bounded by the event's times."""
    records = LogEntry.objects.filter(
        project_id=project_id,
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        type__startswith="gen_ai.",
        logged_at__gte=row["started_at"],
    )
    if row["ended_at"] is not None:
        records = records.filter(logged_at__lte=row["ended_at"])
    found = records.exclude(fields=None).order_by("logged_at", "id").values_list("type", "fields")[:_MOST_RECORDS]
    return read_record_messages(
        (type_, msgspec.json.decode(load_value(project_id, bytes(fields or b"{}")))) for type_, fields in found
    )


def _load_values(project_id: int, row: dict[str, Any]) -> dict[str, bytes]:
    """Return what the columns hold, by field, without what is null. Two queries by primary key."""
    payload = (
        Payload.objects.filter(
            project_id=project_id, trace_id=row["trace_id"], started_at=row["started_at"], span_id=row["span_id"]
        )
        .values(*_PAYLOAD_FIELDS)
        .first()
    )
    found: dict[str, Any] = dict(payload or {})
    if row["resource_hash"] is not None:
        resource = Resource.objects.filter(project_id=project_id, hash=row["resource_hash"])
        found["resource"] = resource.values_list("attributes", flat=True).first()
    return {field: bytes(stored) for field, stored in found.items() if stored is not None}


def _make_value(project_id: int, row: dict[str, Any], field: str, stored: bytes | None) -> EventValue:
    if stored is None:
        return EventValue(state="withheld" if _is_withheld(row, field) else "absent")
    reference = read_blob_reference(stored)
    if reference is not None:
        return _preview_blob(project_id, reference)
    return _present(unpack(stored))


def _present(value: bytes) -> EventValue:
    if len(value) <= INLINE_BYTES:
        return EventValue(state="present", value=msgspec.Raw(value), size_bytes=len(value))
    return EventValue(state="too_large", preview=_cut(value[:PREVIEW_BYTES]), size_bytes=len(value))


def _preview_blob(project_id: int, reference: BlobReference) -> EventValue:
    try:
        with open_blob(project_id, reference.sha256) as stream:
            head = stream.read(PREVIEW_BYTES)
    except BlobMissingError:
        return EventValue(state="unavailable", size_bytes=reference.size)
    return EventValue(state="too_large", preview=_cut(head), size_bytes=reference.size)


def _cut(head: bytes) -> str:
    """Return the text of the first bytes, without the character that the cut went through."""
    return head.decode(errors="ignore")


def _is_withheld(row: dict[str, Any], field: str) -> bool:
    flag = _WITHHELD.get(field)
    return flag is not None and bool(row["flags"] & flag)


def _explain_missing(row: dict[str, Any], field: str) -> str:
    return "the project does not capture it" if _is_withheld(row, field) else "none was sent"
