"""From a request to an SDK and back, over real sockets."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from observability.models import Project
from observability.services.keys import NewKey
from reruns.models import SdkConnection
from tests.reruns.conftest import TRACE, Sdk

API = "/api/observability"


@pytest.fixture
def http(url: str, rerun_key: NewKey) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers={"api-key": rerun_key.text}, timeout=20)


async def _ask_workflow(http: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    response = await http.post(f"{API}/workflow-reruns", json={"traceId": TRACE, **body})
    assert response.status_code == 201, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def test_workflow__sdk_connected__is_sent_run_and_completed(
    trace: str, project: Project, rerun_key: NewKey, url: str, http: httpx.AsyncClient
) -> None:
    sdk = Sdk(url, key=rerun_key.text)
    await sdk.register(workflows=["chat"])

    asked = await _ask_workflow(http)
    signal = await sdk.hear("trigger")
    config = (await http.get(f"/api/run-configs/{signal['runConfigId']}")).json()
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
