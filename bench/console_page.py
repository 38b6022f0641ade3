"""Whether the page of the debug console stays fluid while lines flood in, in Chromium on the whole product.

    python3 manage.py bench console_page [--rate 834] [--minutes 5] [--json FILE]

An emulated runner publishes lines at a rate, 50,000 a minute unless told otherwise, and the page follows them. Every
frame that the browser draws is timed, in stretches of ten seconds; the heap is read after a collection of garbage, once
the page holds as many lines as it ever does and again at the end. At the end the page must have had, or counted as not
shown, every line that was published.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from bench._browser import Visit, visit
from bench._product import ROOT, run_product
from bench.seed import say

_EMAIL, _PASSWORD = "bench@example.com", "bench-console-password"
_LIMIT = 5_000
_EVERY_MS = 10_000
_FULL_AFTER = 2
"""Stretches after which the page holds 5,000 lines at 50,000 a minute, and lets the oldest go."""

_COUNT_FRAMES = """() => {
  let last = performance.now();
  window.benchGaps = [];
  const tick = (now) => {
    window.benchGaps.push(now - last);
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""
_TAKE_FRAMES = "() => window.benchGaps.splice(0)"
_READ_PAGE = """() => {
  const digits = (text) => Number(text.replace(/\\D/g, "") || 0);
  const held = document.querySelector("[data-meter=held]");
  return {
    state: document.getElementById("state").textContent,
    lines: digits(held.dataset.lines),
    not_shown: digits(document.querySelector("[data-meter-box=dropped]").dataset.count),
    nodes: document.querySelectorAll("*").length,
  };
}"""
Figures = dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="manage.py bench console_page", description=__doc__)
    parser.add_argument("--rate", type=int, default=834, help="lines a second")
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    environment = {
        "DEBUG_CONSOLE_ENABLED": "true",
        "PLAYHEAD_ADMIN_EMAIL": _EMAIL,
        "PLAYHEAD_ADMIN_PASSWORD": _PASSWORD,
    }
    with tempfile.TemporaryDirectory(prefix="playhead-bench-") as folder:
        data = Path(folder) / "data"
        with run_product(data=data, environment=environment) as product:
            own = os.environ | {"PLAYHEAD_DATA": str(data)}
            made = json.loads(_run([sys.executable, "-m", "bench._console_sessions", "0", str(_LIMIT)], own))
            with visit(product.url, email=_EMAIL, password=_PASSWORD) as visitor:
                figures = _measure(visitor, made, own, given)
    print(make_table(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))


def _measure(visitor: Visit, made: Figures, environment: dict[str, str], given: argparse.Namespace) -> Figures:
    page = visitor.page
    page.goto(f"{visitor.project_url}/debug/{made['number']}/")
    page.wait_for_function("() => document.getElementById('state').textContent === 'live'")
    say(f"{given.rate} lines a second for {given.minutes:g} minutes")
    page.evaluate(_COUNT_FRAMES)
    command = [sys.executable, "manage.py", "debug_emit", "--tenant", made["tenant"], "--extension", made["extension"]]
    command += ["--rate", str(given.rate), "--seconds", str(given.minutes * 60)]
    stretches: list[Figures] = []
    heaps: list[float] = []
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as emitter:
        while emitter.poll() is None:
            page.wait_for_timeout(_EVERY_MS)
            stretches.append(_sum_up(page.evaluate(_TAKE_FRAMES)) | page.evaluate(_READ_PAGE))
            if len(stretches) == _FULL_AFTER:
                heaps.append(_read_heap_mb(visitor))
                page.evaluate(_TAKE_FRAMES)
        published = int(emitter.communicate()[0].split()[0])
    page.wait_for_function(
        "(count) => Number(document.querySelector('[data-meter=held]').dataset.lines)"
        " + Number(document.querySelector('[data-meter-box=dropped]').dataset.count) >= count",
        arg=published,
        timeout=60_000,
    )
    heaps.append(_read_heap_mb(visitor))
    return {
        "cpus": os.cpu_count(),
        "rate": given.rate,
        "published": published,
        "end": page.evaluate(_READ_PAGE),
        # The last one has the end of the flood in it.
        "stretches": stretches[:-1],
        "heap_mb": heaps,
        "tab_mb": visitor.read_memory_mb(),
    }


def _sum_up(gaps: list[float]) -> Figures:
    ordered = sorted(gaps)
    return {
        "fps": 1000 / statistics.mean(gaps),
        "p95_ms": ordered[int(len(ordered) * 0.95)],
        "worst_ms": ordered[-1],
    }


def _read_heap_mb(visitor: Visit) -> float:
    visitor.collect_garbage()
    return _read_metric(visitor.page, "JSHeapUsedSize") / 2**20


def _read_metric(page: Page, name: str) -> float:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    session.detach()
    return float(metrics[name])


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return done.stdout


def make_table(figures: Figures) -> str:
    """Return the figures as a table in Markdown."""
    stretches, end = figures["stretches"], figures["end"]
    fps = [one["fps"] for one in stretches]
    full, last = figures["heap_mb"]
    rows = [
        f"| {figures['rate']} lines/s, {figures['published']:,} in all | | bar |",
        "|---|---|---|",
        f"| frames/s, median / worst ten seconds | {statistics.median(fps):.0f} / {min(fps):.0f} | 30 |",
        f"| a frame, p95 of the worst ten seconds | {max(one['p95_ms'] for one in stretches):.0f} ms | |",
        f"| longest frame | {max(one['worst_ms'] for one in stretches):.0f} ms | |",
        f"| heap with 5,000 lines / at the end, garbage collected | {full:.1f} / {last:.1f} MB | stable |",
        f"| memory of the tab at the end | {figures['tab_mb']:.0f} MB | |",
        f"| elements in the document, most | {max(one['nodes'] for one in stretches):,} | |",
        f"| lines handled / not shown and counted | {end['lines']:,} / {end['not_shown']:,} | all |",
    ]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
