"""However an SDK behaves, the rerun ends in a state that is true, within its time: over real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.utils import timezone

from observability.services.keys import NewKey
from reruns.models import SdkConnection, Trigger
from reruns.services.triggers import expire_triggers
from tests.reruns.conftest import Sdk, wait_until

API = "/api/observability"


class Rerun:
    """A rerun of the stored workflow, asked for over HTTP."""

    def __init__(self, http: httpx.AsyncClient, trigger_id: int) -> None:
        self.http = http
        self.path = f"{API}/triggers/{trigger_id}"

    async def answer(self, **result: Any) -> Any:
        return (await self.http.post(f"{self.path}/results", json={"mode": "workflow", **result})).json()

    async def run_out_of_time(self) -> None:
        """Let its time be over, and the sweep come."""
        await Trigger.objects.aupdate(expires_at=timezone.now() - timedelta(seconds=1))
        await sync_to_async(expire_triggers)()

    async def show(self) -> tuple[str, str, list[tuple[str, Any, bool]]]:
        """Return its state, the detail, and of each run state, output and whether it was late."""
        shown = (await self.http.get(self.path)).json()
        runs = [(run["status"], run["output"], run["isLate"]) for run in shown["runItems"]]
        return shown["status"], shown["detail"], runs


@pytest_asyncio.fixture
async def http(url: str, rerun_key: NewKey) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url, headers={"api-key": rerun_key.text}, timeout=20) as client:
        yield client


async def _ask(http: httpx.AsyncClient, trace: str, **asked: Any) -> Rerun:
    answer = (await http.post(f"{API}/workflow-reruns", json={"traceId": trace, **asked})).json()
    return Rerun(http, answer["triggerId"])


async def _connect(url: str, key: NewKey) -> Sdk:
    sdk = Sdk(url, key=key.text)
    await sdk.register()
    return sdk


async def test_ending__no_sdk_at_all__expires_and_says_so(trace: str, http: httpx.AsyncClient) -> None:
    rerun = await _ask(http, trace)

    await rerun.run_out_of_time()

    assert await rerun.show() == (
        "expired",
        "No SDK that takes reruns is connected.",
        [("expired", None, False)],
    )


async def test_ending__sdk_goes_in_the_middle_and_stays_away__expires_and_keeps_what_came(
    trace: str, url: str, rerun_key: NewKey, http: httpx.AsyncClient
) -> None:
    sdk = await _connect(url, rerun_key)
    rerun = await _ask(http, trace, runCount=2)
    await sdk.hear("trigger")
    await rerun.answer(ok=True, output="first")
    # As a crash does: the connection ends without a word of the protocol.
    await sdk.client.eio.ws.close()
    await wait_until(lambda: not SdkConnection.objects.filter(closed_at=None).exists())

    await rerun.run_out_of_time()

    assert await rerun.show() == (
        "expired",
        "1 of 2 runs were not answered; the SDK session session-1 is not connected any more.",
        [("completed", "first", False), ("expired", None, False)],
    )
    await sdk.close()


async def test_ending__sdk_comes_back_in_time__completes(
    trace: str, url: str, rerun_key: NewKey, http: httpx.AsyncClient
) -> None:
    sdk = await _connect(url, rerun_key)
    rerun = await _ask(http, trace)
    first = await sdk.hear("trigger")
    await sdk.close()

    back = await _connect(url, rerun_key)
    again = await back.hear("trigger")
    await rerun.answer(ok=True, output="done")

    assert first == again
    assert await rerun.show() == ("completed", "", [("completed", "done", False)])
    await back.close()


async def test_ending__sdk_answers_twice__the_first_answer_stays(
    trace: str, url: str, rerun_key: NewKey, http: httpx.AsyncClient
) -> None:
    sdk = await _connect(url, rerun_key)
    rerun = await _ask(http, trace)
    await sdk.hear("trigger")

    taken = [await rerun.answer(ok=True, output=1), await rerun.answer(ok=False, error="no", output=2)]

    assert [(one["accepted"], one["duplicates"], one["status"]) for one in taken] == [
        (1, 0, "completed"),
        (0, 1, "completed"),
    ]
    assert await rerun.show() == ("completed", "", [("completed", 1, False)])
    await sdk.close()


async def test_ending__sdk_answers_when_it_is_over__is_kept_as_late(
    trace: str, url: str, rerun_key: NewKey, http: httpx.AsyncClient
) -> None:
    sdk = await _connect(url, rerun_key)
    rerun = await _ask(http, trace)
    await sdk.hear("trigger")
    await rerun.run_out_of_time()

    taken = await rerun.answer(ok=True, output="late")

    assert (taken["accepted"], taken["status"]) == (1, "expired")
    assert await rerun.show() == ("expired", "1 of 1 runs were not answered.", [("expired", "late", True)])
    await sdk.close()


async def test_ending__sdk_takes_it_and_says_nothing__expires(
    trace: str, url: str, rerun_key: NewKey, http: httpx.AsyncClient
) -> None:
    sdk = await _connect(url, rerun_key)
    rerun = await _ask(http, trace)
    await sdk.hear("trigger")

    await rerun.run_out_of_time()

    assert await rerun.show() == ("expired", "1 of 1 runs were not answered.", [("expired", None, False)])
    await sdk.close()
