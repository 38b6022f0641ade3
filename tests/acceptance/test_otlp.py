"""The OpenTelemetry SDK with its real exporters: protobuf in every encoding, and JSON."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.acceptance.conftest import Send
from tests.acceptance.expectations import (
    describe_sent_span,
    describe_shown_span,
    list_sent_attributes,
    list_shown_attributes,
    parse_us,
)
from tests.acceptance.playhead import LivePlayhead
from tests.receiver import Receiver, read_attributes

pytestmark = pytest.mark.slow
SENDER = "tests.acceptance.senders.tree_sender"
HOWS = ("protobuf", "protobuf-gzip", "protobuf-deflate", "json", "basic")
LEVELS = {"DEBUG": "debug", "INFO": "info", "WARN": "warn", "FATAL": "error"}


@pytest.fixture(scope="module", params=HOWS)
def any_wire(request: pytest.FixtureRequest, send: Send) -> Receiver:
    """What each exporter sent."""
    return send(SENDER, request.param).wire


@pytest.fixture(scope="module")
def wire(send: Send) -> Receiver:
    """What the usual exporter sent."""
    return send(SENDER, "protobuf-gzip").wire


@pytest.fixture(scope="module")
def demo_wire(send: Send) -> Receiver:
    """One run of each of the demo's workflows."""
    return send("django", "demo", "--once").wire


def _group_by_trace(spans: list[Span]) -> dict[str, list[Span]]:
    grouped: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        grouped[span.trace_id.hex()].append(span)
    return grouped


def _find_trace(wire: Receiver, name: str) -> str:
    return next(span.trace_id.hex() for span in wire.list_spans() if span.name == name)


def _find_shown(live_playhead: LivePlayhead, trace_id: str, name: str) -> dict[str, Any]:
    return next(event for event in live_playhead.list_details(trace_id) if event["name"] == name)


def test_otlp_spans__sent_by_a_real_exporter__are_shown_exactly(
    any_wire: Receiver, live_playhead: LivePlayhead
) -> None:
    traces = _group_by_trace(any_wire.list_spans())
    shown = {trace: live_playhead.list_details(trace) for trace in traces}

    assert len(any_wire.requests) > 2
    assert sum(map(len, traces.values())) == 11
    for trace, spans in traces.items():
        by_id = {event["span_id"]: event for event in shown[trace]}
        assert len(by_id) == len(spans)
        for span in spans:
            event = by_id[span.span_id.hex()]
            assert describe_shown_span(event) == describe_sent_span(span)
            assert list_shown_attributes(event) == list_sent_attributes(span)


def test_otlp_traces__sent_by_the_real_exporter__have_exact_summaries(
    wire: Receiver, live_playhead: LivePlayhead
) -> None:
    trace = live_playhead.get_trace(_find_trace(wire, "run tree"))
    spans = _group_by_trace(wire.list_spans())[trace["trace_id"]]

    assert {name: trace[name] for name in ("workflow_name", "session_id", "user_id", "environment", "source")} == {
        "workflow_name": "tree protobuf-gzip",
        "session_id": "s-1",
        "user_id": "u-1",
        "environment": "staging",
        "source": "otlp",
    }
    assert (trace["service_name"], trace["service_version"]) == ("tree-sender", "7")
    assert (trace["event_count"], trace["error_count"], trace["open_count"]) == (len(spans), 2, 0)
    assert parse_us(trace["started_at"]) == min(span.start_time_unix_nano for span in spans) // 1000
    assert parse_us(trace["ended_at"]) == max(span.end_time_unix_nano for span in spans) // 1000


def test_otlp_exceptions__recorded_by_the_sdk__become_the_event_s_error(
    wire: Receiver, live_playhead: LivePlayhead
) -> None:
    trace = _find_trace(wire, "run tree")

    failing = _find_shown(live_playhead, trace, "failing")
    refused = _find_shown(live_playhead, trace, "refused")

    assert (failing["error_type"], failing["error_message"]) == ("ValueError", "no such thing: 'ü'")
    assert "raise ValueError" in failing["error_stack"]["value"]
    assert refused["error_message"] == "said no"


def test_otlp_links__of_a_root__are_kept_with_their_attributes(wire: Receiver, live_playhead: LivePlayhead) -> None:
    sent = next(span for span in wire.list_spans() if span.name == "run tree").links[0]
    shown = _find_shown(live_playhead, _find_trace(wire, "run tree"), "run tree")["extra"]["value"]["links"]

    assert shown == [
        {"trace_id": sent.trace_id.hex(), "span_id": sent.span_id.hex(), "attributes": {"why": "retry of"}}
    ]


def test_otlp_span_events__sent_by_the_sdk__become_log_records(wire: Receiver, live_playhead: LivePlayhead) -> None:
    trace = _find_trace(wire, "run tree")

    sent = [
        (span.span_id.hex(), event.name, event.time_unix_nano // 1000)
        for span in wire.list_spans()
        for event in span.events
    ]
    shown = [(line["span_id"], line["type"], parse_us(line["logged_at"])) for line in live_playhead.list_logs(trace)]

    assert sorted(shown) == sorted(sent)


def test_otlp_logs__sent_by_the_real_exporter__are_shown_exactly(wire: Receiver, live_playhead: LivePlayhead) -> None:
    sent = wire.list_log_records()
    shown = live_playhead.list_logs(_find_trace(wire, "logging run"))

    texts = [record for record in sent if record.body.HasField("string_value")]
    assert len(shown) == len(sent) == 5
    assert [(line["message"], line["level"], line["fields"], parse_us(line["logged_at"])) for line in shown[:4]] == [
        (record.body.string_value, LEVELS[record.severity_text], {"n": 1}, record.observed_time_unix_nano // 1000)
        for record in texts
    ]
    assert (shown[4]["type"], json.loads(shown[4]["message"])) == ("tree.grown", {"structured": [1, "two"]})


def test_demo__sent_once__is_shown_exactly(demo_wire: Receiver, live_playhead: LivePlayhead) -> None:
    traces = _group_by_trace(demo_wire.list_spans())

    for trace_id, spans in traces.items():
        shown = {event["span_id"]: event for event in live_playhead.list_details(trace_id)}
        assert {key: describe_shown_span(event) for key, event in shown.items()} == {
            span.span_id.hex(): describe_sent_span(span) for span in spans
        }
        for span in spans:
            assert list_shown_attributes(shown[span.span_id.hex()]) == list_sent_attributes(span)
            _check_kind_and_values(shown[span.span_id.hex()], read_attributes(span))


def _check_kind_and_values(event: dict[str, Any], sent: dict[str, Any]) -> None:
    """Compare what the GenAI, HTTP and database conventions say with what the event says."""
    operation = sent.get("gen_ai.operation.name")
    if operation == "chat":
        cached = sent["gen_ai.usage.cache_read.input_tokens"]
        assert (event["kind"], event["model"], event["provider"]) == ("ai", sent["gen_ai.response.model"], "openai")
        assert event["input_tokens"] == sent["gen_ai.usage.input_tokens"] - cached
        assert event["cached_input_tokens"] == cached
        assert event["output_tokens"] == sent["gen_ai.usage.output_tokens"]
        assert event["total_tokens"] == sent["gen_ai.usage.input_tokens"] + sent["gen_ai.usage.output_tokens"]
        assert event["input"]["value"] == json.loads(sent["gen_ai.input.messages"])
        assert event["output"]["value"] == json.loads(sent["gen_ai.output.messages"])
    elif operation == "execute_tool":
        assert (event["kind"], event["tool_name"]) == ("tool", sent["gen_ai.tool.name"])
        assert event["input"]["value"] == json.loads(sent["gen_ai.tool.call.arguments"])
        assert event["output"]["value"] == json.loads(sent["gen_ai.tool.call.result"])
    elif operation == "invoke_agent":
        assert (event["kind"], event["agent_name"]) == ("agent", sent["gen_ai.agent.name"])
    elif "http.request.method" in sent:
        assert event["kind"] == "http"
    elif "db.system.name" in sent:
        assert event["kind"] == "db"
    else:
        assert event["kind"] == "span"


def test_demo__sent_once__has_exact_summaries(demo_wire: Receiver, live_playhead: LivePlayhead) -> None:
    logs = Counter(record.trace_id.hex() for record in demo_wire.list_log_records())

    for trace_id, spans in _group_by_trace(demo_wire.list_spans()).items():
        trace = live_playhead.get_trace(trace_id)
        chats = [read_attributes(span) for span in spans if span.name.startswith("chat ")]

        assert trace["workflow_name"] == next(
            read_attributes(span)["workflow.name"] for span in spans if not span.parent_span_id
        )
        assert trace["event_count"] == len(spans)
        assert trace["error_count"] == sum(span.status.code == 2 for span in spans)
        assert trace["log_count"] == logs[trace_id] + sum(len(span.events) for span in spans)
        assert trace["output_tokens"] == sum(chat["gen_ai.usage.output_tokens"] for chat in chats)
        assert sorted(trace["model_names"]) == sorted({chat["gen_ai.response.model"] for chat in chats})
