"""Redaction of records, and which originals a rerun still needs.

A frozen call is matched by its exact name and input (`url`, `method`, `provider`) and answered from its output, the
recorded `__elasticdashResponse` or the raw stream (contract `sdk-rerun.md` B1.4, B7). Pages, APIs and exports see only
the redacted record; the writer keeps the originals named here encrypted, as the replay copy.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import msgspec

from ..records import EventRecord, LogRecord, ResourceRecord
from .document import may_hold_secrets, redact_json, redact_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .rules import RedactionRules

_JSON_FIELDS = ("input", "output", "attributes", "extra")
_TEXT_FIELDS = ("name", "error_message", "error_stack")
_REPLAYED_FIELDS = ("input", "output", "extra", "name")
_SCANNED_EVENTS, _SCANNED_BYTES = 16, 256 * 2**10
"""Most of what is scanned at once: a hit makes suspects of all of it."""


class RedactedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event without its secrets. `event` is the same object when nothing was redacted."""

    event: EventRecord
    originals: dict[str, bytes]
    """What redaction changed among the values that a replay compares or returns: `input`, `output`, `extra` (JSON text)
    and `name` (text), each as it was. Empty for nearly every event."""


def find_suspects(events: Sequence[EventRecord], rules: RedactionRules) -> list[bool]:
    """Tell of each event whether it may hold a secret, its resource aside. False is certain.

    Events are scanned some at a time: nearly always there is nothing, and one scan costs less than many.
    """
    suspects: list[bool] = []
    texts: list[bytes] = []
    count = size = 0
    for event in events:
        found = _list_texts(event)
        texts += found
        count += 1
        size += sum(map(len, found))
        if count == _SCANNED_EVENTS or size > _SCANNED_BYTES:
            suspects += [may_hold_secrets(texts, rules)] * count
            texts, count, size = [], 0, 0
    return suspects + [bool(count) and may_hold_secrets(texts, rules)] * count


def redact_event(event: EventRecord, rules: RedactionRules, *, is_suspect: bool = True) -> RedactedEvent:
    """Redact every value and text of an event, its tags and its resource; of one that is no suspect, the resource."""
    changes = _find_changes(event, rules) if is_suspect else {}
    originals = {field: _as_bytes(getattr(event, field)) for field in _REPLAYED_FIELDS if field in changes}
    resource = event.resource and redact_resource(event.resource, rules)
    if resource is not event.resource:
        changes["resource"] = resource
    if changes:
        event = msgspec.structs.replace(event, **changes)
    return RedactedEvent(event=event, originals=originals)


def redact_log(log: LogRecord, rules: RedactionRules) -> LogRecord:
    """Redact the message, fields and resource of a log record. Returns the same object when nothing was redacted."""
    changes: dict[str, object] = {}
    message = redact_text(log.message, rules)
    if message is not log.message:
        changes["message"] = message
    if log.fields is not None and (fields := redact_json(log.fields, rules)) is not log.fields:
        changes["fields"] = fields
    if log.resource is not None and (resource := redact_resource(log.resource, rules)) is not log.resource:
        changes["resource"] = resource
    return msgspec.structs.replace(log, **changes) if changes else log


def redact_resource(resource: ResourceRecord, rules: RedactionRules) -> ResourceRecord:
    """Redact the attributes that a batch shares. The answer is remembered: every event of the batch asks."""
    attributes = _redact_shared(resource.attributes, rules)
    return resource if attributes == resource.attributes else ResourceRecord(attributes=attributes)


@functools.lru_cache(maxsize=512)
def _redact_shared(attributes: bytes, rules: RedactionRules) -> bytes:
    return redact_json(attributes, rules)


def _list_texts(event: EventRecord) -> list[bytes]:
    """Return the bytes of all of an event's own values and texts."""
    plain = "\n".join(filter(None, (event.name, event.error_message, event.error_stack, *event.tags)))
    values = (plain.encode("utf-8", "surrogatepass"), event.input, event.output, event.attributes, event.extra)
    return list(filter(None, values))


def _find_changes(event: EventRecord, rules: RedactionRules) -> dict[str, object]:
    if not may_hold_secrets(_list_texts(event), rules):
        return {}
    changes: dict[str, object] = {}
    for field in _JSON_FIELDS:
        value = getattr(event, field)
        if value is not None and (redacted := redact_json(value, rules)) is not value:
            changes[field] = redacted
    for field in _TEXT_FIELDS:
        text = getattr(event, field)
        if text and (redacted_text := redact_text(text, rules)) is not text:
            changes[field] = redacted_text
    tags = tuple(redact_text(tag, rules) for tag in event.tags)
    if tags != event.tags:
        changes["tags"] = tags
    return changes


def _as_bytes(value: bytes | str) -> bytes:
    return value.encode(errors="surrogatepass") if isinstance(value, str) else value
