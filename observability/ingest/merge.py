"""The merge rule: what one event is, whatever halves of it arrived, in whatever order, however often.

Each half has a *rank*: ended beats running, then the later end, then the larger content, then its hash. The half of
the highest rank wins; a value that it lacks is kept from the highest-ranked half that has it. To stay independent
of order, a merged event remembers the rank of every value that did not come from the winner (`field_ranks`), so a
merge is a join of two such states: commutative, associative, idempotent. `tests/ingest/test_merge.py` proves it.

Values that belong together (an input with its preview, size and replay copy) travel together as one group.
"""

from __future__ import annotations

import struct

import msgspec

from observability.flags import EventFlag
from observability.ingest.rows import KEY_FIELDS, EventRow, PayloadRow

# Group name: the fields of the event row, the fields of the payload row. Presence is read off `_is_present`.
_PAYLOAD_GROUPS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "input": (("input_bytes", "input_preview"), ("input", "replay_input")),
    "output": (("output_bytes", "output_preview"), ("output", "replay_output")),
    "attributes": ((), ("attributes",)),
    "error_stack": ((), ("error_stack",)),
    "extra": ((), ("extra", "replay_extra")),
}
_PRESENCE_FLAG = {
    "attributes": EventFlag.HAS_ATTRIBUTES,
    "error_stack": EventFlag.HAS_ERROR_STACK,
    "extra": EventFlag.HAS_EXTRA,
}
_NOT_MERGED = {
    *KEY_FIELDS,
    "version",
    "received_at_us",
    "flags",
    "rank",
    "field_ranks",
    # Follows from the others, at the commit.
    "error_fingerprint",
    *(field for fields, _ in _PAYLOAD_GROUPS.values() for field in fields),
}
_SINGLE_FIELDS = tuple(field for field in EventRow.__struct_fields__ if field not in _NOT_MERGED)

_RANK = struct.Struct(">QI6s")


def make_rank(*, ended_at_us: int | None, content_bytes: int, content_hash: bytes) -> bytes:
    """Return the rank of a half as 18 bytes that compare as the rule says.

    Parameters
    ----------
    ended_at_us
        End in microseconds since the epoch, None while running.
    content_bytes
        Size of everything the half says.
    content_hash
        A hash of the same, of which the first six bytes count.
    """
    end = 0 if ended_at_us is None else ended_at_us + 1
    return _RANK.pack(end, min(content_bytes, 2**32 - 1), content_hash)


def merge_events(
    stored: tuple[EventRow, PayloadRow], arrived: tuple[EventRow, PayloadRow]
) -> tuple[EventRow, PayloadRow, bool]:
    """Join two states of the same event.

    Returns the joined event, the payload, and whether anything changed against `stored`. The payload holds the
    groups taken from `arrived` over those of `stored`; where `stored` comes from the database its payload is empty,
    and what stays None is to be kept there.
    """
    old, old_payload = stored
    new, new_payload = arrived
    if old.rank == new.rank and not new.field_ranks and old.flags | new.flags == old.flags:
        return old, old_payload, False
    winner, loser = (new, old) if new.rank > old.rank else (old, new)
    joined = msgspec.structs.replace(
        winner,
        version=old.version,
        received_at_us=min(old.received_at_us, new.received_at_us),
        flags=old.flags | new.flags,
    )
    payload = msgspec.structs.replace(old_payload)
    ranks: dict[str, str] = {}
    for name in (*_SINGLE_FIELDS, *_PAYLOAD_GROUPS):
        rank = max(_rank_of(name, old), _rank_of(name, new))
        is_from_new = rank != _rank_of(name, old)
        source = new if is_from_new else old
        event_fields, payload_fields = _PAYLOAD_GROUPS.get(name, ((name,), ()))
        if source is loser:
            _copy(event_fields, source=loser, target=joined)
        if is_from_new:
            _copy(payload_fields, source=new_payload, target=payload)
        if rank not in ("", winner.rank.hex()):
            ranks[name] = rank
    joined.field_ranks = ranks or None
    return joined, payload, _has_changed(old, joined)


def _copy(fields: tuple[str, ...], *, source: msgspec.Struct, target: msgspec.Struct) -> None:
    for field in fields:
        setattr(target, field, getattr(source, field))


def _rank_of(name: str, state: EventRow) -> str:
    """Return the rank of one value of a state, "" when it has none."""
    if not _is_present(state, name):
        return ""
    return (state.field_ranks or {}).get(name) or state.rank.hex()


def _is_present(state: EventRow, name: str) -> bool:
    flag = _PRESENCE_FLAG.get(name)
    if flag is not None:
        return bool(state.flags & flag)
    if name in _PAYLOAD_GROUPS:
        return getattr(state, f"{name}_bytes") is not None
    return getattr(state, name) is not None


def _has_changed(old: EventRow, joined: EventRow) -> bool:
    return old.rank != joined.rank or old.field_ranks != joined.field_ranks or old.flags != joined.flags
