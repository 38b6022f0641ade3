"""A run's own events, sent one by one: they become the trace of the run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.test import override_settings

from observability.models import Event, Project, Trace
from observability.services.keys import NewKey
from reruns.models import RerunPolicy, Run, RunConfig, Trigger
from tests.ingest.sdk.batches import TIMESTAMP_MS, TRACE_ID, make_body, make_event
from tests.reruns.test_state_machine import ask

PATH = "/api/trace-events"


@pytest_asyncio.fixture
async def http(url: str, rerun_key: NewKey) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, headers={"api-key": rerun_key.text}, timeout=20) as client:
        yield client


async def _ask(project: Project, **options: Any) -> str:
    await sync_to_async(ask)(project, **options)
    return str((await RunConfig.objects.aget()).pk)


async def test_event__of_a_run__is_stored_in_the_run_s_trace(
    trace: str, project: Project, http: httpx.AsyncClient
) -> None:
    run_id = await _ask(project)

    first = await http.post(PATH, json={"runId": run_id, "event": make_event(id=1, name="search")})
    second = await http.post(PATH, json={"runId": run_id, "event": make_event(id=2, name="price")})

    run = await Run.objects.aget()
    stored = Trace.objects.filter(project_id=project.pk, trace_id=run.trace_id)
    assert (first.status_code, first.json()["accepted"], second.json()["accepted"]) == (202, 2, 1)
    assert [row async for row in stored.values_list("workflow_name", "event_count", "tags")] == [("chat", 3, ["rerun"])]
    assert [row["trace_id"] for row in (await http.get("/api/observability/traces")).json()["items"]] == [trace]
    asked = (await http.get("/api/observability/traces", params={"q": "flag:rerun"})).json()["items"]
    assert [(row["trace_id"], row["flags"]) for row in asked] == [(run.trace_id, ["rerun"])]
    assert (await Trigger.objects.aget()).state == "running"


async def test_event__model_call_that_says_when_it_ended__the_root_begins_before_it_began(
    trace: str, project: Project, http: httpx.AsyncClient
) -> None:
    call = make_event(type="ai", name="gpt-4o", input={"llmRequest": {}}, timestamp=TIMESTAMP_MS, durationMs=400)

    await http.post(PATH, json={"runId": await _ask(project), "event": [call]})

    run = await Run.objects.aget()
    stored = Event.objects.filter(trace_id=run.trace_id).order_by("started_at")
    assert [kind async for kind in stored.values_list("kind", flat=True)] == ["workflow", "ai"]


async def test_event__workflow_of_the_sdk_s_own__is_the_root(
    trace: str, project: Project, http: httpx.AsyncClient
) -> None:
    call = make_event(id=1, name="search")
    whole = make_event(id=0, type="workflow", name="chat", output="done", timestamp=TIMESTAMP_MS - 5, durationMs=900)

    sent = await http.post(PATH, json={"runId": await _ask(project), "event": [call, whole]})

    run = await Run.objects.aget()
    roots = Event.objects.filter(trace_id=run.trace_id, kind="workflow")
    assert sent.json()["accepted"] == 2
    assert [row async for row in roots.values_list("output_preview", "duration_ms")] == [("done", 900)]


async def test_event__sent_again__is_a_duplicate(trace: str, project: Project, http: httpx.AsyncClient) -> None:
    body = {"runId": await _ask(project), "event": make_event()}
    await http.post(PATH, json=body)

    assert (await http.post(PATH, json=body)).json()["duplicates"] == 1


async def test_event__of_the_second_run__is_another_trace(
    trace: str, project: Project, http: httpx.AsyncClient
) -> None:
    run_id = await _ask(project, run_count=2)
    body = {"runId": run_id, "event": make_event()}
    await http.post(PATH, json=body)
    trigger = await Trigger.objects.aget()
    await http.post(f"/api/observability/triggers/{trigger.pk}/results", json={"ok": True})

    await http.post(PATH, json={**body, "event": make_event(timestamp=make_event()["timestamp"] + 1)})

    traces = [trace_id async for trace_id in Run.objects.values_list("trace_id", flat=True)]
    assert len(set(traces)) == 2
    assert await Event.objects.filter(trace_id__in=traces, kind="tool").acount() == 2


async def test_event__first_one_could_not_be_stored__still_brings_the_root(
    trace: str, project: Project, http: httpx.AsyncClient
) -> None:
    run_id = await _ask(project)
    with override_settings(INGEST_QUEUE_BYTES=-1):
        refused = await http.post(PATH, json={"runId": run_id, "event": make_event()})

    taken = await http.post(PATH, json={"runId": run_id, "event": make_event()})

    assert (refused.status_code, taken.json()["accepted"]) == (503, 2)


async def test_batch__with_the_run_s_id__becomes_the_run_s_trace(
    trace: str, project: Project, http: httpx.AsyncClient
) -> None:
    run_id = await _ask(project, run_count=2)
    batch = make_body(make_event(id=1), make_event(id=2, name="price", timestamp=TIMESTAMP_MS + 9), runId=run_id)

    answers = [await http.post("/api/observability/events", content=batch) for _ in range(2)]

    assert [answer.json()["duplicates"] for answer in answers] == [0, 2]
    assert [run.trace_id async for run in Run.objects.order_by("number")] == [TRACE_ID, ""]
    assert (await Trigger.objects.aget()).state == "running"
    listed = (await http.get("/api/observability/traces")).json()["items"]
    assert [row["trace_id"] for row in listed] == [trace]


async def test_batch__run_of_another_project_or_of_none__is_stored_and_linked_to_nothing(
    trace: str, project: Project, foreign_key: NewKey, http: httpx.AsyncClient
) -> None:
    run_id = await _ask(project)

    foreign = await http.post(
        "/api/observability/events",
        content=make_body(make_event(), runId=run_id),
        headers={"api-key": foreign_key.text},
    )
    unknown = await http.post("/api/observability/events", content=make_body(make_event(), runId="no run"))

    assert (foreign.json()["accepted"], unknown.json()["accepted"]) == (1, 1)
    assert (await Run.objects.aget()).trace_id == ""
    assert (await Trigger.objects.aget()).state == "pending"


async def test_event__bad_one__is_named_and_answered_202(trace: str, project: Project, http: httpx.AsyncClient) -> None:
    answer = await http.post(PATH, json={"runId": await _ask(project), "event": {"type": "tool"}})

    assert answer.status_code == 202
    assert "timestamp" in answer.json()["rejected"][-1]["reason"]


async def test_event__without_a_key__is_taken_only_where_the_project_lets_it(
    trace: str, project: Project, http: httpx.AsyncClient
) -> None:
    body = {"runId": await _ask(project), "event": make_event()}
    nobody = {"api-key": ""}

    refused = await http.post(PATH, json=body, headers=nobody)
    await RerunPolicy.objects.acreate(project=project, is_open_to_run_ids=True)
    taken = await http.post(PATH, json=body, headers=nobody)

    assert (refused.status_code, taken.status_code) == (401, 202)


async def test_event__of_another_project_or_of_no_run__is_not_found(
    trace: str, project: Project, foreign_key: NewKey, http: httpx.AsyncClient
) -> None:
    body = {"runId": await _ask(project), "event": make_event()}

    foreign = await http.post(PATH, json=body, headers={"api-key": foreign_key.text})
    unknown = await http.post(PATH, json={**body, "runId": "nothing"})
    nonsense = await http.post(PATH, content=b"[")

    assert (foreign.status_code, unknown.status_code, nonsense.status_code) == (404, 404, 400)


async def test_event__wrong_method_or_key__is_refused(http: httpx.AsyncClient) -> None:
    assert (await http.get(PATH)).status_code == 405
    assert (await http.post(PATH, json={}, headers={"api-key": "ed_0.never"})).status_code == 401
