"""Reruns with real clients: the published Python SDK, and socket.io's own client playing the JavaScript one."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.playhead import ROOT, LivePlayhead, wait_until
from tests.ingest.sdk.batches import make_body, make_event

pytestmark = pytest.mark.slow
PATIENCE_SECONDS = 60.0
NODE_FILES = ("package.json", "package-lock.json", "sdk.mjs")
TRACE = "chat::1795202677943::c1de2abc"
API = "/api/observability"


class Program:
    """A client program and what it says, line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self.other = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            try:
                self.lines.put(json.loads(line))
            except ValueError:
                self.other += line

    def hear(self, what: str) -> Any:
        """Return the data of the next line of this kind."""
        while True:
            try:
                said = self.lines.get(timeout=PATIENCE_SECONDS)
            except queue.Empty:
                pytest.fail(f"never said {what}: {self.other}")
            if said["what"] == what:
                return said["data"]


@contextmanager
def run_program(command: list[str], *, folder: Path, **environment: str) -> Iterator[Program]:
    """Run a client program until the block ends."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Program(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=30)


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JavaScript client with what its lock names, installed."""
    folder = tmp_path_factory.mktemp("node")
    for name in NODE_FILES:
        shutil.copy(ROOT / "tests" / "acceptance" / "node" / name, folder)
    subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, check=True, capture_output=True
    )
    return folder


@pytest.fixture
def client(live_playhead: LivePlayhead) -> Iterator[httpx.Client]:
    headers = {"api-key": live_playhead.rerun_key}
    with httpx.Client(base_url=live_playhead.url, headers=headers, timeout=30) as made:
        yield made


def ask(client: httpx.Client, path: str, **body: Any) -> dict[str, Any]:
    response = client.post(f"{API}/{path}", json=body)
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


def wait_for(client: httpx.Client, trigger_id: int, status: str) -> dict[str, Any]:
    shown: dict[str, Any] = {}

    def is_so() -> bool:
        shown.update(client.get(f"{API}/triggers/{trigger_id}").json())
        return bool(shown["status"] == status)

    wait_until(is_so, seconds=PATIENCE_SECONDS)
    return shown


# -- the Python SDK ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def python_sdk(live_playhead: LivePlayhead) -> Iterator[Program]:
    command = [sys.executable, "-m", "tests.acceptance.senders.elasticdash_rerun_sender"]
    given = {
        "ELASTICDASH_SERVER_URL": live_playhead.url,
        "ELASTICDASH_API_KEY": live_playhead.rerun_key,
        "ELASTICDASH_ACCEPT_RERUNS": "1",
        "SDK_SESSION": "python-session",
    }
    with run_program(command, folder=ROOT, **given) as program:
        program.hear("ready")
        yield program


@pytest.fixture(scope="module")
def python_trace(python_sdk: Program, live_playhead: LivePlayhead) -> str:
    (trace,) = [item for item in live_playhead.list_items("traces") if item["workflow_name"] == "acceptRerun"]
    return str(trace["trace_id"])


def test_python_sdk__connected__is_listed(python_sdk: Program, client: httpx.Client) -> None:
    sessions = client.get(f"{API}/sdk-sessions").json()["items"]

    assert ("python-session", True, True) in {
        (item["sessionId"], item["isConnected"], item["mayRerun"]) for item in sessions
    }


def test_python_sdk__tool_triggered_twice__runs_with_the_original_input_and_posts(
    python_sdk: Program, python_trace: str, live_playhead: LivePlayhead, client: httpx.Client
) -> None:
    events = {event["name"]: event for event in live_playhead.list_events(python_trace)}
    shown = live_playhead.get_event(python_trace, events["look_up"]["span_id"])["input"]["value"]

    asked = ask(client, "step-reruns", traceId=python_trace, eventDbIds=[events["look_up"]["id"]], runCount=2)
    calls = [python_sdk.hear("look_up") for _ in range(2)]
    done = wait_for(client, asked["triggerId"], "completed")

    assert asked["status"] == "sent"
    assert shown["api_key"] == "[REDACTED]"
    assert [call["api_key"] for call in calls] == ["sk-live-0123456789abcdef0123456789"] * 2
    assert [run["output"] for run in done["runItems"]] == [{"order": 7, "has_secret": True}] * 2


def test_python_sdk__tool_that_breaks__fails_with_its_words(
    python_sdk: Program, python_trace: str, live_playhead: LivePlayhead, client: httpx.Client
) -> None:
    (event,) = [event for event in live_playhead.list_events(python_trace) if event["name"] == "take"]

    asked = ask(client, "step-reruns", traceId=python_trace, eventDbIds=[event["id"]])
    done = wait_for(client, asked["triggerId"], "failed")

    assert done["detail"] == done["runItems"][0]["error"] == "out of stock"


# -- the JavaScript SDK ------------------------------------------------------------------------------------------------


def send_chat(client: httpx.Client, *, session_id: str, trace_id: str) -> None:
    """Store a run of `chat`: five calls and a side effect, after 57 others of the session."""
    kinds = [
        ("workflow", "chat"),
        ("tool", "search"),
        ("tool", "price"),
        ("ai", "gpt-4o-mini"),
        ("side_effect", "Date.now"),
        ("http", "fetch"),
        ("db", "pg.query"),
    ]
    events = [
        make_event(
            id=58 + place,
            type=kind,
            name=name,
            traceId=trace_id,
            timestamp=1795202677943 + place,
            input={"of": name},
            output={"from": name},
        )
        for place, (kind, name) in enumerate(kinds)
    ]
    answer = client.post(f"{API}/events", content=make_body(*events, sessionId=session_id)).json()
    assert answer["rejected"] == []


@pytest.fixture(scope="module", params=["websocket", "polling,websocket", "polling"])
def javascript_sdk(
    request: pytest.FixtureRequest, node_folder: Path, live_playhead: LivePlayhead
) -> Iterator[tuple[Program, str]]:
    """The client over each transport, and its session."""
    session = f"node-{request.param}"
    given = {
        "SDK_URL": live_playhead.url,
        "SDK_KEY": live_playhead.rerun_key,
        "SDK_SESSION": session,
        "SDK_TRANSPORTS": request.param,
    }
    with run_program(["node", "sdk.mjs"], folder=node_folder, **given) as program:
        assert program.hear("registered")["ok"]
        yield program, session


@pytest.fixture
def chat(javascript_sdk: tuple[Program, str], client: httpx.Client) -> str:
    trace_id = f"{TRACE}-{javascript_sdk[1]}"
    send_chat(client, session_id=javascript_sdk[1], trace_id=trace_id)
    return trace_id


def test_javascript_sdk__workflow_frozen_whole__makes_no_call_for_real(
    javascript_sdk: tuple[Program, str], chat: str, client: httpx.Client
) -> None:
    program, _ = javascript_sdk

    asked = ask(client, "workflow-reruns", traceId=chat)
    signal = program.hear("trigger")
    ran = program.hear("ran")
    done = wait_for(client, asked["triggerId"], "completed")

    assert asked["status"] == "sent"
    assert set(signal) == {
        "triggerId",
        "runCount",
        "steps",
        "mode",
        "workflowName",
        "workflowInput",
        "runConfigId",
    }
    assert isinstance(signal["triggerId"], int)
    assert ran["live"] == 0
    assert ran["workflowInput"] == {"of": "chat"}
    assert [output["from"] for output in ran["outputs"]] == ["search", "price", "gpt-4o-mini", "fetch", "pg.query"]
    assert done["runItems"][0]["output"] == ran["outputs"]


def test_javascript_sdk__one_call_live__is_the_only_one_and_its_event_becomes_the_run_s_trace(
    javascript_sdk: tuple[Program, str], chat: str, live_playhead: LivePlayhead, client: httpx.Client
) -> None:
    program, _ = javascript_sdk
    ids = {event["name"]: event["id"] for event in live_playhead.list_events(chat)}
    frozen = [ids[name] for name in ("search", "gpt-4o-mini", "fetch", "pg.query")]

    asked = ask(client, "workflow-reruns", traceId=chat, frozenEventIds=frozen)
    ran = program.hear("ran")
    done = wait_for(client, asked["triggerId"], "completed")

    assert (ran["live"], ran["outputs"][1]) == (1, "live price")
    run_trace = done["runItems"][0]["traceId"]
    assert [(event["kind"], event["name"]) for event in live_playhead.list_events(run_trace)] == [
        ("workflow", "chat"),
        ("tool", "price"),
    ]
    assert live_playhead.get_trace(run_trace)["tags"] == ["rerun"]


def test_javascript_sdk__three_runs__are_three_results(
    javascript_sdk: tuple[Program, str], chat: str, client: httpx.Client
) -> None:
    asked = ask(client, "workflow-reruns", traceId=chat, runCount=3)

    done = wait_for(client, asked["triggerId"], "completed")

    assert [run["status"] for run in done["runItems"]] == ["completed"] * 3


def test_javascript_sdk__steps__are_answered_in_one_body(
    javascript_sdk: tuple[Program, str], chat: str, client: httpx.Client
) -> None:
    asked = ask(client, "step-reruns", traceId=chat, runCount=2)

    done = wait_for(client, asked["triggerId"], "completed")

    assert [step["eventType"] for step in done["steps"]] == ["tool", "tool", "ai", "http", "db"]
    assert [run["output"]["got"]["of"] for run in done["runItems"]][::2] == [
        "search",
        "price",
        "gpt-4o-mini",
        "fetch",
        "pg.query",
    ]


def test_javascript_sdk__portal_task_and_direct_rerun__are_answered_over_the_socket(
    javascript_sdk: tuple[Program, str], chat: str, client: httpx.Client
) -> None:
    program, session = javascript_sdk

    task = ask(client, "portal-tasks", type="tool", name="search", input=[1.5, None], sessionId=session)
    direct = ask(client, "workflow-reruns", traceId=chat, direct=True)
    done = wait_for(client, task["triggerId"], "completed")
    wait_for(client, direct["triggerId"], "completed")

    assert program.hear("portal:task")["taskId"] == task["taskId"]
    assert program.hear("workflow:rerun")["runConfigId"] == direct["runConfigId"]
    assert done["runItems"][0]["output"] == {"got": [1.5, None]}


def test_javascript_sdk__bad_key__is_told_why(node_folder: Path, live_playhead: LivePlayhead) -> None:
    given = {"SDK_URL": live_playhead.url, "SDK_KEY": "ed_0.never", "SDK_SESSION": "x", "SDK_TRANSPORTS": "websocket"}

    with run_program(["node", "sdk.mjs"], folder=node_folder, **given) as program:
        refused = program.hear("refused")

    assert refused["message"] == "invalid_api_key"
    assert refused["data"]["code"] == "invalid_api_key"
