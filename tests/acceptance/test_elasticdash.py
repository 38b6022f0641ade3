"""The published elasticdash client, unmodified: what it sent is what the API says."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import Any

import pytest

from tests.acceptance.conftest import Send
from tests.acceptance.expectations import describe_sent_event, describe_shown_event, find_stored_trace
from tests.acceptance.playhead import LivePlayhead, wait_until
from tests.receiver import Receiver

pytestmark = pytest.mark.slow
SENDER = "tests.acceptance.senders.elasticdash_sender"


class Session:
    """What one run of the sender put on the wire."""

    def __init__(self, wire: Receiver) -> None:
        self.wire = wire
        self.events = wire.list_events()
        self.session_id = self.events[0]["sessionId"]
        self.by_trace: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for event in self.events:
            self.by_trace[find_stored_trace(event)].append(event)

    def find_trace(self, workflow: str) -> str:
        return next(trace for trace in self.by_trace if trace.startswith(f"{workflow}::"))


@pytest.fixture(scope="module")
def session(send: Send) -> Session:
    return Session(send(SENDER).wire)


def test_elasticdash_events__sent_by_the_real_client__are_shown_exactly(
    session: Session, live_playhead: LivePlayhead
) -> None:
    shown = {
        trace: [describe_shown_event(event) for event in live_playhead.list_details(trace)]
        for trace in session.by_trace
    }

    for trace, sent in session.by_trace.items():
        by_id = sorted(shown[trace], key=lambda event: int(event["sdk_event_id"]))
        assert by_id == [describe_sent_event(event) for event in sorted(sent, key=lambda event: int(event["id"]))]


def test_elasticdash_traces__sent_by_the_real_client__have_exact_summaries(
    session: Session, live_playhead: LivePlayhead
) -> None:
    for trace_id, sent in session.by_trace.items():
        trace = live_playhead.get_trace(trace_id)
        expected = [describe_sent_event(event) for event in sent]

        assert trace["workflow_name"] == trace_id.partition("::")[0]
        assert trace["session_id"] == session.session_id
        assert trace["source"] == "sdk"
        assert trace["event_count"] == len(sent)
        assert trace["error_count"] == sum(event["status"] == "error" for event in expected)
        for field in ("input_tokens", "output_tokens", "total_tokens"):
            assert trace[field] == sum(event[field] or 0 for event in expected)


def test_elasticdash_runs__with_a_failed_step__are_marked_as_failed(
    session: Session, live_playhead: LivePlayhead
) -> None:
    shown = {name: live_playhead.get_trace(session.find_trace(name)) for name in ("acceptChat", "acceptOrder")}

    assert {name: (trace["status"], trace["error_count"]) for name, trace in shown.items()} == {
        "acceptChat": ("error", 1),
        "acceptOrder": ("ok", 0),
    }


def test_elasticdash_untraced_events__sent_by_the_real_client__are_inferred_into_the_run_before_them(
    session: Session, live_playhead: LivePlayhead
) -> None:
    runs = [event for event in session.events if event["type"] == "workflow"]
    expected = defaultdict(set)
    for event in session.by_trace[f"unknown-workflow::{session.session_id}"]:
        owner = max(
            (run for run in runs if run["timestamp"] <= event["timestamp"]), key=lambda run: int(run["timestamp"])
        )
        expected[owner["traceId"]].add(event["name"])

    shown = {
        run["traceId"]: {event["name"] for event in live_playhead.list_events(run["traceId"]) if event.get("inferred")}
        for run in runs
    }

    assert shown == expected


def test_elasticdash_metadata__sent_by_the_real_client__is_kept_with_every_event(
    session: Session, live_playhead: LivePlayhead
) -> None:
    events = live_playhead.list_details(session.find_trace("acceptChat"))

    assert {event["resource"]["value"]["metadata"]["branch"] for event in events} == {"feature/acceptance"}


def test_elasticdash_prompts__sent_by_the_real_client__are_known_by_the_hash_of_their_system_prompt(
    session: Session, live_playhead: LivePlayhead
) -> None:
    events = live_playhead.list_details(session.find_trace("acceptChat"))

    steps = {step["key"]: step for step in live_playhead.get("steps", kind="prompt")["items"]}

    digest = hashlib.sha256(b"You are terse.").hexdigest()
    assert [event["prompt_hash"] for event in events if event["kind"] == "ai"] == [digest, digest]
    assert steps[digest]["model"] == "gpt-4o-mini"


def test_elasticdash_batches__sent_twice__change_nothing(session: Session, live_playhead: LivePlayhead) -> None:
    before = {trace: live_playhead.list_details(trace) for trace in session.by_trace}
    summaries = {trace: _get_figures(live_playhead, trace) for trace in session.by_trace}

    answers = [
        live_playhead.client.post(request.path, content=request.body, headers={"content-type": "application/json"})
        for request in session.wire.list_accepted("/api/observability/events")
    ]

    # Heartbeats and session ends are no events; they are taken again each time.
    assert [(answer.status_code, answer.json()["accepted"], answer.json()["duplicates"]) for answer in answers] == [
        (202, sum(event["id"] == 0 for event in batch["events"]), sum(event["id"] != 0 for event in batch["events"]))
        for batch in session.wire.list_batches()
    ]
    assert {trace: live_playhead.list_details(trace) for trace in session.by_trace} == before
    assert {trace: _get_figures(live_playhead, trace) for trace in session.by_trace} == summaries


def _get_figures(live_playhead: LivePlayhead, trace_id: str) -> dict[str, Any]:
    """Return a trace's summary but for its version, which counts commits and not changes."""
    return {name: value for name, value in live_playhead.get_trace(trace_id).items() if name != "version"}


def test_elasticdash_steps__sent_by_the_real_client__are_discovered_with_true_counts(
    send: Send, live_playhead: LivePlayhead
) -> None:
    before = _count_calls(live_playhead)

    events = send(SENDER).wire.list_events()

    called = Counter((e["type"], e["name"]) for e in events if e["type"] in {"workflow", "tool"})
    # Everything without a trace id makes one unattributed trace a session.
    called["workflow", "unknown-workflow"] += 1
    wait_until(lambda: _count_calls(live_playhead) == before + called)


def _count_calls(live_playhead: LivePlayhead) -> Counter[tuple[str, str]]:
    items = live_playhead.get("steps")["items"]
    return Counter({(i["kind"], i["name"]): i["calls"] for i in items if i["kind"] in {"workflow", "tool"}})
