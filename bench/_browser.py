"""Chromium on a running product, and what can be measured in it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, Response, sync_playwright

CHROMIUM = os.environ.get("PLAYHEAD_TEST_CHROMIUM", "/usr/bin/chromium")
_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
_ROWS = ".tl-row:not([hidden])"
_IS_READ = "() => document.getElementById('progress').textContent === ''"

# Asks for the next frame and measures when it comes, while the page does one step of the script in each.
_FRAMES = """async ({ frames, step, zooms }) => {
  const scroller = document.querySelector(".tl-scroll");
  const zoomIn = document.querySelector("[data-timeline=zoom-in]");
  const zoomOut = document.querySelector("[data-timeline=zoom-out]");
  const gaps = [];
  let last = await new Promise(requestAnimationFrame);
  for (let frame = 0; frame < frames; frame++) {
    if (zooms) (frame % 20 < 10 ? zoomIn : zoomOut).click();
    else scroller.scrollTop += frame < frames / 2 ? step : -step;
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
  }
  const sorted = gaps.toSorted((a, b) => a - b);
  return { fps: 1000 / (gaps.reduce((a, b) => a + b) / frames), p95_ms: sorted[Math.floor(frames * 0.95)] };
}"""


@dataclass(frozen=True)
class Visit:
    """A signed-in window and the address of the project it looks at."""

    browser: Browser
    page: Page
    project_url: str

    def open_trace(self, trace_id: str, query: str = "") -> dict[str, float]:
        """Open a trace; return seconds until its first rows, and until all its events are there."""
        started = time.perf_counter()
        self.page.goto(f"{self.project_url}/traces/{trace_id}/{query}", wait_until="commit")
        self.page.wait_for_selector(_ROWS)
        first = time.perf_counter() - started
        self.page.wait_for_function(_IS_READ, polling=20, timeout=90_000)
        return {"rows_s": first, "all_s": time.perf_counter() - started}

    def open_and_press(self, trace_id: str) -> float:
        """Open a trace and press a key as soon as there are rows; return seconds until the key has moved the row."""
        started = time.perf_counter()
        self.page.goto(f"{self.project_url}/traces/{trace_id}/", wait_until="commit")
        self.page.wait_for_selector(_ROWS)
        self.page.keyboard.press("j")
        self.page.wait_for_selector(".tl-row.is-active")
        return time.perf_counter() - started

    def open_event(self, trace_id: str, span_id: str) -> float:
        """Open a deep link; return seconds until its row is selected and in view."""
        started = time.perf_counter()
        self.page.goto(f"{self.project_url}/traces/{trace_id}/?event={span_id}", wait_until="commit")
        self.page.wait_for_selector(".tl-row.is-selected", timeout=90_000)
        return time.perf_counter() - started

    def count_frames(self, *, frames: int = 240, step: int = 0, zooms: bool = False) -> dict[str, float]:
        """Scroll by `step` pixels with every frame, down and back, or zoom; return frames a second and their p95."""
        found: dict[str, float] = self.page.evaluate(_FRAMES, {"frames": frames, "step": step, "zooms": zooms})
        return found

    def read_memory_mb(self) -> float:
        """Return the proportional memory of the largest renderer process: the tab's, in MB."""
        session = self.browser.new_browser_cdp_session()
        listed: list[dict[str, Any]] = session.send("SystemInfo.getProcessInfo")["processInfo"]
        session.detach()
        pids = [int(process["id"]) for process in listed if process["type"] == "renderer"]
        return max(psutil.Process(pid).memory_full_info().pss / 2**20 for pid in pids)

    def collect_garbage(self) -> None:
        """Let the page give back what it no longer uses; Chromium would wait until memory is short."""
        session = self.page.context.new_cdp_session(self.page)
        session.send("HeapProfiler.collectGarbage")
        session.detach()

    def time_page(self, address: str, selector: str) -> float:
        """Open a page of the project; return seconds until an element is there."""
        started = time.perf_counter()
        self.page.goto(f"{self.project_url}/{address}", wait_until="commit")
        self.page.wait_for_selector(selector, timeout=60_000)
        return time.perf_counter() - started

    def weigh_page(self, address: str) -> dict[str, float]:
        """Open a page with an empty cache; return its own scripts and styles in KB, and those of packages."""
        context = self.browser.new_context(storage_state=self.page.context.storage_state())
        page = context.new_page()
        answers: list[Response] = []
        # Playwright cannot mark what is built in as a listener.
        page.on("response", lambda answer: answers.append(answer))
        page.goto(f"{self.project_url}/{address}", wait_until="networkidle")
        weighed = {"own_kb": 0.0, "packages_kb": 0.0}
        for answer in answers:
            if answer.request.resource_type in ("script", "stylesheet") and answer.ok:
                key = "packages_kb" if "/django_htmx/" in answer.url else "own_kb"
                weighed[key] += len(answer.body()) / 1024
        context.close()
        return weighed


@contextmanager
def visit(url: str, *, email: str, password: str) -> Iterator[Visit]:
    """Start Chromium and sign in, which leads to the project."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.goto(f"{url}/accounts/login/")
        page.fill("input[name=login]", email)
        page.fill("input[name=password]", password)
        page.click("button[type=submit]")
        page.wait_for_url("**/o/**")
        parts = page.url.split("/")
        yield Visit(browser=browser, page=page, project_url="/".join(parts[: parts.index("p") + 2]))
        browser.close()
