"""The calls of a source and of its rerun, as the fidelity report compares them.

SDKs send events of the calls that ran for real, and mostly none of those that were answered from the recording. What
they send carries the number by which they count, so the numbers between tell of the others: a call under such a number
came, and was answered without being made.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from django.db.models import Q

from observability.flags import EventFlag
from observability.models import Event, Payload
from observability.selectors.events import own_events
from observability.selectors.shapes import TraceSummary
from observability.services.blobs import BlobMissingError, load_value
from reruns.errors import TooLargeError
from reruns.fidelity.alignment import Token
from reruns.fidelity.fingerprints import digest_value
from reruns.selectors.replay import MOST_BYTES, Slot

_CHUNK = 500
_KEY = ("trace_id", "started_at", "span_id")
_PREVIEWS = ("input_preview", "output_preview", "cost_micros")


class Call(msgspec.Struct, kw_only=True):
    """A replayable call of either trace with the digests of its values. `output` is None where it is withheld.

    One of the rerun that is not `is_reported` is taken from the source: the SDK sent no event of it. `is_certain`: it
    came, by the numbers; otherwise it may not have.
    """

    slot: Slot
    token: Token
    output: str | None
    previews: dict[str, Any]
    is_reported: bool = True
    is_certain: bool = True


def load_calls(project_id: int, slots: list[Slot]) -> list[Call]:
    """Return the calls with their digests, in order. Two queries per 500. Raises `TooLargeError`."""
    size = sum((slot.row["input_bytes"] or 0) + (slot.row["output_bytes"] or 0) for slot in slots)
    if size > MOST_BYTES:
        raise TooLargeError(f"The calls hold {size} bytes; at most {MOST_BYTES} are compared.")
    calls: list[Call] = []
    for start in range(0, len(slots), _CHUNK):
        chunk = slots[start : start + _CHUNK]
        keys = _match_keys(chunk)
        payloads = Payload.objects.filter(keys, project_id=project_id).values_list(*_KEY, "input", "output")
        values = {row[:3]: row[3:] for row in payloads}
        events = Event.objects.filter(keys, project_id=project_id).values(*_KEY, *_PREVIEWS)
        previews = {(row["trace_id"], row["started_at"], row["span_id"]): row for row in events}
        calls += [_make_call(project_id, slot, values, previews.get(_key_of(slot), {})) for slot in chunk]
    return calls


def counts_from_one(project_id: int, trace: TraceSummary) -> bool:
    """Say whether the numbers of a run's events are those of its calls, and not those of a session. One query."""
    workflows = own_events(project_id, trace).filter(kind="workflow")
    return not workflows.filter(sdk_event_id__isnull=False).exists()


def add_unreported(
    source: list[Call],
    rerun: list[Call],
    offered: Collection[int],
    *,
    has_ended_well: bool = False,
    call_count: int | None = None,
) -> list[Call]:
    """Return the rerun's calls in the order of their numbers, with those that its SDK sent no event of among them.

    Only where the numbers can be those of the run's calls: each once, and not more than there can be. `call_count` is
    how many there were, if the SDK says so.
    """
    numbered = {call.slot.row["sdk_event_id"] or 0: call for call in rerun}
    last = max(call_count or 0, max(numbered, default=0))
    if len(numbered) < len(rerun) or 0 in numbered or last > len(source) + len(rerun):
        return rerun
    if any(number not in numbered and number > len(source) for number in range(1, last + 1)):
        return rerun
    filled = [numbered.get(number) or _assume(source[number - 1]) for number in range(1, last + 1)]
    # A run that ended well made no call after its last for real; whether others came nobody says.
    is_open = has_ended_well and rerun and call_count is None
    rest = range(last + 1, len(source) + 1) if is_open else ()
    return filled + [_assume(source[number - 1], is_certain=False) for number in rest if number in offered]


def _assume(call: Call, *, is_certain: bool = True) -> Call:
    return msgspec.structs.replace(call, is_reported=False, is_certain=is_certain)


def _key_of(slot: Slot) -> tuple[Any, ...]:
    return tuple(slot.row[name] for name in _KEY)


def _match_keys(slots: list[Slot]) -> Q:
    keys = Q()
    for slot in slots:
        keys |= Q(**{name: slot.row[name] for name in _KEY})
    return keys


def _make_call(
    project_id: int, slot: Slot, values: dict[tuple[Any, ...], tuple[Any, ...]], previews: dict[str, Any]
) -> Call:
    given, answered = values.get(_key_of(slot), (None, None))
    is_withheld = bool(slot.row["flags"] & EventFlag.OUTPUT_WITHHELD)
    output = _digest(project_id, answered)
    return Call(
        slot=slot,
        token=Token(slot.kind, slot.name, _digest(project_id, given) or "?"),
        output=None if is_withheld else output,
        previews=previews,
    )


def _digest(project_id: int, stored: bytes | None) -> str | None:
    """Return the digest of a stored value; None where it is gone from storage."""
    try:
        return digest_value(None if stored is None else load_value(project_id, bytes(stored)))
    except BlobMissingError:
        return None
