"""How long after its commit a change is on the page, while events come in at a given rate; and how many hints it takes.

    python3 manage.py bench live [--rate 1000] [--probes 120] [--json FILE]

Requests of ten traces (130 events) come in on a schedule, whatever the answers take. Meanwhile one tab of Chromium
looks at the trace list of the same project and another at a running trace, which is sent a probe every quarter of a
second. A commit is on the page when the row that names the probe is filled, counted from when its request was answered.
Hints are counted as each tab's WebSocket receives them: the project's by the list, the trace's by the other.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import secrets
import statistics
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from playwright.sync_api import Page

from bench._api import find_percentile
from bench._browser import Visit, visit
from bench._product import Product, run_product
from bench.seed import say
from bench.traces import MILLISECOND, encode_request, make_requests

_EMAIL, _PASSWORD = "bench@example.com", "bench-pages-password"
_EVENTS_A_REQUEST = 130
_SENDERS = 4
_EVERY_S = 0.25
_WARM_UP_S = 3.0

# Notes when a row that names a probe is filled, by the clock that this process reads too.
_WATCH = """() => {
  window.seen = {};
  const look = (row) => {
    const name = row.querySelector(".tl-title")?.textContent ?? "";
    if (name.startsWith("probe ")) window.seen[name] ??= Date.now() / 1000;
  };
  const rows = document.querySelector(".tl-space");
  new MutationObserver(() => rows.querySelectorAll(".tl-row:not([hidden])").forEach(look))
    .observe(rows, { childList: true, subtree: true, characterData: true, attributes: true });
}"""

Figures = dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="manage.py bench live", description=__doc__)
    parser.add_argument("--rate", type=int, default=1_000, help="events a second beside the probes")
    parser.add_argument("--probes", type=int, default=120)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    environment = {"PLAYHEAD_ADMIN_EMAIL": _EMAIL, "PLAYHEAD_ADMIN_PASSWORD": _PASSWORD}
    with run_product(environment=environment) as product:
        figures = measure(product, rate=given.rate, probes=given.probes)
    print(make_table(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))


def measure(product: Product, *, rate: int, probes: int) -> Figures:
    """Return milliseconds from answer to row, what came in meanwhile, and hints in every second of each group."""
    others = _Others(product, rate)
    with visit(product.url, email=_EMAIL, password=_PASSWORD) as visitor:
        # The project is there from the first event on.
        _Door(product).send_encoded(next(iter(make_requests(10, seed=1)))[0])
        tab = visitor.browser.contexts[0].new_page()
        of_project = _Hints(tab)
        tab.goto(f"{visitor.project_url}/traces/")
        tab.wait_for_selector("#live[data-state=live]")
        of_trace = _Hints(visitor.page)
        say(f"{rate:,} events a second")
        others.start()
        try:
            visitor.page.wait_for_timeout(_WARM_UP_S * 1000)
            of_project.clear()
            of_trace.clear()
            began = time.monotonic()
            found: list[float] = []
            # A page shows about twenty rows: some probes in each of several traces.
            while len(found) < probes:
                found += _probe_trace(product, visitor, probes=12)
            ended = time.monotonic()
            hints = {"project": of_project.summarize(), "trace": of_trace.summarize()}
        finally:
            others.stop()
        tab.close()
    return {
        "cpus": os.cpu_count(),
        "wanted_rate": rate,
        "rate": others.count_between(began, ended) / (ended - began),
        "commit_ms": found,
        "request_ms": others.taken,
        "hints_a_second": hints,
    }


class _Hints:
    """When the WebSockets of a tab received a hint, by the browser's own clock."""

    def __init__(self, page: Page) -> None:
        self._at: list[float] = []
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        # Playwright cannot mark what is built in as a listener.
        session.on("Network.webSocketFrameReceived", lambda frame: self._take(frame))

    def clear(self) -> None:
        """Forget what came so far."""
        self._at.clear()

    def summarize(self) -> dict[str, float]:
        """Return how many came in a second, on average and at most."""
        at = sorted(self._at)
        most = max((sum(first <= moment < first + 1.0 for moment in at) for first in at), default=0)
        return {"mean": (len(at) - 1) / (at[-1] - at[0]) if len(at) > 1 else 0.0, "most": most}

    def _take(self, frame: dict[str, Any]) -> None:
        if json.loads(frame["response"]["payloadData"]).get("type") == "trace.changed":
            self._at.append(frame["timestamp"])


class _Others:
    """Sends other traces on a schedule, over a few connections, and notes how long the answers take."""

    def __init__(self, product: Product, rate: int) -> None:
        self._product = product
        self._pause_s = _EVENTS_A_REQUEST / rate
        self._stop = threading.Event()
        self._sent: list[tuple[float, int]] = []
        self._threads = [threading.Thread(target=self._send, args=(place,)) for place in range(_SENDERS)]
        self.taken: list[float] = []

    def start(self) -> None:
        """Begin."""
        self._begun = time.monotonic() + 0.5
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End, and wait until what is under way is answered."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def count_between(self, began: float, ended: float) -> int:
        """Return how many events were answered in a stretch of time."""
        return sum(events for at, events in self._sent if began <= at < ended)

    def _send(self, place: int) -> None:
        door = _Door(self._product)
        for number, (body, events) in enumerate(make_requests(100_000, seed=70 + place)):
            due = self._begun + (number * _SENDERS + place) * self._pause_s
            if self._stop.wait(max(0.0, due - time.monotonic())):
                return
            started = time.monotonic()
            door.send_encoded(body)
            self._sent.append((time.monotonic(), events))
            self.taken.append((time.monotonic() - started) * 1000)


def _probe_trace(product: Product, visitor: Visit, *, probes: int) -> list[float]:
    trace_id, root = secrets.token_bytes(16), secrets.token_bytes(8)
    door = _Door(product)
    door.send(_make_span(trace_id, root, b"", "watched", is_running=True))
    visitor.open_trace(trace_id.hex())
    visitor.page.wait_for_selector("#live[data-state=live]")
    visitor.page.evaluate(_WATCH)
    answered = {}
    for number in range(probes):
        name = f"probe {number}"
        door.send(_make_span(trace_id, secrets.token_bytes(8), root, name))
        answered[name] = time.time()
        visitor.page.wait_for_timeout(_EVERY_S * 1000)
    visitor.page.wait_for_timeout(3000)
    seen: dict[str, float] = visitor.page.evaluate("() => window.seen")
    missing = answered.keys() - seen.keys()
    if missing:
        raise SystemExit(f"These never came to the page: {sorted(missing)}")
    return [max(0.0, seen[name] - at) * 1000 for name, at in answered.items()]


def _make_span(trace_id: bytes, span_id: bytes, parent: bytes, name: str, *, is_running: bool = False) -> Span:
    now = time.time_ns()
    end = 0 if is_running else now + MILLISECOND
    return Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent,
        name=name,
        start_time_unix_nano=now,
        end_time_unix_nano=end,
    )


class _Door:
    """A kept connection to the OTLP door."""

    def __init__(self, product: Product) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(product.url).netloc, timeout=60)
        self._headers = {"api-key": product.api_key, "Content-Type": "application/x-protobuf"}

    def send(self, *spans: Span) -> None:
        """Send spans as one request and wait for the answer, which comes after the commit."""
        self.send_encoded(encode_request(list(spans)))

    def send_encoded(self, body: bytes) -> None:
        """Send an encoded request."""
        self._connection.request("POST", "/v1/traces", body, self._headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise SystemExit(f"The product refused events: {response.status} {answer[:200]!r}")


def _summarize(taken: list[float]) -> tuple[float, float]:
    return statistics.median(taken), find_percentile(taken, 0.95)


def make_table(figures: Figures) -> str:
    """Return the figures as a table in Markdown."""
    commits, requests, hints = figures["commit_ms"], figures["request_ms"], figures["hints_a_second"]
    rows_ms = " / ".join(f"{value:.0f}" for value in (*_summarize(commits), max(commits)))
    requests_ms = " / ".join(f"{value:.0f}" for value in _summarize(requests))
    rows = [
        "| | | bar |",
        "|---|---|---|",
        f"| events a second beside the probes | {figures['rate']:,.0f} | {figures['wanted_rate']:,} |",
        f"| commit to row, p50 / p95 / worst of {len(commits)} | {rows_ms} ms | 500 ms |",
        f"| the others' requests, p50 / p95 | {requests_ms} ms | |",
    ]
    for group, seen in hints.items():
        rows.append(
            f"| hints of the {group}'s group in a second, mean / most | {seen['mean']:.1f} / {seen['most']} | 5 |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    main()
