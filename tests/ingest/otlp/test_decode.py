"""Every recorded request, in both encodings: nothing rejected, nothing lost, nothing different."""

from __future__ import annotations

import pytest

from observability.ingest.otlp import MalformedBodyError, decode_logs, decode_traces, protobuf
from observability.ingest.otlp.moved import restore_attributes
from observability.ingest.otlp.wire import RawSpan
from tests.ingest.otlp.recorded import JSON, PROTOBUF, TRACES, decode_recorded, load_json, load_protobuf


@pytest.mark.parametrize("name", TRACES)
def test_traces__same_request_in_both_encodings__same_records(name: str) -> None:
    from_json = decode_traces(load_json(name), JSON)
    from_protobuf = decode_traces(load_protobuf(name), PROTOBUF)

    assert from_json == from_protobuf
    assert from_json.rejected == ()
    assert from_json.event_indexes == tuple(range(len(from_json.events)))


@pytest.mark.parametrize("name", TRACES)
def test_traces__recorded__attributes_can_be_restored_as_sent(name: str) -> None:
    sent = [span.attributes for span in protobuf.iter_spans(load_protobuf(name)) if isinstance(span, RawSpan)]

    events = decode_recorded(name).events
    restored = [restore_attributes(e.attributes, given=e.input, produced=e.output) for e in events]

    assert restored == sent


@pytest.mark.parametrize("name", TRACES)
def test_traces__recorded__every_span_of_a_model_library_is_understood(name: str) -> None:
    events = decode_recorded(name).events

    kinds = {event.kind for event in events if event.dialect not in (None, "logfire")}

    assert "span" not in kinds


def test_traces__spans_of_one_scope__share_one_resource_record() -> None:
    events = decode_recorded("langfuse").events

    assert len({id(event.resource) for event in events}) == 1
    assert b'"service.name"' in events[0].resource.attributes  # type: ignore[union-attr]


def test_logs__same_request_in_both_encodings__same_records() -> None:
    name = "gen_ai_log_records.logs"

    from_json = decode_logs(load_json(name), JSON)
    from_protobuf = decode_logs(load_protobuf(name), PROTOBUF)

    assert from_json == from_protobuf
    assert {log.type for log in from_json.logs} == {
        "gen_ai.system.message",
        "gen_ai.user.message",
        "gen_ai.assistant.message",
        "gen_ai.tool.message",
        "gen_ai.choice",
    }


@pytest.mark.parametrize("content_type", [None, "", "text/plain", "application/x-www-form-urlencoded"])
def test_traces__unknown_content_type__malformed(content_type: str | None) -> None:
    with pytest.raises(MalformedBodyError, match="application/x-protobuf or application/json"):
        decode_traces(b"", content_type)


@pytest.mark.parametrize("content_type", [PROTOBUF, "application/X-Protobuf; charset=utf-8"])
def test_traces__empty_protobuf_body__empty_request(content_type: str) -> None:
    decoded = decode_traces(b"", content_type)

    assert (decoded.events, decoded.rejected) == ((), ())
