"""What happens to records between the wire and the rows: redaction, withholding, resources."""

from __future__ import annotations

import itertools
import json

import msgspec
from cryptography.fernet import Fernet

from observability.flags import EventFlag
from observability.ingest.capture import Capture
from observability.ingest.payloads import unpack
from observability.ingest.prepare import Limits, Prepared, prepare
from observability.ingest.records import Decoded, EventRecord, LogRecord, ResourceRecord
from observability.ingest.redaction import compile_rules
from tests.records import START_US, make_event


def _prepare(*events: EventRecord, logs: tuple[LogRecord, ...] = (), capture: Capture | None = None) -> Prepared:
    keys = (Fernet.generate_key().decode(),)
    return prepare(
        Decoded(events=events, logs=logs),
        project_id=1,
        capture=capture or Capture(),
        rules=compile_rules(),
        limits=Limits(blob_bytes=2**20, suspect_before_us=0, suspect_after_us=2**62, encryption_keys=keys),
        now_us=START_US,
    )


def test_prepare__many_resources_with_secrets__each_event_keeps_its_own() -> None:
    resources = [ResourceRecord(attributes=b'{"password":"x","host":"h%d"}' % number) for number in range(200)]
    events = [
        msgspec.structs.replace(make_event(), span_id=f"s{number}", resource=resource)
        for number, resource in enumerate(resources)
    ]

    prepared = _prepare(*events)

    hosts = [
        json.loads(unpack(prepared.resources[event.row.resource_hash or b""]))["host"] for event in prepared.events
    ]
    assert hosts == [f"h{number}" for number in range(200)]


def test_prepare__secret_in_input__reaches_no_column_and_is_kept_encrypted() -> None:
    event = msgspec.structs.replace(make_event(), input=b'{"password":"hunter2"}', error_message="token=hunter2")

    prepared = _prepare(event)

    row, payload = prepared.events[0].row, prepared.events[0].payload
    assert b"hunter2" not in msgspec.msgpack.encode([row, payload, prepared.lexemes])
    assert row.flags & EventFlag.REDACTED
    assert payload.replay_input


def test_prepare__input_not_captured__leaves_no_preview_term_or_replay_copy() -> None:
    event = msgspec.structs.replace(make_event(), input=b'{"password":"hunter2","city":"Utrecht"}')

    prepared = _prepare(event, capture=Capture(inputs=False))

    row, payload = prepared.events[0].row, prepared.events[0].payload
    assert row.flags & EventFlag.INPUT_WITHHELD
    assert (row.input_preview, payload.input, payload.replay_input) == (None, None, None)
    assert b"utrecht" not in b"".join(itertools.chain(*prepared.lexemes.values()))


def test_prepare__log_of_a_call_not_captured__keeps_the_record_without_its_content() -> None:
    log = LogRecord(
        trace_id="t", logged_at_us=START_US, stream="log", level="info", type="gen_ai.user.message", message="Utrecht"
    )

    prepared = _prepare(logs=(log,), capture=Capture(inputs=False))

    row = prepared.logs[0]
    assert row.flags & EventFlag.INPUT_WITHHELD
    assert "Utrecht" not in row.message


def test_prepare__event_of_a_rerun__is_flagged_and_the_others_are_not() -> None:
    prepared = _prepare(make_event(), make_event("trace-2", run_id="run-1"))

    assert [bool(event.row.flags & EventFlag.RERUN) for event in prepared.events] == [False, True]
