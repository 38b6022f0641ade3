"""The largest value that the OTLP door takes, read, searched and scrolled in the Payload tab in Chromium.

    python3 manage.py bench payload [--mib 63.9] [--rounds 3] [--json FILE]

Starts the product on an empty data folder, sends one span whose output is JSON of that size, and opens it in a window
of its own each round (PLAYHEAD_TEST_CHROMIUM, else `/usr/bin/chromium`). Times are the page's own clock: rows from the
start of the navigation, the find from the key stroke to the tally of a text that stands at the very end, a scroll from
the moved bar to the rows that belong there.

Memory is that of the tab's process, which its worker shares, sampled while the value is read in another window without
DevTools: these keep a copy of every answer for as long as they are attached, as Playwright is.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import secrets
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from playwright.sync_api import Page, sync_playwright

from bench._product import run_product
from bench.traces import encode_request, make_attribute

CHROMIUM = os.environ.get("PLAYHEAD_TEST_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
EMAIL = "bench@localhost"
TRACE, SPAN = "beef" * 8, "0123456789abcdef"
NEEDLE = "the needle at the very end"
SCROLLS = 40
_PATIENCE_MS = 120_000
_SAMPLE_SECONDS = 0.05
_IDLE_SECONDS = 3.0

_WATCH = """() => {
  window.longTasks = [];
  new PerformanceObserver((list) => {
    for (const task of list.getEntries()) window.longTasks.push(task.duration);
  }).observe({ type: "longtask", buffered: true });
}"""
_HAS_ROWS = "() => document.querySelector('.pl-row') && performance.now()"
_IS_READ = """() => {
  const said = document.querySelector('.pl-facts')?.textContent ?? '';
  return said.includes('bytes') && !said.includes(' read') && performance.now();
}"""
_FIND = """async (text) => {
  const field = document.querySelector('.pl-find input'), tally = document.querySelector('.pl-tally');
  const begun = performance.now();
  field.value = text;
  field.dispatchEvent(new Event('input', { bubbles: true }));
  while (tally.textContent !== '1 of 1') await new Promise(requestAnimationFrame);
  while (!document.querySelector('mark.is-current')) await new Promise(requestAnimationFrame);
  return performance.now() - begun;
}"""
_SCROLL = """async (share) => {
  const bar = document.querySelector('.pl-scroll');
  const first = () => document.querySelector('.pl-row .pl-line')?.textContent;
  const before = first(), begun = performance.now();
  bar.scrollTop = (bar.scrollHeight - bar.clientHeight) * share;
  while (first() === before) await new Promise(requestAnimationFrame);
  return performance.now() - begun;
}"""


@dataclass(frozen=True)
class Result:
    """One opening of the value."""

    first_rows_ms: float
    whole_ms: float
    find_ms: float
    scroll_p95_ms: float
    longest_task_ms: float
    memory_mb: float = 0.0
    """The most that the tab's process held at once, of its own."""
    resident_mb: float = 0.0
    """The most that was resident, with the pages that it shares with the browser's other processes."""


@dataclass(frozen=True)
class Visit:
    """Where the product is, and who visits it."""

    url: str
    email: str
    password: str

    def sign_in(self, page: Page) -> str:
        """Sign in, and return the address of the trace."""
        page.goto(f"{self.url}/accounts/login/")
        page.locator("input[name=login]").fill(self.email)
        page.locator("input[name=password]").fill(self.password)
        page.keyboard.press("Enter")
        page.wait_for_url("**/o/**")
        return f"{page.url.split('/overview')[0]}/traces/{TRACE}/"


def main() -> None:
    """Run the rounds and print their medians."""
    parser = argparse.ArgumentParser(prog="manage.py bench payload", description=__doc__)
    parser.add_argument("--mib", type=float, default=63.9)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the rounds to this file")
    given = parser.parse_args()
    password = secrets.token_urlsafe(12)
    with run_product(environment={"PLAYHEAD_ADMIN_EMAIL": EMAIL, "PLAYHEAD_ADMIN_PASSWORD": password}) as product:
        size = send_value(product.url, product.api_key, mib=given.mib)
        print(f"{size:,} bytes stored", flush=True)
        results = [_run_round(Visit(product.url, EMAIL, password)) for _ in range(given.rounds)]
    print("median:", _describe(_median(results)))
    if given.json:
        given.json.write_text(json.dumps([asdict(result) for result in results], indent=2))


def send_value(url: str, api_key: str, *, mib: float = 63.9) -> int:
    """Store a span whose output is JSON of this size, and return how many bytes that are.

    63.9 MiB is about the most: the door takes bodies of 64 MiB, of which 8 MiB where they come compressed.
    """
    value = _make_value(round(mib * 2**20))
    now = time.time_ns()
    span = Span(
        trace_id=bytes.fromhex(TRACE),
        span_id=bytes.fromhex(SPAN),
        name="export_orders",
        start_time_unix_nano=now - 10**9,
        end_time_unix_nano=now,
        attributes=[
            make_attribute("openinference.span.kind", "TOOL"),
            make_attribute("output.value", value),
            make_attribute("output.mime_type", "application/json"),
        ],
    )
    body = gzip.compress(encode_request([span]), 6)
    headers = {"api-key": api_key, "Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    request = urllib.request.Request(f"{url}/v1/traces", body, headers)
    with urllib.request.urlopen(request, timeout=120) as response:
        response.read()
    return len(value.encode())


def _make_value(size: int) -> str:
    """Rows of an export, which compress as such rows do, and the needle after them."""
    chance = random.Random(1)
    words = ("käse", "order", "shipped", "customer", "refund", "delay", "whale", "東京", "invoice")
    rows: list[str] = []
    length = 0
    while length < size - 200:
        name = " ".join(chance.choices(words, k=2) * 6)
        row = json.dumps({"id": len(rows), "name": name, "score": len(rows) % 7, "ok": True}, ensure_ascii=False)
        rows.append(row)
        length += len(row.encode()) + 2
    return f'{{"rows": [{", ".join(rows)}], "last": {json.dumps(NEEDLE)}}}'


def _run_round(visit: Visit) -> Result:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        page = browser.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        timed = measure_payload(page, visit.sign_in(page))
        browser.close()
    own, resident = measure_memory(visit)
    result = replace(timed, memory_mb=own, resident_mb=resident)
    print(_describe(result), flush=True)
    return result


def measure_payload(page: Page, address: str) -> Result:
    """Open the output of a trace's first event in a window that is signed in, and work with it; no memory."""
    page.add_init_script(f"({_WATCH})()")
    page.goto(f"{address}?tab=payload&field=output")
    first_rows = page.wait_for_function(_HAS_ROWS).json_value()
    whole = page.wait_for_function(_IS_READ).json_value()
    find = page.evaluate(_FIND, NEEDLE)
    # The last rows are in view: the first place is far from them, and each is far from the one before.
    scrolls = sorted(page.evaluate(_SCROLL, number * 37 % 97 / 97) for number in range(SCROLLS))
    return Result(
        first_rows_ms=first_rows,
        whole_ms=whole,
        find_ms=find,
        scroll_p95_ms=scrolls[int(len(scrolls) * 0.95)],
        longest_task_ms=page.evaluate("() => Math.max(0, ...window.longTasks)"),
    )


def measure_memory(visit: Visit) -> tuple[float, float]:
    """Return the most that the tab held while it read the value: its own MB, and all that was resident."""
    with _run_chromium() as (process, debugger):
        with sync_playwright() as playwright:
            browser = playwright.chromium.connect_over_cdp(debugger)
            address = visit.sign_in(browser.contexts[0].pages[0])
            browser.close()
        known = {renderer.pid for renderer in _list_renderers(process)}
        opened = urllib.request.Request(f"{debugger}/json/new?{address}?tab=payload%26field=output", method="PUT")
        urllib.request.urlopen(opened, timeout=20).close()
        return _watch_until_idle(process, known)


@contextmanager
def _run_chromium() -> Iterator[tuple[psutil.Process, str]]:
    with tempfile.TemporaryDirectory(prefix="playhead-bench-", ignore_cleanup_errors=True) as folder:
        given = [CHROMIUM, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={folder}", *ARGUMENTS]
        browser = subprocess.Popen(given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = Path(folder) / "DevToolsActivePort"
            while not (port.exists() and port.read_text()):
                time.sleep(_SAMPLE_SECONDS)
            yield psutil.Process(browser.pid), f"http://127.0.0.1:{port.read_text().split()[0]}"
        finally:
            browser.terminate()
            browser.wait(timeout=20)


def _list_renderers(browser: psutil.Process) -> list[psutil.Process]:
    found = []
    for process in browser.children(recursive=True):
        with suppress(psutil.Error):
            if "--type=renderer" in " ".join(process.cmdline()):
                found.append(process)
    return found


def _watch_until_idle(browser: psutil.Process, known: set[int]) -> tuple[float, float]:
    """Sample the renderers that are not among the known, until they have rested for a while."""
    own = resident = spent = 0.0
    busy_at = begun = time.monotonic()
    while time.monotonic() - busy_at < _IDLE_SECONDS and time.monotonic() - begun < _PATIENCE_MS / 1000:
        time.sleep(_SAMPLE_SECONDS)
        used = 0.0
        for process in _list_renderers(browser):
            if process.pid in known:
                continue
            with suppress(psutil.Error):
                held = process.memory_full_info()
                own, resident = max(own, held.uss / 2**20), max(resident, held.rss / 2**20)
                used += sum(process.cpu_times()[:2])
        if used - spent > 0.1:
            busy_at, spent = time.monotonic(), used
    return own, resident


def _median(results: list[Result]) -> Result:
    rows = [asdict(result) for result in results]
    return Result(**{name: statistics.median(row[name] for row in rows) for name in rows[0]})


def _describe(result: Result) -> str:
    return (
        f"first rows {result.first_rows_ms:.0f} ms, whole {result.whole_ms:.0f} ms, find {result.find_ms:.0f} ms, "
        f"scroll p95 {result.scroll_p95_ms:.0f} ms, longest task {result.longest_task_ms:.0f} ms, "
        f"memory {result.memory_mb:.0f} MB own, {result.resident_mb:.0f} MB resident"
    )


if __name__ == "__main__":
    main()
