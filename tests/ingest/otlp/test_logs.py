"""OTLP log records."""

from __future__ import annotations

import json

import pytest

from observability.ingest.otlp import decode_logs
from observability.ingest.records import Decoded, LogRecord
from tests.ingest.otlp.recorded import JSON, SPAN_ID, START_NS, TRACE_ID, make_attributes, make_value


def _decode(**fields: object) -> Decoded:
    record = {"timeUnixNano": str(START_NS), **fields}
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    return decode_logs(json.dumps(body).encode(), JSON)


def _decode_one(**fields: object) -> LogRecord:
    return _decode(**fields).logs[0]


def test_log__text_in_a_trace__is_a_line_of_it() -> None:
    log = _decode_one(
        traceId=TRACE_ID,
        spanId=SPAN_ID,
        body=make_value("order found"),
        severityNumber=9,
        attributes=make_attributes({"order": 7}),
    )

    assert (log.trace_id, log.span_id, log.stream, log.level) == (TRACE_ID, SPAN_ID, "log", "info")
    assert (log.message, log.fields) == ("order found", b'{"order":7}')


def test_log__outside_any_trace__has_an_empty_trace_id() -> None:
    log = _decode_one(body=make_value("started"))

    assert (log.trace_id, log.span_id, log.fields) == ("", None, None)


def test_log__structured_body__is_the_message_as_json_and_a_field() -> None:
    log = _decode_one(body=make_value({"event": "login", "ok": True}))

    assert log.message == '{"event":"login","ok":true}'
    assert log.fields == b'{"body":{"event":"login","ok":true}}'


def test_log__very_long_text__clipped_in_the_message_and_whole_in_the_fields() -> None:
    log = _decode_one(body=make_value("x" * 9_000))

    assert len(log.message) == 8_000
    assert log.fields is not None
    assert json.loads(log.fields) == {"body": "x" * 9_000}


@pytest.mark.parametrize(
    ("number", "text", "level"),
    [
        (1, "", "debug"),
        (8, "", "debug"),
        (9, "ERROR", "info"),
        (13, "", "warn"),
        (17, "", "error"),
        (24, "", "error"),
        ("SEVERITY_NUMBER_WARN2", "", "warn"),
        (0, "WARNING", "warn"),
        (0, "fatal", "error"),
        (0, "chatty", "info"),
    ],
)
def test_level__number_or_text__number_wins(number: object, text: str, level: str) -> None:
    assert _decode_one(severityNumber=number, severityText=text).level == level


@pytest.mark.parametrize(
    "fields",
    [{"eventName": "session.start"}, {"attributes": make_attributes({"event.name": "session.start"})}],
)
def test_event__named__name_is_type_and_message(fields: dict[str, object]) -> None:
    log = _decode_one(**fields)

    assert (log.type, log.message) == ("session.start", "session.start")


def test_time__only_observed__is_taken() -> None:
    log = _decode_one(timeUnixNano="0", observedTimeUnixNano=str(START_NS + 5_000))

    assert log.logged_at_us == START_NS // 1000 + 5


def test_time__none__rejected() -> None:
    decoded = _decode(timeUnixNano=None)

    assert decoded.rejected[0].reason == "time_unix_nano is missing"
