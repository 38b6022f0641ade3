"""From a request to an SDK and back, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connections

from observability.models import Project, User
from observability.services.keys import NewKey
from observability.services.purge import delete_trace
from reruns.models import Delivery, Run, SdkConnection, Trigger
from reruns.services.delivery import deliver_waiting
from tests.reruns.conftest import SESSION, TRACE, Sdk, find_ids
from tests.reruns.sockets.test_server import _make_viewer

API = "/api/observability"


class Http(httpx.AsyncClient):
    """Calls the API with a key that may rerun."""

    async def ask(self, path: str, **body: Any) -> dict[str, Any]:
        """Ask for a rerun and return the answer."""
        response = await self.post(f"{API}/{path}", json=body)
        assert response.status_code == 201, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def ask_workflow(self, **body: Any) -> dict[str, Any]:
        """Ask for the stored workflow."""
        return await self.ask("workflow-reruns", traceId=TRACE, **body)

    async def read(self, trigger_id: int) -> dict[str, Any]:
        """Return a rerun as the API shows it."""
        answer: dict[str, Any] = (await self.get(f"{API}/triggers/{trigger_id}")).json()
        return answer


@pytest_asyncio.fixture
async def http(url: str, rerun_key: NewKey) -> AsyncIterator[Http]:
    async with Http(base_url=url, headers={"api-key": rerun_key.text}, timeout=20) as client:
        yield client


async def test_workflow__sdk_connected__is_sent_run_and_completed(
    trace: str, rerun_key: NewKey, url: str, http: Http
) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register(workflows=["chat"])

    asked = await http.ask_workflow()
    signal = await sdk.hear("trigger")
    config = (await http.get(f"/api/run-configs/{signal['runConfigId']}")).json()
    fetched = await http.read(asked["triggerId"])
    result = {"mode": "workflow", "workflowName": "chat", "ok": True, "output": {"text": "A tarp."}, "durationMs": 12}
    taken = (await http.post(f"{API}/triggers/{signal['triggerId']}/results", json=result)).json()
    again = (await http.post(f"{API}/triggers/{signal['triggerId']}/results", json=result)).json()

    assert asked["status"] == "sent"
    assert signal == {
        "triggerId": asked["triggerId"],
        "runCount": 1,
        "mode": "workflow",
        "steps": [],
        "workflowName": "chat",
        "workflowInput": {"question": "tarp?"},
        "runConfigId": asked["runConfigId"],
    }
    assert [event["id"] for event in config["frozenEvents"]] == [1, 2, 3, 4, 5]
    assert fetched["status"] == "running"
    assert (taken["status"], taken["accepted"]) == ("completed", 1)
    assert (again["status"], again["accepted"], again["duplicates"]) == ("completed", 0, 1)
    await sdk.close()


async def test_connection__opened_and_closed__is_a_row_that_says_so(
    project: Project, rerun_key: NewKey, url: str
) -> None:
    sdk = Sdk(url, key=rerun_key.text)

    answer = await sdk.register(tools=[{"name": "search"}], workflows=["chat"], branch="main", sdkVersion="0.1.25")
    row = await SdkConnection.objects.aget()
    heard = await sdk.hear("auth:ok")
    await sdk.close()

    assert answer == {"ok": True, "projectId": project.pk, "mayRerun": True}
    assert heard == {"projectId": project.pk}
    assert (row.tools, row.workflows, row.branch, row.sdk_version) == (["search"], ["chat"], "main", "0.1.25")
    assert row.is_open


async def test_steps__of_a_trace__are_sent_with_their_inputs_and_answered_one_by_one(
    trace: str, project: Project, rerun_key: NewKey, url: str, http: Http
) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()
    ids = await sync_to_async(find_ids)(project)

    asked = await http.ask("step-reruns", traceId=TRACE, eventDbIds=[ids["a"], ids["c"]], runCount=2)
    signal = await sdk.hear("trigger")
    results = {"results": [{"ok": True, "output": n, "error": None, "durationMs": 1, "usage": None} for n in (1, 2)]}
    first = (await http.post(f"{API}/events/{ids['a']}/reruns", json=results)).json()
    second = (await http.post(f"{API}/events/{ids['c']}/reruns", json=results)).json()

    assert signal["mode"] == "step"
    assert signal["runCount"] == 2
    assert signal["steps"] == [
        {"eventType": "tool", "eventName": "search", "originalEventDbId": ids["a"], "input": "tarp"},
        {
            "eventType": "ai",
            "eventName": "gpt-4o-mini",
            "originalEventDbId": ids["c"],
            "input": {"messages": []},
            "provider": "openai",
            "model": "gpt-4o-mini",
        },
    ]
    assert (first["status"], first["accepted"]) == ("running", 2)
    assert (second["status"], second["triggerId"]) == ("completed", asked["triggerId"])
    await sdk.close()


async def test_steps__all_of_a_trace__are_calls_and_nothing_else(
    trace: str, rerun_key: NewKey, url: str, http: Http
) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()

    await http.ask("step-reruns", traceId=TRACE)

    signal = await sdk.hear("trigger")
    assert [step["eventType"] for step in signal["steps"]] == ["tool", "tool", "ai", "http", "db"]
    await sdk.close()


async def test_portal_task__answered_over_the_socket__is_completed_and_viewers_hear(
    trace: str, project: Project, rerun_key: NewKey, url: str, http: Http, owner: User
) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()
    viewer = await _make_viewer(url, owner, project)
    await viewer.connect()
    ids = await sync_to_async(find_ids)(project)

    asked = await http.ask("portal-tasks", eventDbId=ids["a"], input={"q": "stove"})
    task = await sdk.hear("portal:task")
    result = {"taskId": task["taskId"], "ok": True, "output": [3], "durationMs": 4, "usage": None}
    answer = await sdk.say("portal:result", result)

    assert task == {"taskId": asked["taskId"], "type": "tool", "name": "search", "input": {"q": "stove"}}
    assert answer == {"ok": True, "status": "completed", "accepted": 1}
    heard = await viewer.hear("portal:result")
    assert heard == {"triggerId": asked["triggerId"], "taskId": asked["taskId"], "status": "completed", "ok": True}
    assert (await http.read(asked["triggerId"]))["runItems"][0]["output"] == [3]
    await sdk.close()
    await viewer.close()


async def test_portal_task__answered_over_http__is_completed(rerun_key: NewKey, url: str, http: Http) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()

    await http.ask("portal-tasks", type="ai", name="gpt", input="hi", modelParameters={"temperature": 0})
    task = await sdk.hear("portal:task")
    taken = await http.post(
        f"/api/portal/results/{task['taskId']}", json={"taskId": task["taskId"], "ok": False, "error": "no key"}
    )

    assert task["modelParameters"] == {"temperature": 0}
    assert taken.json()["status"] == "failed"
    await sdk.close()


async def test_direct__workflow_rerun__is_answered_over_the_socket(
    trace: str, rerun_key: NewKey, url: str, http: Http
) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()

    asked = await http.ask_workflow(direct=True, workflowInput=None)
    signal = await sdk.hear("workflow:rerun")
    result = {"triggerId": signal["triggerId"], "runConfigId": signal["runConfigId"], "ok": False, "error": "boom"}
    answer = await sdk.say("workflow:rerun:result", result)

    assert signal["workflowInput"] is None
    assert answer["status"] == "failed"
    assert (await http.read(asked["triggerId"]))["detail"] == "boom"
    await sdk.close()


async def test_sessions__two_of_a_project__only_the_addressed_one_hears(
    trace: str, rerun_key: NewKey, url: str, http: Http
) -> None:
    sender = Sdk(url, key=rerun_key.text)
    other = Sdk(url, key=rerun_key.text, session_id="session-2")
    await sender.register()
    await other.register(workflows=["chat"])

    await http.ask_workflow()
    await sender.hear("trigger")
    await http.ask_workflow(sessionId="session-2")
    await other.hear("trigger")
    await asyncio.gather(sender.say("ping", {}), other.say("ping", {}))

    assert not sender.has_heard("trigger")
    assert not other.has_heard("trigger")
    await sender.close()
    await other.close()


async def test_sessions__of_another_project__hear_and_answer_nothing(
    trace: str, rerun_key: NewKey, foreign_key: NewKey, url: str, http: Http
) -> None:
    foreign = Sdk(url, key=foreign_key.text, session_id="elsewhere")
    await foreign.register(workflows=["chat"])

    asked = await http.ask_workflow()
    await foreign.say("ping", {})
    answer = await foreign.say("workflow:rerun:result", {"triggerId": asked["triggerId"], "ok": True})
    headers = {"api-key": foreign_key.text}
    posted = await http.post(f"{API}/triggers/{asked['triggerId']}/results", json={"ok": True}, headers=headers)
    config = await http.get(f"{API}/run-configs/{asked['runConfigId']}", headers=headers)

    assert asked["status"] == "pending"
    assert not foreign.has_heard("trigger")
    assert answer["error"]["code"] == "not_found"
    assert (posted.status_code, config.status_code) == (404, 404)
    await foreign.close()


async def test_sessions__of_one_project__cannot_answer_for_one_another(
    trace: str, rerun_key: NewKey, url: str, http: Http
) -> None:
    sender = Sdk(url, key=rerun_key.text)
    other = Sdk(url, key=rerun_key.text, session_id="session-2")
    await sender.register()
    await other.register()

    asked = await http.ask_workflow()
    answer = await other.say("workflow:rerun:result", {"triggerId": asked["triggerId"], "ok": True})

    assert answer["error"]["code"] == "not_found"
    await sender.close()
    await other.close()


async def test_sdk__absent__trigger_waits_and_goes_out_when_it_registers(
    trace: str, rerun_key: NewKey, url: str, http: Http
) -> None:
    asked = await http.ask_workflow()
    sdk = Sdk(url, key=rerun_key.text, session_id="session-9")

    await sdk.register()
    signal = await sdk.hear("trigger")

    assert (asked["status"], asked["detail"]) == ("pending", "No SDK that takes reruns is connected.")
    assert signal["triggerId"] == asked["triggerId"]
    assert (await http.read(asked["triggerId"]))["sessionId"] == "session-9"
    await sdk.close()


async def test_sdk__offline_in_the_middle__hears_the_same_trigger_again(
    trace: str, rerun_key: NewKey, url: str, http: Http
) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()
    asked = await http.ask_workflow()
    await sdk.hear("trigger")
    await sdk.close()

    back = Sdk(url, key=rerun_key.text)
    await back.register()
    signal = await back.hear("trigger")

    assert signal["triggerId"] == asked["triggerId"]
    channels = [item["channel"] for item in (await http.read(asked["triggerId"]))["deliveries"]]
    assert channels == ["socket", "register"]
    await back.close()


async def test_sdk__another_one_comes_after_it_was_sent__does_not_run_it_twice(
    trace: str, rerun_key: NewKey, url: str, http: Http
) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()
    await http.ask_workflow()
    await sdk.close()

    other = Sdk(url, key=rerun_key.text, session_id="session-2")
    await other.register(workflows=["chat"])
    await other.say("ping", {})

    assert not other.has_heard("trigger")
    await other.close()


async def test_portal_task__sent_and_lost__is_not_sent_again(rerun_key: NewKey, url: str, http: Http) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()
    await http.ask("portal-tasks", type="tool", name="charge", input={"cents": 100})
    await sdk.hear("portal:task")
    await sdk.close()

    back = Sdk(url, key=rerun_key.text)
    await back.register()
    await back.say("ping", {})

    assert not back.has_heard("portal:task")
    await back.close()


async def test_answer__too_large_for_the_socket__is_noted_and_can_be_posted(
    rerun_key: NewKey, url: str, http: Http
) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()
    asked = await http.ask("portal-tasks", type="tool", name="dump", input=None)
    task = await sdk.hear("portal:task")
    result = {"taskId": task["taskId"], "ok": True, "output": "x" * (3 * 2**20)}

    answer = await sdk.say("portal:result", result)
    noted = await http.read(asked["triggerId"])
    taken = await http.post(f"/api/portal/results/{task['taskId']}", json=result)

    assert answer["error"]["code"] == "too_large"
    assert (noted["status"], "larger results are posted" in noted["detail"]) == ("sent", True)
    assert taken.json()["status"] == "completed"
    shown = (await http.read(asked["triggerId"]))["runItems"][0]
    assert (shown["output"], shown["outputBytes"]) == (None, 3 * 2**20 + 2)
    assert shown["outputPreview"].startswith('"xxx')
    await sdk.close()


async def test_process__gone_without_a_word__is_noticed_when_it_is_asked(
    trace: str, project: Project, rerun_key: NewKey, url: str, http: Http
) -> None:
    await SdkConnection.objects.acreate(
        sid="gone", project=project, session_id=SESSION, process="killed", key=rerun_key.key, may_rerun=True
    )

    asked = await http.ask_workflow()

    row = await SdkConnection.objects.aget()
    assert (asked["status"], asked["detail"]) == ("pending", "The web process of its socket is gone.")
    assert not row.is_open
    assert await Delivery.objects.filter(is_delivered=False).acount() == 1


async def test_sweep__trigger_left_waiting__goes_out(
    trace: str, project: Project, rerun_key: NewKey, url: str, http: Http
) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()
    asked = await http.ask_workflow()
    await sdk.hear("trigger")
    await Trigger.objects.filter(pk=asked["triggerId"]).aupdate(state="pending", session_id="", sent_at=None)

    sent = await asyncio.to_thread(_sweep)

    assert sent == 1
    assert (await sdk.hear("trigger"))["triggerId"] == asked["triggerId"]
    await sdk.close()


def _sweep() -> int:
    """Sweep as Celery would: not in the thread that the sockets' own queries run in."""
    try:
        return deliver_waiting()
    finally:
        connections.close_all()


async def test_source__deleted_meanwhile__fails_the_trigger_and_says_so(
    trace: str, project: Project, rerun_key: NewKey, url: str, http: Http
) -> None:
    asked = await http.ask_workflow()
    await sync_to_async(delete_trace)(project_id=project.pk, trace_id=TRACE)
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register()

    ended = await http.read(asked["triggerId"])
    assert (ended["status"], ended["detail"]) == ("failed", "It cannot be sent: No such trace.")
    assert not sdk.has_heard("trigger")
    assert await Run.objects.filter(answered_at=None).acount() == 1
    await sdk.close()
