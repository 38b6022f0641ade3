"""OTLP/JSON bodies: what is tolerated, what is rejected alone, what is malformed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from observability.ingest.otlp import MalformedBodyError, decode_logs, decode_traces
from tests.ingest.otlp.recorded import JSON, SPAN_ID, START_NS, TRACE_ID, decode_span, decode_spans, make_span


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"traceId": None}, "traceId is missing"),
        ({"traceId": "0" * 32}, "traceId is missing or all zeros"),
        ({"traceId": "xyz"}, "traceId must be 32 hexadecimal characters"),
        ({"traceId": "g" * 32}, "traceId must be 32 hexadecimal characters"),
        ({"traceId": 7}, "traceId must be a string, not a number"),
        ({"spanId": "ab"}, "spanId must be 16 hexadecimal characters"),
        ({"parentSpanId": "12 4567890123456"}, "parentSpanId must be 16 hexadecimal characters"),
        ({"name": ["a"]}, "name must be a string, not a list"),
        ({"startTimeUnixNano": "soon"}, "startTimeUnixNano must be an integer"),
        ({"startTimeUnixNano": -1}, "is not a time in nanoseconds"),
        ({"startTimeUnixNano": 2**64}, "startTimeUnixNano must be an integer"),
        ({"startTimeUnixNano": 10**30}, "startTimeUnixNano must be an integer"),
        ({"endTimeUnixNano": {}}, "endTimeUnixNano must be an integer"),
        ({"attributes": {"a": 1}}, "attributes must be a list of objects"),
        ({"attributes": [{"value": {"stringValue": "x"}}]}, "attributes must have keys that are strings"),
        ({"attributes": [{"key": "a", "value": "x"}]}, "the value of 'a' must be an object"),
        ({"attributes": [{"key": "a", "value": {"intValue": "1.5"}}]}, "intValue of 'a' must be a 64-bit integer"),
        ({"attributes": [{"key": "a", "value": {"boolValue": 1}}]}, "boolValue of 'a' must be true or false"),
        ({"attributes": [{"key": "a", "value": {"doubleValue": "x"}}]}, "doubleValue of 'a' must be a number"),
        ({"attributes": [{"key": "a", "value": {"arrayValue": []}}]}, "arrayValue of 'a' must be an object"),
        ({"attributes": [{"key": "a", "value": {"kvlistValue": 1}}]}, "kvlistValue of 'a' must be an object"),
        ({"events": [1]}, "events must be a list of objects"),
        ({"links": "x"}, "links must be a list of objects"),
    ],
)
def test_span__field_of_the_wrong_type__rejected_by_name_beside_a_good_one(
    fields: dict[str, object], reason: str
) -> None:
    decoded = decode_spans(make_span(**fields), make_span())

    assert [rejected.index for rejected in decoded.rejected] == [0]
    assert reason in decoded.rejected[0].reason
    assert decoded.event_indexes == (1,)


@pytest.mark.parametrize("item", [None, 1, "span", [], True])
def test_span__not_an_object__rejected_alone(item: object) -> None:
    decoded = decode_spans(item, make_span())

    assert "the item must be a JSON object" in decoded.rejected[0].reason
    assert len(decoded.events) == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"traceId": TRACE_ID.upper(), "spanId": SPAN_ID.upper()}, (TRACE_ID, SPAN_ID)),
        (
            {
                "traceId": base64.b64encode(bytes.fromhex(TRACE_ID)).decode(),
                "spanId": base64.b64encode(bytes.fromhex(SPAN_ID)).decode(),
            },
            (TRACE_ID, SPAN_ID),
        ),
    ],
)
def test_span__ids_in_capitals_or_base64__are_lower_case_hex(
    fields: dict[str, object], expected: tuple[str, str]
) -> None:
    event = decode_span(**fields)

    assert (event.trace_id, event.span_id) == expected


@pytest.mark.parametrize("time", [START_NS, str(START_NS), float(START_NS)])
def test_span__time_as_number_text_or_float__same_event(time: object) -> None:
    assert decode_span(startTimeUnixNano=time).started_at_us == START_NS // 1000


def test_span__enums_by_name_and_fields_in_snake_case__are_read() -> None:
    span = {
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "name": "step",
        "kind": "SPAN_KIND_CLIENT",
        "start_time_unix_nano": START_NS,
        "end_time_unix_nano": START_NS + 1,
        "status": {"code": "STATUS_CODE_ERROR", "message": "no"},
        "some_future_field": {"a": [1]},
    }

    event = decode_spans(span).events[0]

    assert (event.status, event.error_message, event.extra) == ("error", "no", b'{"span_kind":"client"}')


def test_span__unknown_enum_values__are_unspecified() -> None:
    event = decode_span(kind="SPAN_KIND_NEW", status={"code": 99})

    assert (event.status, event.extra) == ("unset", None)


def test_span__values_nested_beyond_the_limit__rejected_alone() -> None:
    value: dict[str, Any] = {"stringValue": "bottom"}
    for _ in range(60):
        value = {"arrayValue": {"values": [value]}}

    decoded = decode_spans(make_span(attributes=[{"key": "deep", "value": value}]), make_span())

    assert "'deep' is nested more than" in decoded.rejected[0].reason
    assert len(decoded.events) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"spans"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"resourceSpans": {}}',
        b'{"resourceSpans": [1]}',
        b'{"resourceSpans": [{"scopeSpans": {}}]}',
        b'{"resourceSpans": [{"scopeSpans": [{"spans": 1}]}]}',
    ],
)
def test_body__not_a_trace_request__malformed(body: bytes) -> None:
    with pytest.raises(MalformedBodyError):
        decode_traces(body, JSON)


def test_body__odd_resource_and_scope__spans_are_kept() -> None:
    body = {"resourceSpans": [{"resource": 1, "scopeSpans": [{"scope": {"name": 5, "attributes": 1}, "spans": []}]}]}
    body["resourceSpans"][0]["scopeSpans"][0]["spans"] = [make_span()]  # type: ignore[index]

    decoded = decode_traces(json.dumps(body).encode(), JSON)

    assert len(decoded.events) == 1


def test_body__nul_and_lone_surrogates__are_replaced_and_pairs_joined() -> None:
    body = (
        '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"%s","name":"a\\u0000b\\ud83d\\ude00\\ud800",'
        '"startTimeUnixNano":"%d","attributes":[{"key":"k","value":{"stringValue":"x\\u0000\\udfff"}}]}]}]}]}'
    )

    decoded = decode_traces((body % (TRACE_ID, SPAN_ID, START_NS)).encode(), JSON)

    assert decoded.events[0].name == "a\ufffdb😀\ufffd"
    assert decoded.events[0].attributes == '{"k":"x\ufffd\ufffd"}'.encode()


def test_logs__one_of_three_is_bad__the_others_are_kept() -> None:
    good = {"timeUnixNano": str(START_NS), "body": {"stringValue": "hello"}}
    records = [good, {**good, "traceId": "zz"}, good]
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}

    decoded = decode_logs(json.dumps(body).encode(), JSON)

    assert len(decoded.logs) == 2
    assert [(rejected.index, rejected.reason) for rejected in decoded.rejected] == [
        (1, "traceId must be 32 hexadecimal characters")
    ]
