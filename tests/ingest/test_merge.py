"""The merge is a join: order, grouping and repetition do not matter."""

from __future__ import annotations

import functools
import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from observability.flags import EventFlag
from observability.ingest.capture import Capture
from observability.ingest.merge import merge_events
from observability.ingest.prepare import Limits, prepare
from observability.ingest.records import Decoded, EventRecord
from observability.ingest.redaction import compile_rules
from observability.ingest.rows import EventRow, PayloadRow
from tests.ingest.strategies import event_records
from tests.records import START_US, make_event

State = tuple[EventRow, PayloadRow]
_RULES = compile_rules()
_LIMITS = Limits(blob_bytes=2**20, suspect_before_us=0, suspect_after_us=2**62, encryption_keys=())
_halves = event_records(traces=1).map(
    lambda record: msgspec.structs.replace(record, span_id="s1", started_at_us=START_US)
)


def _prepare(record: EventRecord) -> State:
    prepared = prepare(
        Decoded(events=(record,)), project_id=1, capture=Capture(), rules=_RULES, limits=_LIMITS, now_us=START_US
    )
    event = prepared.events[0]
    return event.row, event.payload


def _join(left: State, right: State) -> State:
    row, payload, _ = merge_events(left, right)
    return row, payload


@given(st.lists(_halves, min_size=2, max_size=5), st.randoms())
def test_merge__any_order_and_repetition__same_event(halves: list[EventRecord], chance: random.Random) -> None:
    states = [_prepare(half) for half in halves]
    shuffled = states + chance.choices(states, k=3)
    chance.shuffle(shuffled)

    once = functools.reduce(_join, states)
    again = functools.reduce(_join, shuffled)

    assert again == once


@given(_halves, _halves, _halves)
def test_merge__any_grouping__same_event(first: EventRecord, second: EventRecord, third: EventRecord) -> None:
    a, b, c = _prepare(first), _prepare(second), _prepare(third)

    assert _join(_join(a, b), c) == _join(a, _join(b, c))


@given(_halves)
def test_merge__same_half_twice__nothing_changes(half: EventRecord) -> None:
    row, payload, is_changed = merge_events(_prepare(half), _prepare(half))

    assert not is_changed
    assert (row, payload) == _prepare(half)


def test_merge__sent_redacted_and_as_it_was__is_marked_in_either_order() -> None:
    """What is kept of both is the same, so their ranks are too; only one of them was changed here."""
    marked, original = (
        _prepare(make_event(attributes=b'{"password":"%s"}' % word)) for word in (b"[REDACTED]", b"hunter22")
    )

    assert marked[0].rank == original[0].rank
    assert _join(marked, original) == _join(original, marked)
    assert _join(marked, original)[0].flags & EventFlag.REDACTED


def test_merge__running_then_ended__ended_wins_and_keeps_what_it_lacks() -> None:
    running = _prepare(make_event(ended_at_us=None, status="running", input=b'"question"', model="gpt-4o"))
    ended = _prepare(make_event(output=b'"answer"', status="ok"))

    row, payload = _join(running, ended)

    assert (row.status, row.ended_at_us, row.model) == ("ok", START_US + 1_000_000, "gpt-4o")
    assert (payload.input, payload.output) == (b'"question"', b'"answer"')


def test_merge__later_end__wins() -> None:
    early = _prepare(make_event(name="early", ended_at_us=START_US + 1))
    late = _prepare(make_event(name="late", ended_at_us=START_US + 2))

    assert _join(late, early)[0].name == "late"
    assert _join(early, late)[0].name == "late"


def test_merge__larger_content__wins() -> None:
    small = _prepare(make_event(output=b'"a"'))
    large = _prepare(make_event(output=b'"a longer answer"'))

    assert _join(large, small)[1].output == b'"a longer answer"'
    assert _join(small, large)[1].output == b'"a longer answer"'


def test_merge__flags_of_both_halves__kept() -> None:
    redacted = _prepare(make_event(ended_at_us=None, status="running", input=b'{"password":"hunter22"}'))
    plain = _prepare(make_event())

    row, _ = _join(redacted, plain)

    assert row.flags & EventFlag.REDACTED
