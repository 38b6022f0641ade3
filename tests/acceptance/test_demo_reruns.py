"""The demo's support desk runs again what it is asked to: the published Python SDK in an agent that accepts reruns.

The stand-in for the model and the shop counts what reaches it, so that a frozen call is seen not to happen.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from demo.conversations import DESK_CYCLE
from demo.model_server import build_application
from demo.runner import CLIENT_ENVIRONMENT
from tests.acceptance.playhead import ROOT, LivePlayhead, wait_until

pytestmark = pytest.mark.slow
PATIENCE_SECONDS = 60.0
WORKFLOW = "refundRequest"
API = "/api/observability"


class CountingStandIn:
    """The demo's stand-in, served in a thread: what reached it, by path."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self._application = build_application()
        config = uvicorn.Config(self._serve, port=0, interface="asgi3", lifespan="off", log_level="error")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests["model" if scope["path"].endswith("/chat/completions") else "shop"] += 1
        await self._application(scope, receive, send)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def start(self) -> None:
        self._thread.start()
        wait_until(lambda: self._server.started)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()


@pytest.fixture(scope="module")
def stand_in() -> Iterator[CountingStandIn]:
    made = CountingStandIn()
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def client(live_playhead: LivePlayhead) -> Iterator[httpx.Client]:
    headers = {"api-key": live_playhead.rerun_key}
    with httpx.Client(base_url=live_playhead.url, headers=headers, timeout=30) as made:
        yield made


@pytest.fixture(scope="module")
def refund(live_playhead: LivePlayhead, stand_in: CountingStandIn, client: httpx.Client) -> Iterator[dict[str, Any]]:
    """The desk's one run so far: of a refund. It waits an hour for its next case, and for reruns."""
    told = {name: value.format(options=_Options(live_playhead)) for name, value in CLIENT_ENVIRONMENT.items()}
    told |= {
        "PLAYHEAD_URL": live_playhead.url,
        "PLAYHEAD_API_KEY": live_playhead.rerun_key,
        "DEMO_STAND_IN_URL": stand_in.url,
    }
    first = str(DESK_CYCLE.index(WORKFLOW))
    # Other modules have had a desk of their own on the same Playhead.
    before = client.get(f"{API}/traces", params={"q": f"workflow:{WORKFLOW}"}).json()["items"]
    earlier = {row["session_id"] for row in before}
    process = subprocess.Popen(
        [sys.executable, "-m", "demo.support_desk", "--rate", str(1 / 60), "--first", first],
        cwd=ROOT,
        env={**os.environ, **told},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    found: list[dict[str, Any]] = []

    def is_there() -> bool:
        rows = client.get(f"{API}/traces", params={"q": f"workflow:{WORKFLOW} status:ok output_tokens>0"}).json()
        found[:] = [row for row in rows["items"] if row["output_preview"] and row["session_id"] not in earlier]
        return bool(found)

    def is_connected() -> bool:
        return [one["sessionId"] for one in _list_connected(client)] == [found[0]["session_id"]]

    try:
        wait_until(is_there, seconds=PATIENCE_SECONDS)
        wait_until(is_connected, seconds=PATIENCE_SECONDS)
        yield found[0]
    finally:
        process.terminate()
        process.communicate(timeout=30)


class _Options:
    def __init__(self, playhead: LivePlayhead) -> None:
        self.url, self.key = playhead.url, playhead.rerun_key


def _list_connected(client: httpx.Client) -> list[dict[str, Any]]:
    """Return the connected sessions that say that they have the workflow."""
    sessions = client.get(f"{API}/sdk-sessions").json()["items"]
    return [one for one in sessions if one["isConnected"] and WORKFLOW in one["workflows"]]


def _run(client: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    """Ask for a rerun and return it when it has come to its end."""
    asked = client.post(f"{API}/{path}", json=body)
    assert asked.status_code == 201, asked.text
    shown: dict[str, Any] = {}

    def is_over() -> bool:
        shown.update(client.get(f"{API}/triggers/{asked.json()['triggerId']}").json())
        return bool(shown["finishedAt"])

    wait_until(is_over, seconds=PATIENCE_SECONDS)
    return shown


def _list_calls(client: httpx.Client, trace_id: str) -> list[dict[str, Any]]:
    """Return the calls of the trace, as they would be frozen."""
    asked = client.post(f"{API}/workflow-reruns", json={"traceId": trace_id, "sessionId": "nobody"}).json()
    client.post(f"{API}/triggers/{asked['triggerId']}/cancel")
    frozen: list[dict[str, Any]] = client.get(f"{API}/run-configs/{asked['runConfigId']}").json()["frozenEvents"]
    return frozen


def test_desk__connected__is_listed_with_what_it_can_run(refund: dict[str, Any], client: httpx.Client) -> None:
    (session,) = _list_connected(client)

    assert session["mayRerun"]
    assert {"lookup_order", "issue_refund"} <= set(session["tools"])
    assert session["sessionId"] == refund["session_id"]


def test_workflow__frozen_whole__answers_alike_and_nothing_reaches_the_stand_in(
    refund: dict[str, Any], client: httpx.Client, stand_in: CountingStandIn, live_playhead: LivePlayhead
) -> None:
    before = stand_in.requests.copy()

    done = _run(client, "workflow-reruns", traceId=refund["trace_id"])
    report = client.get(f"{API}/triggers/{done['triggerId']}/fidelity").json()

    (run,) = done["runItems"]
    (root,) = [event for event in live_playhead.list_events(refund["trace_id"]) if event["kind"] == "workflow"]
    assert (done["status"], done["detail"]) == ("completed", "")
    assert run["output"] == live_playhead.get_event(refund["trace_id"], root["span_id"])["output"]["value"]
    assert stand_in.requests == before
    assert (report["offered"], report["live"], report["missed"]) == (report["consumed"], 0, 0)


def test_workflow__model_live__is_the_only_call_that_happens_and_is_no_production(
    refund: dict[str, Any], client: httpx.Client, stand_in: CountingStandIn, live_playhead: LivePlayhead
) -> None:
    calls = _list_calls(client, refund["trace_id"])
    frozen = [call["eventDbId"] for call in calls if call["type"] != "ai"]
    models = sum(call["type"] == "ai" for call in calls)
    before = stand_in.requests.copy()

    done = _run(client, "workflow-reruns", traceId=refund["trace_id"], frozenEventIds=frozen)
    report = client.get(f"{API}/triggers/{done['triggerId']}/fidelity").json()

    assert done["status"] == "completed"
    assert stand_in.requests - before == Counter(model=models)
    assert (report["live"], report["consumed"], report["missed"]) == (models, len(frozen), 0)
    run_trace = done["runItems"][0]["traceId"]
    assert [event["kind"] for event in live_playhead.list_events(run_trace)] == ["workflow"] + ["ai"] * models
    listed = client.get(f"{API}/traces", params={"q": f"workflow:{WORKFLOW}"}).json()["items"]
    assert refund["trace_id"] in [row["trace_id"] for row in listed]
    assert run_trace not in [row["trace_id"] for row in listed]


def test_workflow__another_input__is_what_runs(refund: dict[str, Any], client: httpx.Client) -> None:
    done = _run(client, "workflow-reruns", traceId=refund["trace_id"], workflowInput={"text": "?"})

    assert done["status"] == "failed"
    assert done["detail"].startswith("The workflow's input lacks something")


def test_steps__each_kind__runs_or_says_that_it_does_not(
    refund: dict[str, Any], client: httpx.Client, stand_in: CountingStandIn
) -> None:
    done = _run(client, "step-reruns", traceId=refund["trace_id"])

    runs = [(step["eventType"], run["ok"]) for step, run in zip(done["steps"], done["runItems"], strict=True)]
    assert {kind for kind, ok in runs if ok} == {"ai", "tool"}
    assert {kind for kind, ok in runs if not ok} == {"db", "http"}


def test_portal_task__tool__is_run_with_what_was_typed(refund: dict[str, Any], client: httpx.Client) -> None:
    given = {"type": "tool", "name": "refund_policy", "input": {"country": "NL"}}

    done = _run(client, "portal-tasks", **given)

    assert done["runItems"][0]["output"]["country"] == "NL"
