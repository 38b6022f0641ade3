"""`demo --once`: what leaves the two agents, as a server on the wire sees it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from demo.conversations import DESK_CYCLE, TRIAGE_CYCLE
from tests.demo.conftest import KEY, DemoRun, run_once
from tests.receiver import read_attributes

pytestmark = pytest.mark.slow


def _list_printed_traces(run: DemoRun, *, agent: str) -> list[str]:
    return [line.split()[2] for line in run.printed.splitlines() if line.startswith(f"{agent} ")]


def _is_closing(event: dict[str, Any]) -> bool:
    """Tell the second half of a workflow event, which says what the first does not."""
    return event["type"] == "workflow" and event["input"] is not None


def _describe_event(event: dict[str, Any]) -> str:
    """Return what must not differ between two runs of one seed: no id, clock or port."""
    shown = {key: event.get(key) for key in ("type", "name", "input", "output", "usage", "streamed")}
    return json.dumps(shown, sort_keys=True)


def _list_descriptions(run: DemoRun) -> list[str]:
    ports = {event["name"].split("/")[2] for event in run.received.list_events() if event["type"] == "http"}
    texts = [_describe_event(event) for event in run.received.list_events()]
    return sorted(text.replace(port, "PORT") for text in texts for port in ports)


def test_once__server_answers__sends_every_workflow_and_ends_well(demo_run: DemoRun) -> None:
    workflows = {line.split()[1] for line in demo_run.printed.splitlines() if line.startswith(("sdk ", "otel "))}

    assert demo_run.status == 0, demo_run.printed
    assert workflows == {*DESK_CYCLE, *TRIAGE_CYCLE}


def test_once__quiet_server_without_a_socket__prints_no_warning(demo_run: DemoRun) -> None:
    assert "Unclosed" not in demo_run.printed
    assert "Traceback" not in demo_run.printed


def test_once__support_desk__sends_every_type_of_event(demo_run: DemoRun) -> None:
    types = Counter(event["type"] for event in demo_run.received.list_events())

    assert set(types) == {"workflow", "ai", "tool", "http", "db"}


def test_once__support_desk__counts_its_events_without_a_gap(demo_run: DemoRun) -> None:
    events = [event for event in demo_run.received.list_events() if not _is_closing(event)]

    assert len({event["sessionId"] for event in events}) == 1
    assert sorted(event["id"] for event in events) == list(range(1, len(events) + 1))


def test_once__support_desk__opens_each_printed_trace_with_a_workflow_event(demo_run: DemoRun) -> None:
    workflows = [event for event in demo_run.received.list_events() if event["type"] == "workflow"]

    opened = [event for event in workflows if not _is_closing(event)]
    # The client sends batches beside one another: which arrives first is nobody's promise.
    assert sorted(event["traceId"] for event in opened) == sorted(_list_printed_traces(demo_run, agent="sdk"))
    assert all(event["traceId"].startswith(f"{event['name']}::") for event in opened)


def test_once__support_desk__closes_each_trace_with_what_it_was_given_and_answered(demo_run: DemoRun) -> None:
    key = ("id", "type", "name", "timestamp", "traceId")
    workflows = [event for event in demo_run.received.list_events() if event["type"] == "workflow"]
    halves: dict[bool, list[list[Any]]] = {True: [], False: []}
    for event in workflows:
        halves[_is_closing(event)].append([event[name] for name in key])

    assert sorted(halves[True]) == sorted(halves[False])
    closing = [event for event in workflows if _is_closing(event)]
    assert all(event["input"]["text"] and event["output"] for event in closing)


def test_once__support_desk__leaves_http_db_and_wrapped_ai_without_a_trace(demo_run: DemoRun) -> None:
    untraced = [event for event in demo_run.received.list_events() if "traceId" not in event]

    assert {event["type"] for event in untraced} == {"http", "db", "ai"}
    assert {event["name"] for event in untraced if event["type"] == "ai"} == {"intent-small"}


def test_once__support_desk__spells_usage_in_both_ways(demo_run: DemoRun) -> None:
    usages = [event["usage"] for event in demo_run.received.list_events() if event.get("usage")]

    assert {frozenset(usage) for usage in usages} == {
        frozenset(("inputTokens", "outputTokens", "totalTokens")),
        frozenset(("input_tokens", "output_tokens", "total_tokens")),
    }


def test_once__support_desk__streams_some_model_calls(demo_run: DemoRun) -> None:
    streamed = [event for event in demo_run.received.list_events() if event.get("streamed")]

    assert {event["output"] for event in streamed} == {"(streamed)"}


def test_once__support_desk__sends_its_key_and_closes_its_session(demo_run: DemoRun) -> None:
    batches = demo_run.received.list_batches()
    requests = demo_run.received.list_accepted("/api/observability/events")

    assert {request.headers["api-key"] for request in requests} == {KEY}
    assert [event["name"] for event in batches[-1]["events"]][-1] == "__session_end__"


def test_once__triage_agent__sends_whole_trees(demo_run: DemoRun) -> None:
    spans = demo_run.received.list_spans()
    known = {(span.trace_id, span.span_id) for span in spans}
    roots = [span for span in spans if not span.parent_span_id]

    assert {span.trace_id.hex() for span in roots} == set(_list_printed_traces(demo_run, agent="otel"))
    assert all((span.trace_id, span.parent_span_id) in known for span in spans if span.parent_span_id)


def test_once__triage_agent__sends_children_before_their_parents(demo_run: DemoRun) -> None:
    requests = [r.body for r in demo_run.received.list_accepted("/v1/traces")]
    spans = demo_run.received.list_spans()

    assert len(requests) > len(TRIAGE_CYCLE) - 1
    assert spans[0].parent_span_id


def test_once__triage_agent__nests_agent_model_and_http(demo_run: DemoRun) -> None:
    spans = demo_run.received.list_spans()
    parents = {span.span_id: span for span in spans}
    calls = [span for span in spans if span.name == "POST"]

    chains = {
        (parents[call.parent_span_id].name, parents[parents[call.parent_span_id].parent_span_id].name) for call in calls
    }

    assert ("chat gpt-4o", "invoke_agent writer") in chains
    assert ("chat gpt-4o-mini", "invoke_agent order-researcher") in chains


def test_once__triage_agent__states_models_and_tokens(demo_run: DemoRun) -> None:
    chats = [read_attributes(span) for span in demo_run.received.list_spans() if span.name.startswith("chat ")]

    assert {chat["gen_ai.response.model"] for chat in chats} == {"gpt-4o", "gpt-4o-mini"}
    assert all(chat["gen_ai.usage.input_tokens"] > 0 for chat in chats)
    assert all(json.loads(chat["gen_ai.output.messages"])[0]["parts"] for chat in chats)


def test_once__triage_agent__fails_one_branch_with_its_exception(demo_run: DemoRun) -> None:
    failed = [span for span in demo_run.received.list_spans() if span.name == "read_carrier" and span.status.code == 2]

    assert len(failed) == 1
    assert [event.name for event in failed[0].events] == ["exception"]


def test_once__triage_agent__logs_inside_its_traces(demo_run: DemoRun) -> None:
    records = demo_run.received.list_log_records()

    assert {"INFO", "ERROR"} <= {record.severity_text for record in records}
    assert {record.trace_id.hex() for record in records} <= set(_list_printed_traces(demo_run, agent="otel"))


def test_once__same_seed_again__sends_the_same_content(demo_run: DemoRun) -> None:
    again = run_once("--only", "sdk")

    assert _list_descriptions(again) == _list_descriptions(demo_run)


def test_once__no_server__says_so_and_fails() -> None:
    run = run_once("--url", "http://127.0.0.1:9")

    assert run.status == 1
    assert "No Playhead answers at http://127.0.0.1:9" in run.printed
