"""Answers in the request's own encoding."""

from __future__ import annotations

import json

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from observability.ingest.otlp import Signal, encode_error, encode_response
from observability.ingest.records import Rejected
from tests.ingest.otlp.recorded import JSON, PROTOBUF

REJECTED = tuple(Rejected(index=index, reason=f"span_id is missing ({index})") for index in range(8))


@pytest.mark.parametrize("signal", [Signal.TRACES, Signal.LOGS])
def test_response__all_stored__empty_message(signal: Signal) -> None:
    assert encode_response(signal, (), PROTOBUF) == b""
    assert encode_response(signal, (), JSON) == b"{}"


def test_response__some_spans_rejected__count_and_first_reasons() -> None:
    response = ExportTraceServiceResponse.FromString(encode_response(Signal.TRACES, REJECTED, PROTOBUF))

    assert response.partial_success.rejected_spans == 8
    assert response.partial_success.error_message.startswith("item 0: span_id is missing (0); item 1: ")
    assert response.partial_success.error_message.endswith("and 3 more")


def test_response__some_log_records_rejected__count() -> None:
    response = ExportLogsServiceResponse.FromString(encode_response(Signal.LOGS, REJECTED[:1], PROTOBUF))

    assert response.partial_success.rejected_log_records == 1


def test_response__json__field_names_and_numbers_of_the_protobuf_mapping() -> None:
    response = json.loads(encode_response(Signal.TRACES, REJECTED[:1], "application/json; charset=utf-8"))

    assert response == {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "item 0: span_id is missing (0)"}}


def test_response__metrics__says_that_they_are_not_stored() -> None:
    in_protobuf = ExportMetricsServiceResponse.FromString(encode_response(Signal.METRICS, (), PROTOBUF))
    in_json = json.loads(encode_response(Signal.METRICS, (), JSON))

    assert "not stored" in in_protobuf.partial_success.error_message
    assert in_protobuf.partial_success.rejected_data_points == 0
    assert in_json == {"partialSuccess": {"errorMessage": in_protobuf.partial_success.error_message}}


@pytest.mark.parametrize(("status", "code"), [(400, 3), (401, 16), (403, 7), (413, 8), (503, 14), (500, 2)])
def test_error__each_status__its_rpc_code(status: int, code: int) -> None:
    assert json.loads(encode_error("no", JSON, status=status)) == {"code": code, "message": "no"}


def test_error__protobuf__is_an_rpc_status() -> None:
    # Field 1 is the code, a varint; field 2 the message.
    assert encode_error("no", PROTOBUF, status=400) == b"\x08\x03\x12\x02no"


@pytest.mark.parametrize("content_type", [None, "text/html"])
def test_error__unknown_content_type__json(content_type: str | None) -> None:
    assert encode_error("no", content_type) == b'{"code":3,"message":"no"}'
