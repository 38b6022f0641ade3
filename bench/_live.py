"""How long after its commit an event is on the page, while others come in."""

from __future__ import annotations

import http.client
import secrets
import threading
import time
from urllib.parse import urlsplit

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench._browser import Visit
from bench._product import Product
from bench.traces import MILLISECOND, encode_request, make_requests

_PROBES = 60
_EVERY_S = 0.25
_REQUESTS_A_SECOND = 3

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


def time_commits(product: Product, visitor: Visit) -> list[float]:
    """Return milliseconds from each probe's answer to its row, at `_REQUESTS_A_SECOND` requests of ten other traces."""
    stop = threading.Event()
    others = threading.Thread(target=_send_others, args=(product, stop))
    others.start()
    try:
        found: list[float] = []
        # A page shows about twenty rows: some probes in each of several traces.
        while len(found) < _PROBES:
            found += _probe_trace(product, visitor, probes=12)
    finally:
        stop.set()
        others.join()
    return found


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


def _send_others(product: Product, stop: threading.Event) -> None:
    door = _Door(product)
    for body, _ in make_requests(3_000, seed=77):
        if stop.wait(1 / _REQUESTS_A_SECOND):
            return
        door.send_encoded(body)
