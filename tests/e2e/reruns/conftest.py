"""A run of `chat` to run again, and an SDK that does so over a real socket, in a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from django.db import connections

from observability.models import Project
from observability.services.keys import NewKey
from reruns.models import SdkConnection
from tests.e2e.conftest import PATIENCE_MS
from tests.reruns.conftest import TRACE, Sdk, rerun_key, write_trace

__all__ = ["rerun_key"]

CALLS = [("tool", "search"), ("tool", "price"), ("ai", "gpt-4o-mini"), ("http", "fetch"), ("db", "pg.query")]


@pytest.fixture
def chat(db: None, store: None, project: Project, browser: object) -> str:
    """The id of a stored run of `chat`, whose workflow answered."""
    in_thread(lambda: write_trace(project, output=b'{"answer": "A tarp for 19.90"}'))
    return TRACE


def in_thread(work: Callable[[], Any]) -> Any:
    """Do what needs an event loop of its own: Playwright keeps one in this thread."""

    def run() -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(run).result()


class Worker:
    """An SDK that registers `chat` and runs it when it is told to.

    `price` is what its tool answers for real, `inputs` are those of its calls; cleared, `went_on` makes it wait before
    it answers.
    """

    def __init__(self, url: str, key: str) -> None:
        self.url, self.key = url, key
        self.price: Any = 24.5
        self.inputs: list[Any] = [
            "tarp",
            {"sku": "A"},
            {"messages": []},
            {"url": "https://shop.example", "method": "GET"},
            "SELECT 1",
        ]
        self.went_on = threading.Event()
        self.went_on.set()
        self.heard: list[dict[str, Any]] = []
        self.failure: BaseException | None = None
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def start(self) -> None:
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._connect(), self.loop).result(PATIENCE_MS / 1000)
        wait_until(lambda: SdkConnection.objects.filter(workflows=["chat"], closed_at=None).exists())

    def stop(self) -> None:
        self.went_on.set()
        asyncio.run_coroutine_threadsafe(self.sdk.close(), self.loop).result(PATIENCE_MS / 1000)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE_MS / 1000)
        self.loop.close()
        if self.failure is not None:
            raise self.failure

    async def _connect(self) -> None:
        self.sdk = Sdk(self.url, key=self.key)
        self.sdk.client.on("trigger", self._take)
        await self.sdk.register(tools=["search", "price"], workflows=["chat"], sdkVersion="0.1.25", branch="main")

    async def _take(self, signal: dict[str, Any]) -> None:
        self.heard.append(signal)
        try:
            await asyncio.to_thread(self._run, signal)
        except Exception as error:
            self.failure = error

    def _run(self, signal: dict[str, Any]) -> None:
        with httpx.Client(base_url=self.url, headers={"api-key": self.key}, timeout=20) as client:
            if signal["mode"] == "step":
                self._answer_steps(client, signal)
                return
            for index in range(signal["runCount"]):
                self._run_workflow(client, signal, index)

    def _run_workflow(self, client: httpx.Client, signal: dict[str, Any], index: int) -> None:
        """Make the five calls in their order: frozen ones are answered from the recording, and sent as such."""
        config = client.get(f"/api/run-configs/{signal['runConfigId']}").raise_for_status().json()
        frozen = {event["id"]: event for event in config["frozenEvents"]}
        price: Any = 19.9
        for number, ((kind, name), given) in enumerate(zip(CALLS, self.inputs, strict=True), start=1):
            event = frozen.get(number)
            output = event["output"] if event else self.price if name == "price" else {"live": name}
            if name == "price":
                price = output
            sent = {
                "id": number,
                "type": kind,
                "name": name,
                "input": given,
                "output": output,
                "timestamp": int(time.time() * 1000) + number,
                "durationMs": 3,
            }
            body = {"runId": signal["runConfigId"], "runIndex": index, "event": sent}
            client.post("/api/trace-events", json=body).raise_for_status()
        self.went_on.wait(PATIENCE_MS / 1000)
        answer = {"answer": f"A tarp for {price:.2f}"}
        result = {"mode": "workflow", "workflowName": "chat", "ok": True, "output": answer, "durationMs": 120 + index}
        self._post(client, signal, result | {"runIndex": index})

    def _answer_steps(self, client: httpx.Client, signal: dict[str, Any]) -> None:
        runs = [{"ok": True, "output": self.price, "durationMs": 7}] * signal["runCount"]
        steps = [{"originalEventDbId": one["originalEventDbId"], "runs": runs} for one in signal["steps"]]
        self._post(client, signal, {"mode": "step", "steps": steps})

    def _post(self, client: httpx.Client, signal: dict[str, Any], body: dict[str, Any]) -> None:
        client.post(f"/api/observability/triggers/{signal['triggerId']}/results", json=body).raise_for_status()


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait for what another process brings about."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


Ask = Callable[..., int]


@pytest.fixture
def ask(chat: str, site: str, rerun_key: NewKey) -> Ask:
    """Ask the running server for a rerun of the workflow, and return its number."""

    def post(**body: Any) -> int:
        headers = {"api-key": rerun_key.text}
        answer = httpx.post(
            f"{site}/api/observability/workflow-reruns", json={"traceId": chat, **body}, headers=headers
        )
        assert answer.status_code == 201, answer.text
        return int(answer.json()["triggerId"])

    return post


@pytest.fixture
def worker(chat: str, site: str, rerun_key: NewKey) -> Iterator[Worker]:
    """An SDK of session `session-1` that is connected and takes reruns."""
    made = Worker(site, rerun_key.text)
    made.start()
    yield made
    made.stop()
