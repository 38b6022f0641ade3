"""Clients that do what a patient SDK does: send again until they are answered. They keep what was acknowledged."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

_RETRY_SECONDS = 0.1


@dataclass
class Flood:
    """What the clients of one flood did."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    """Output by trace id, of every event whose request was answered 202 with the event accepted or known."""
    refused: int = 0
    """Requests answered 503, and those whose connection broke."""
    unexpected: list[str] = field(default_factory=list)
    is_over: bool = False

    def wait_for(self, count: int, *, seconds: float = 60) -> None:
        """Wait until so many events were acknowledged in all."""
        deadline = time.monotonic() + seconds
        while len(self.acknowledged) < count:
            assert time.monotonic() < deadline, (
                f"{len(self.acknowledged)} of {count} acknowledged, {self.refused} refused"
            )
            time.sleep(0.02)


@contextmanager
def run_flood(url: str, key: str, *, clients: int = 4, name: str = "flood") -> Iterator[Flood]:
    """Send from several clients while the block runs; each request is retried until it is answered."""
    flood = Flood()
    threads = [threading.Thread(target=_send, args=(flood, url, key, f"{name}{number}")) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield flood
    finally:
        flood.is_over = True
        for thread in threads:
            thread.join(timeout=60)


def _send(flood: Flood, url: str, key: str, session: str) -> None:
    with httpx.Client(base_url=url, headers={"api-key": key}, timeout=10) as client:
        number = 0
        while not flood.is_over:
            number += 1
            events = {f"{session}::{number}::{place}": f"{session} {number} {place} " * 20 for place in range(5)}
            body = json.dumps({"sessionId": session, "events": [_make_event(*item) for item in events.items()]})
            if _send_until_answered(flood, client, body):
                flood.acknowledged |= events


def _make_event(trace_id: str, output: str) -> dict[str, object]:
    place = int(trace_id.rsplit("::", 1)[1])
    return {
        "id": place + 1,
        "type": "tool",
        "name": "lookup",
        "traceId": trace_id,
        "input": {"trace": trace_id},
        "output": output,
        "durationMs": 3,
        "timestamp": int(time.time() * 1000),
    }


def _send_until_answered(flood: Flood, client: httpx.Client, body: str) -> bool:
    """Return whether the request was acknowledged before the flood was over."""
    while True:
        try:
            answer = client.post("/api/observability/events", content=body)
        except httpx.TransportError:
            flood.refused += 1
        else:
            if answer.status_code == 202:
                rejected = answer.json()["rejected"]
                flood.unexpected += [item["reason"] for item in rejected]
                return not rejected
            flood.refused += 1
            if answer.status_code != 503 or "retry-after" not in answer.headers:
                flood.unexpected.append(f"{answer.status_code} {answer.text[:200]}")
        if flood.is_over:
            return False
        time.sleep(_RETRY_SECONDS)
