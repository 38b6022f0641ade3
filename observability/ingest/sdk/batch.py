"""One request body to its records: good events, bad ones beside them, and what the batch says about its session."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import structlog
from msgspec import Raw

from observability.ingest.records import Decoded, EventRecord, Rejected, ResourceRecord
from observability.ingest.salvage import count_values, split_array, split_object
from observability.ingest.sdk.events import RUN_ID_LIMIT, Sender, map_event
from observability.ingest.sdk.fields import FieldError, Fields, is_null, read_text
from observability.ingest.sdk.own_traffic import OwnTrafficError
from observability.ingest.sdk.wire import WireEvent, read_event
from observability.ingest.text import NotJSONError, as_json_text

log = structlog.get_logger(__name__)

SESSION_ID_LIMIT = 200
EVENTS_LIMIT = 10_000
"""Events of one batch. The client sends 50 at a time, and never more than the 500 it keeps through an outage."""
VALUES_LIMIT = 1_000_000
"""Values of one batch, however deep. Decoded, the smallest ones take fifty times their bytes."""
HEARTBEAT = "__heartbeat__"
SESSION_END = "__session_end__"


class _Named(msgspec.Struct, frozen=True, rename="camel"):
    trace_id: str | None = None


_members_decoder = msgspec.json.Decoder(dict[str, Raw])
_named_decoder = msgspec.json.Decoder(_Named)
_items_decoder = msgspec.json.Decoder(list[Raw])


class SdkBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What one request of an SDK held.

    `control_count` items were heartbeats or session ends: facts about the session, stored as no event. `metadata` is
    the JSON object as received.
    """

    decoded: Decoded
    session_id: str | None = None
    metadata: bytes | None = None
    heartbeat_at_us: int | None = None
    ended_at_us: int | None = None
    control_count: int = 0


def decode_events(body: bytes, *, own_hosts: frozenset[str] = frozenset()) -> SdkBatch:
    """Return what a request body holds. Never raises for what a sender wrote.

    A bad event is an entry of `decoded.rejected` that names its field. A body that is no batch at all is one such
    entry, at index 0: the client sends again for ever what is answered with a 4xx, so there is no error to raise.
    """
    try:
        members = _read_members(_as_utf8(body))
        items = _read_items(members)
    except NotJSONError as error:
        return _reject_whole(f"body: {error}", code="invalid")
    except _TooManyError as error:
        return _reject_whole(f"body: {error}", code="too_large")
    metadata = _read_metadata(members)
    try:
        session_id = read_text(members, "sessionId", limit=SESSION_ID_LIMIT)
        run_id = read_text(members, "runId", limit=RUN_ID_LIMIT)
    except FieldError as error:
        rejected = tuple(Rejected(index=index, reason=str(error)) for index in range(len(items)))
        return SdkBatch(decoded=Decoded(rejected=rejected), metadata=metadata)
    resource = ResourceRecord(attributes=b'{"metadata":' + metadata + b"}") if metadata else None
    reader = _BatchReader(Sender(session_id=session_id, resource=resource, own_hosts=own_hosts, run_id=run_id))
    reader.read(items)
    return reader.finish(metadata)


class _TooManyError(ValueError):
    """A batch has more parts than are taken."""


def _reject_whole(reason: str, *, code: str) -> SdkBatch:
    return SdkBatch(decoded=Decoded(rejected=(Rejected(index=0, reason=reason, code=code),)))


class _BatchReader:
    """Collects what the items of one batch become."""

    def __init__(self, sender: Sender) -> None:
        self.sender = sender
        self.events: list[EventRecord] = []
        self.indexes: list[int] = []
        self.rejected: list[Rejected] = []
        self.heartbeats: list[int] = []
        self.ends: list[int] = []

    def read(self, items: Iterable[Raw]) -> None:
        for index, item in enumerate(items):
            try:
                self._read_item(index, item)
            except OwnTrafficError as error:
                self.rejected.append(Rejected(index=index, reason=str(error), code="own_traffic"))
            except FieldError as error:
                self.rejected.append(Rejected(index=index, reason=str(error), trace_id=_find_trace_id(item)))
            except Exception:
                # The rest of the batch must not pay for an item this module has an error with.
                log.exception("sdk_event.unreadable", index=index)
                self.rejected.append(Rejected(index=index, reason="event: cannot be read by this server"))

    def _read_item(self, index: int, item: Raw) -> None:
        event = read_event(item)
        if _is_control(event):
            (self.heartbeats if event.name == HEARTBEAT else self.ends).append(event.timestamp_us)
            return
        self.events.append(map_event(event, self.sender))
        self.indexes.append(index)

    def finish(self, metadata: bytes | None) -> SdkBatch:
        return SdkBatch(
            decoded=Decoded(
                events=tuple(self.events), event_indexes=tuple(self.indexes), rejected=tuple(self.rejected)
            ),
            session_id=self.sender.session_id,
            metadata=metadata,
            heartbeat_at_us=max(self.heartbeats, default=None),
            ended_at_us=max(self.ends, default=None),
            control_count=len(self.heartbeats) + len(self.ends),
        )


def _find_trace_id(item: Raw) -> str | None:
    """Return the trace that an event at fault names, if that much of it can be read."""
    try:
        return _named_decoder.decode(item).trace_id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _is_control(event: WireEvent) -> bool:
    """Tell a fact about the session, which comes in the shape of a workflow event."""
    return event.type == "workflow" and event.name in (HEARTBEAT, SESSION_END)


def _as_utf8(body: bytes) -> bytes:
    """Return the body as valid UTF-8 without a byte order mark; bytes that are no text become U+FFFD."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode(errors="replace").encode()
    return body


def _read_members(body: bytes) -> Fields:
    if len(body) > VALUES_LIMIT and count_values(body, enough=VALUES_LIMIT) > VALUES_LIMIT:
        raise _TooManyError(f"more than {VALUES_LIMIT} values, counted through all levels")
    try:
        return _members_decoder.decode(body)
    except msgspec.ValidationError as error:
        raise NotJSONError("expected an object with sessionId and events") from error
    except (msgspec.DecodeError, RecursionError):
        return {key: Raw(value) for key, value in split_object(body).items()}


def _read_items(members: Fields) -> list[Raw]:
    raw = members.get("events")
    if raw is None or is_null(raw):
        raise NotJSONError("events: missing")
    try:
        items = _items_decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise NotJSONError("events: expected a list") from error
    except (msgspec.DecodeError, RecursionError):
        items = [Raw(item) for item in split_array(bytes(raw))]
    if len(items) > EVENTS_LIMIT:
        raise _TooManyError(f"{len(items)} events, at most {EVENTS_LIMIT} are taken at once")
    return items


def _read_metadata(members: Fields) -> bytes | None:
    """Return the metadata object. One that cannot be read, or is no object, is as good as none."""
    raw = members.get("metadata")
    if raw is None or is_null(raw):
        return None
    text = as_json_text(bytes(raw).decode())
    return text if text and text.startswith(b"{") else None
