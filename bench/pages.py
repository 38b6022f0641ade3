"""What the pages' bars say, measured in Chromium and at the API, on the whole product.

    python3 manage.py bench pages [--traces 770000] [--events 100000] [--tries 5] [--json FILE]

A trace of 1,000 and one of `--events` events (see `bench/_long_trace.py`) come in through the OTLP door, and two of
10,000 to compare; `--traces` further ones are inserted with SQL (`bench/_volume.py`): 770,000 of 13 events are ten
million. Seconds count from the moment an address is asked for. A scroll moves 120 pixels with every frame, down and
back, a fast one 600. A commit is on the page when its row is, from when its request was answered, while thirty
other traces a second come in. Memory is the tab's renderer process, what it shares with others counted in part.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psycopg

from bench._browser import Visit, visit
from bench._live import time_commits
from bench._long_trace import LongTrace, make_long_trace
from bench._product import Product, run_product
from bench._volume import add_traces

_EMAIL, _PASSWORD = "bench@example.com", "bench-pages-password"
_PAGES = (
    "overview/",
    "traces/",
    "steps/",
    "errors/",
    "ingest/",
    "settings/",
    "traces/{trace}/",
    "compare/?left={trace}&right={trace}",
)
_READS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("first page", "traces", {}),
    ("status:error", "traces", {"q": "status:error"}),
    ("workflow:research", "traces", {"q": "workflow:research"}),
    ("status:error workflow:research", "traces", {"q": "status:error workflow:research"}),
    ("cost>0.01 model:gpt*", "traces", {"q": "cost>0.01 model:gpt*"}),
    ("duration>=15s", "traces", {"q": "duration>=15s"}),
    ("tag:canary", "traces", {"q": "tag:canary"}),
    ("user:user-7", "traces", {"q": "user:user-7"}),
    ("a word of 1 in 20", "traces", {"q": "refund"}),
    ("a rare word", "traces", {"q": "word19000"}),
    ("facets", "traces-facets", {}),
    ("facets of status:error", "traces-facets", {"q": "status:error"}),
    ("histogram", "traces-histogram", {}),
    ("figures of 24 hours", "metrics/system", {"days": "1"}),
    ("figures of 30 days", "metrics/system", {"days": "30"}),
    ("errors of 7 days", "errors", {"days": "7"}),
    ("steps of 7 days", "steps", {"days": "7"}),
)
_DEEP_PAGE = 200

Figures = dict[str, Any]


def main() -> None:
    """Seed, measure, print."""
    parser = argparse.ArgumentParser(prog="manage.py bench pages", description=__doc__)
    parser.add_argument("--traces", type=int, default=770_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    environment = {"PLAYHEAD_ADMIN_EMAIL": _EMAIL, "PLAYHEAD_ADMIN_PASSWORD": _PASSWORD}
    with run_product(environment=environment) as product:
        say("seeding")
        runs = {"small": make_long_trace(1_000, seed=1), "long": make_long_trace(given.events, seed=2)}
        runs |= {"left": make_long_trace(10_000, seed=3), "right": make_long_trace(10_000, seed=4)}
        for run in runs.values():
            _send(product, run)
        add_traces(product.database_url, project_id=_read_project(product), traces=given.traces)
        figures = _measure(product, runs, tries=given.tries)
    figures |= {"cpus": os.cpu_count(), "traces": given.traces, "events": given.events}
    print(make_table(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))


def say(text: str) -> None:
    """Tell where it is, and how busy the machine is."""
    print(f"# {text}; load {os.getloadavg()[0]:.1f}", flush=True)


def _send(product: Product, run: LongTrace) -> None:
    headers = {"api-key": product.api_key, "Content-Type": "application/x-protobuf"}
    connection = http.client.HTTPConnection(urlsplit(product.url).netloc, timeout=120)
    for body in run.make_requests():
        while True:
            connection.request("POST", "/v1/traces", body, headers)
            response = connection.getresponse()
            answer = response.read()
            if response.status == 200:
                break
            if response.status not in (429, 503):
                raise SystemExit(f"The product refused events: {response.status} {answer[:200]!r}")
            time.sleep(0.2)
    connection.close()


def _read_project(product: Product) -> int:
    with psycopg.connect(product.database_url) as database:
        row = database.execute("SELECT project_id FROM traces LIMIT 1").fetchone()
    assert row is not None
    return int(row[0])


def _measure(product: Product, runs: dict[str, LongTrace], *, tries: int) -> Figures:
    figures: Figures = {"api_ms": _measure_api(product, runs)}
    with visit(product.url, email=_EMAIL, password=_PASSWORD) as visitor:
        say("pages")
        figures |= _measure_long(visitor, runs, tries=tries)
        figures |= _measure_pages(visitor, runs, tries=tries)
        say("commits")
        figures["commit_ms"] = time_commits(product, visitor)
        long = runs["long"].trace_id
        figures["kb"] = {address: visitor.weigh_page(address.format(trace=long)) for address in _PAGES}
    return figures


def _measure_long(visitor: Visit, runs: dict[str, LongTrace], *, tries: int) -> Figures:
    long = runs["long"]
    visitor.open_trace(runs["small"].trace_id)
    pressed = [visitor.open_and_press(runs["small"].trace_id) for _ in range(tries)]
    opened = [visitor.open_trace(long.trace_id)]
    memory = visitor.read_memory_mb()
    opened += [visitor.open_trace(long.trace_id) for _ in range(tries - 1)]
    say("frames")
    scrolled = [visitor.count_frames(step=120) for _ in range(tries)]
    fast = [visitor.count_frames(step=600) for _ in range(tries)]
    zoomed = [visitor.count_frames(zooms=True) for _ in range(tries)]
    after = visitor.read_memory_mb()
    visitor.collect_garbage()
    held = visitor.read_memory_mb()
    place = len(long.spans) * 95 // 100
    linked = [visitor.open_event(long.trace_id, long.name_span(place)) for _ in range(tries)]
    return {
        "small_interactive_s": pressed,
        "long_rows_s": [one["rows_s"] for one in opened],
        "long_all_s": [one["all_s"] for one in opened],
        "memory_mb": memory,
        "memory_after_scrolling_mb": after,
        "memory_held_mb": held,
        "scroll_fps": [one["fps"] for one in scrolled],
        "fast_scroll_fps": [one["fps"] for one in fast],
        "zoom_fps": [one["fps"] for one in zoomed],
        "deep_link_s": linked,
    }


def _measure_pages(visitor: Visit, runs: dict[str, LongTrace], *, tries: int) -> Figures:
    compared = f"compare/?left={runs['left'].trace_id}&right={runs['right'].trace_id}"
    pages = {
        "trace list page": ("traces/", "tr[data-trace]"),
        "overview page": ("overview/", "figure.chart-box"),
        "compare page, 10,000 and 10,000 events": (compared, ".cmp-row:not([hidden])"),
        "flow tab of the long trace": (f"traces/{runs['long'].trace_id}/?tab=flow", ".flow-node"),
    }
    return {"page_s": {name: [visitor.time_page(*page) for _ in range(tries)] for name, page in pages.items()}}


def _measure_api(product: Product, runs: dict[str, LongTrace], *, reads: int = 20) -> dict[str, list[float]]:
    say("API")
    api = _Api(product)
    found: dict[str, list[float]] = {}
    for name, address, parameters in _READS:
        found[name] = _time(partial(api.read, address, parameters), reads)
    cursor = api.find_cursor(_DEEP_PAGE)
    found[f"page {_DEEP_PAGE}"] = _time(lambda: api.read("traces", {"cursor": cursor}), reads)
    long, pair = runs["long"].trace_id, {"left": runs["left"].trace_id, "right": runs["right"].trace_id}
    found["flow of the long trace"] = _time(lambda: api.read(f"traces/{long}/flow", {}), 5)
    found["comparison of 10,000 and 10,000 events"] = _time(lambda: api.read("compare", pair), 5)
    found["10,000 events"] = _time(
        lambda: api.read(f"traces/{long}/events", {"limit": "10000", "previews": "false"}), 5
    )
    return found


class _Api:
    """Reads of the API over one connection."""

    def __init__(self, product: Product) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(product.url).netloc, timeout=120)
        self._headers = {"api-key": product.api_key}

    def read(self, address: str, parameters: dict[str, str]) -> Any:
        """Return what an address answers; `days` asks for the last ones."""
        given = dict(parameters)
        if days := given.pop("days", None):
            until = time.time()
            moments = {"from": until - int(days) * 86_400, "to": until}
            given |= {name: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for name, at in moments.items()}
        self._connection.request("GET", f"/api/observability/{address}?{urlencode(given)}", headers=self._headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise SystemExit(f"{address} {given} answered {response.status}: {body[:300]!r}")
        return json.loads(body)

    def find_cursor(self, pages: int) -> str:
        """Return the cursor after so many pages of fifty."""
        cursor = ""
        for _ in range(pages // 10):
            page = self.read("traces", {"limit": "500"} | ({"cursor": cursor} if cursor else {}))
            cursor = page["next_cursor"] or cursor
        return cursor


def _time(read: Callable[[], object], times: int) -> list[float]:
    read()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        read()
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def make_table(figures: Figures) -> str:
    """Return the figures as tables in Markdown."""
    rows = ["| In Chromium | median | worst | bar |", "|---|---|---|---|"]
    for name, key, unit, bar, is_least in (
        ("1,000 events: rows and a key that moved them", "small_interactive_s", "s", "1", False),
        ("long trace: first rows", "long_rows_s", "s", "1.5", False),
        ("long trace: all events read", "long_all_s", "s", "", False),
        ("long trace: event at 95 % selected by its address", "deep_link_s", "s", "", False),
        ("scrolling, 120 px a frame", "scroll_fps", "fps", "50", True),
        ("scrolling, 600 px a frame", "fast_scroll_fps", "fps", "", True),
        ("zooming", "zoom_fps", "fps", "", True),
    ):
        rows.append(_make_row(name, figures[key], unit, bar, is_least=is_least))
    rows += [_make_row(name, taken, "s", "") for name, taken in figures["page_s"].items()]
    commits = sorted(figures["commit_ms"])
    p50, p95 = _at(commits, 0.5), _at(commits, 0.95)
    rows.append(f"| commit to row, p50 / p95 of {len(commits)} | {p50:.0f} ms | {p95:.0f} ms | 500 |")
    read, most, held = (figures[f"memory_{when}"] for when in ("mb", "after_scrolling_mb", "held_mb"))
    rows.append(f"| memory of the tab, all read / after scrolling | {read:.0f} MB | {most:.0f} MB | 300 |")
    rows.append(f"| the same, once garbage is collected | {held:.0f} MB | | |")
    heaviest = max(figures["kb"].items(), key=lambda item: item[1]["own_kb"])
    rows.append(f"| heaviest page's own script and style: {heaviest[0]} | {heaviest[1]['own_kb']:.0f} KB | | 300 |")
    rows += ["", f"| API, {figures['traces']:,} traces | p50 | p95 |", "|---|---|---|"]
    for name, taken in figures["api_ms"].items():
        ordered = sorted(taken)
        rows.append(f"| {name} | {_at(ordered, 0.5):.0f} ms | {_at(ordered, 0.95):.0f} ms |")
    return "\n".join(rows)


def _make_row(name: str, taken: list[float], unit: str, bar: str, *, is_least: bool = False) -> str:
    worst = min(taken) if is_least else max(taken)
    digits = 0 if unit == "fps" else 2
    return f"| {name} | {statistics.median(taken):.{digits}f} {unit} | {worst:.{digits}f} {unit} | {bar} |"


def _at(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


if __name__ == "__main__":
    main()
