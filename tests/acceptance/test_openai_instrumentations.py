"""OpenInference and OpenLLMetry around the real `openai` client, talking to the demo's model server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.acceptance.conftest import Send
from tests.acceptance.expectations import (
    describe_sent_span,
    describe_shown_span,
    list_sent_attributes,
    list_shown_attributes,
)
from tests.acceptance.playhead import LivePlayhead
from tests.receiver import Receiver

pytestmark = pytest.mark.slow
SENDER = "tests.acceptance.senders.openai_sender"
MODELS = ("gpt-4o-mini", "gpt-4o", "gpt-4o", "gpt-4o")


@dataclass(frozen=True)
class Calls:
    """What the program says it asked and was answered, and what the API shows of it, in the order of the calls."""

    library: str
    wire: Receiver
    told: list[dict[str, Any]]
    shown: list[dict[str, Any]]
    failed: dict[str, Any]


@pytest.fixture(scope="module", params=["openinference", "openllmetry"])
def calls(request: pytest.FixtureRequest, send: Send, live_playhead: LivePlayhead) -> Calls:
    return _send(request.param, send=send, live_playhead=live_playhead)


@pytest.fixture(scope="module")
def openinference_calls(send: Send, live_playhead: LivePlayhead) -> Calls:
    return _send("openinference", send=send, live_playhead=live_playhead)


@pytest.fixture(scope="module")
def openllmetry_calls(send: Send, live_playhead: LivePlayhead) -> Calls:
    return _send("openllmetry", send=send, live_playhead=live_playhead)


def _send(library: str, *, send: Send, live_playhead: LivePlayhead) -> Calls:
    sent = send(SENDER, library)
    traces = {span.trace_id.hex() for span in sent.wire.list_spans()}
    events = [event for trace in traces for event in live_playhead.list_details(trace) if event["kind"] == "ai"]
    events.sort(key=lambda event: str(event["started_at"]))
    told = [json.loads(line) for line in sent.said.splitlines()]
    return Calls(library=library, wire=sent.wire, told=told, shown=events[:-1], failed=events[-1])


def test_openai_calls__instrumented__show_model_and_tokens(calls: Calls) -> None:
    assert [event["model"] for event in calls.shown] == list(MODELS)
    assert {event["provider"] for event in calls.shown} == {"openai"}
    for event, told in zip(calls.shown, calls.told, strict=True):
        usage = told["usage"]
        cached = usage["prompt_tokens_details"]["cached_tokens"]
        assert event["input_tokens"] == usage["prompt_tokens"] - cached
        assert event["cached_input_tokens"] == cached
        assert event["output_tokens"] == usage["completion_tokens"]
        assert event["total_tokens"] == usage["total_tokens"]
        assert event["cost_micros"] > 0
    assert calls.told[-1]["usage"]["prompt_tokens_details"]["cached_tokens"] > 0


def test_openai_calls__instrumented__share_one_prompt(calls: Calls) -> None:
    assert len({event["prompt_hash"] for event in calls.shown}) == 1
    assert calls.shown[0]["prompt_hash"]


def test_openai_calls__refused_by_the_model__are_errors(calls: Calls) -> None:
    assert calls.failed["status"] == "error"
    assert "BadRequestError" in calls.failed["error_type"]
    assert "Not a chat request" in calls.failed["error_message"]


def test_openinference_calls__show_the_request_and_the_answer_as_they_were(openinference_calls: Calls) -> None:
    for event, told in zip(openinference_calls.shown, openinference_calls.told, strict=True):
        assert event["dialect"] == "openinference"
        assert event["input"]["value"]["messages"] == told["messages"]
        assert event["output"]["value"]["choices"][0]["message"].get("content") == told["answer"]


def test_openllmetry_calls__show_the_messages_as_parts(openllmetry_calls: Calls) -> None:
    for event, told in zip(openllmetry_calls.shown, openllmetry_calls.told, strict=True):
        asked = [(m["role"], _join_texts(m)) for m in event["input"]["value"]]
        assert asked == [(m["role"], m.get("content") or "") for m in told["messages"]]
        assert _join_texts(event["output"]["value"][0]) == (told["answer"] or "")


def _join_texts(message: dict[str, Any]) -> str:
    """Return what a message says, in parts of text or as the result of a tool."""
    texts = [part.get("content", part.get("response", "")) for part in message["parts"] if part["type"] != "tool_call"]
    return "".join(text if isinstance(text, str) else json.dumps(text) for text in texts)


def test_openai_spans__instrumented__are_shown_exactly(calls: Calls, live_playhead: LivePlayhead) -> None:
    spans = {span.span_id.hex(): span for span in calls.wire.list_spans()}
    traces = {span.trace_id.hex() for span in spans.values()}
    shown = {event["span_id"]: event for trace in traces for event in live_playhead.list_details(trace)}

    assert len(spans) == 6
    assert {key: describe_shown_span(event) for key, event in shown.items()} == {
        key: describe_sent_span(span) for key, span in spans.items()
    }
    for key, span in spans.items():
        assert list_shown_attributes(shown[key]) == list_sent_attributes(span)


def test_openai_traces__instrumented__sum_up_their_calls(calls: Calls, live_playhead: LivePlayhead) -> None:
    root = next(span for span in calls.wire.list_spans() if span.name == f"{calls.library} run")

    trace = live_playhead.get_trace(root.trace_id.hex())

    assert (trace["workflow_name"], trace["session_id"], trace["user_id"]) == (root.name, "accept", "ann")
    assert (trace["event_count"], trace["error_count"], trace["status"]) == (5, 0, "ok")
    assert trace["output_tokens"] == sum(told["usage"]["completion_tokens"] for told in calls.told)
    assert trace["total_tokens"] == sum(told["usage"]["total_tokens"] for told in calls.told)
    assert sorted(trace["model_names"]) == ["gpt-4o", "gpt-4o-mini"]
