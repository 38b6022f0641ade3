"""The demo as a service: it waits, survives its server, and takes its children with it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable

import psutil
import pytest

from demo.options import Pacer
from demo.runner import Sent
from tests.demo.conftest import START_SECONDS, StartDemo
from tests.receiver import DEBUG_PATH, Receiver, run_receiver

pytestmark = pytest.mark.slow


def _wait_until(is_so: Callable[[], object], *, seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def _has_both(received: Receiver) -> bool:
    return bool(received.list_events() and received.list_spans())


def test_demo__server_comes_late_and_restarts__keeps_sending(start_demo: StartDemo) -> None:
    with run_receiver() as found:
        port = int(found.url.rpartition(":")[2])
    demo = start_demo("--url", found.url, "--rate", "120")

    with run_receiver(port=port) as first:
        _wait_until(lambda: _has_both(first))
    time.sleep(2)
    with run_receiver(port=port) as second:
        _wait_until(lambda: _has_both(second))

    assert demo.poll() is None


def _list_printed_traces(received: Receiver) -> set[str]:
    bodies = [json.loads(request.body) for request in received.requests if request.path == DEBUG_PATH]
    return {line["trace"] for body in bodies for line in body["events"] if "trace" in line}


def test_demo__sigterm__flushes_and_ends_well(start_demo: StartDemo) -> None:
    """By then the extension has printed of runs that were sent, too."""
    with run_receiver() as received:
        demo = start_demo("--url", received.url, "--rate", "120")
        _wait_until(lambda: _has_both(received) and _list_printed_traces(received))

        demo.send_signal(signal.SIGTERM)
        printed, _ = demo.communicate(timeout=30)

        events = [event for batch in received.list_batches() for event in batch["events"]]
        names = [event["name"] for event in events]
        sent = {event.get("traceId") for event in events} | {span.trace_id.hex() for span in received.list_spans()}
    assert demo.returncode == 0
    assert "runs sent" in printed
    assert names[-1] == "__session_end__"
    assert _list_printed_traces(received) <= sent


def test_demo__killed__takes_its_children_with_it(start_demo: StartDemo) -> None:
    with run_receiver() as received:
        demo = start_demo("--url", received.url, "--rate", "60")
        _wait_until(lambda: _has_both(received))
        children = psutil.Process(demo.pid).children(recursive=True)

        demo.kill()

        _, alive = psutil.wait_procs(children, timeout=30)
    assert len(children) == 4
    assert alive == []


async def test_pacer__behind_its_time__does_not_catch_up_in_a_burst() -> None:
    pacer = Pacer(per_minute=600)
    pacer.next_at -= 10

    await pacer.wait()
    started = time.monotonic()
    await pacer.wait()
    await pacer.wait()

    assert time.monotonic() - started >= 0.1


def test_sent__reports_of_children__are_counted_by_workflow() -> None:
    sent = Sent()

    for line in ('{"trace": "a", "workflow": "chatHandler"}', '{"case": 1}', '{"unsent": 2}'):
        sent.add(json.loads(line))

    assert sent.describe() == "1 runs sent (chatHandler 1)"
    assert (sent.cases, sent.unsent) == (1, 2)
