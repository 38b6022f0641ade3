"""From a posted result to stored evaluations, through a real Celery worker on a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import httpx
import msgspec
import pytest
from asgiref.sync import sync_to_async
from celery.contrib.testing.worker import start_worker
from channels.layers import get_channel_layer
from django.db import connections

from config.celery import app
from observability import live
from observability.models import Project
from observability.services.keys import NewKey
from reruns.models import Evaluation
from reruns.services.judges import set_judge
from tests.reruns.conftest import PATIENCE_SECONDS, wait_until

API = "/api/observability"
CHECKS = [
    {"type": "llm-judge", "prompt": "Is it polite?"},
    {"type": "output-contains", "substrings": ["tarp"]},
    {"type": "determinism"},
]


class _Judge(ThreadingHTTPServer):
    """Answers when it is let."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.may_answer = Event()


class _Handler(BaseHTTPRequestHandler):
    server: _Judge

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.may_answer.wait(PATIENCE_SECONDS)
        reply = msgspec.json.encode({"choices": [{"message": {"content": '{"score": 8}'}}]})
        self.send_response(200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def judge() -> Iterator[_Judge]:
    with _Judge() as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.may_answer.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def worker() -> Iterator[None]:
    """A worker of threads, as `up` runs one."""
    app.control.purge()
    with start_worker(app, pool="threads", concurrency=4, perform_ping_check=False, shutdown_timeout=30):
        yield
    connections.close_all()


def _list_done() -> set[tuple[int, str, str]]:
    rows = Evaluation.objects.values_list("run__number", "type", "status")
    return {(number, kind, status) for number, kind, status in rows}


async def test_result__posted__is_checked_by_a_worker_and_pages_hear_of_it(
    trace: str, project: Project, rerun_key: NewKey, url: str, judge: _Judge, worker: None
) -> None:
    address = f"http://127.0.0.1:{judge.server_port}/v1"
    await sync_to_async(set_judge)(project_id=project.pk, base_url=address, model="m", key="")
    async with httpx.AsyncClient(base_url=url, headers={"api-key": rerun_key.text}, timeout=20) as http:
        body = {"traceId": trace, "runCount": 2, "evaluations": CHECKS}
        asked = (await http.post(f"{API}/workflow-reruns", json=body)).json()
        path = f"{API}/triggers/{asked['triggerId']}"
        layer = get_channel_layer()
        assert layer is not None
        channel = await layer.new_channel()
        await layer.group_add(live.rerun_group(project.pk, asked["triggerId"]), channel)

        await http.post(f"{path}/results", json={"ok": True, "output": "a tarp"})
        # The judge has not answered anybody; all that does not need it is known, but for what waits for the second run.
        await wait_until(lambda: _list_done() == {(1, "output-contains", "passed")})
        await http.post(f"{path}/results", json={"ok": True, "output": "a rope"})
        await wait_until(lambda: len(_list_done()) == 4)
        judge.may_answer.set()
        await wait_until(lambda: len(_list_done()) == 6)
        shown = (await http.get(path)).json()

        heard = 0
        async with asyncio.timeout(PATIENCE_SECONDS):
            while heard < shown["version"]:
                message = await layer.receive(channel)
                assert message["type"] == "rerun.changed"
                heard = message["rerun"][1]
    assert await sync_to_async(_list_done)() == {
        (1, "output-contains", "passed"),
        (2, "output-contains", "failed"),
        (1, "determinism", "failed"),
        (2, "determinism", "failed"),
        (1, "llm-judge", "passed"),
        (2, "llm-judge", "passed"),
    }
    assert [check["outcome"] for check in shown["checks"]] == ["passed", "failed", "failed"]
