"""What the pages' bars say, measured in Chromium on the whole product. What the API takes: `bench read`.

    python3 manage.py bench page [--stored 10000000] [--events 100000] [--tries 5] [--json FILE]

Besides a trace of 1,000 events, one of `--events` and two of 10,000 to compare, the product holds `--stored` further
events (see `bench/seed.py`). Seconds count from the moment an address is asked for. A scroll moves 120 pixels with
every frame, down and back, a fast one 600. Memory is the tab's renderer process, what it shares with others counted in
part. How long after a commit the page changes: `bench live`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from pathlib import Path
from typing import Any

from bench._browser import Visit, visit
from bench._product import Product, run_product
from bench.seed import ENVIRONMENT, Seeded, say, seed

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
Figures = dict[str, Any]


def main() -> None:
    """Seed, measure, print."""
    parser = argparse.ArgumentParser(prog="manage.py bench page", description=__doc__)
    parser.add_argument("--stored", type=int, default=10_000_000)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    environment = ENVIRONMENT | {"PLAYHEAD_ADMIN_EMAIL": _EMAIL, "PLAYHEAD_ADMIN_PASSWORD": _PASSWORD}
    with run_product(environment=environment) as product:
        seeded = seed(product, events=given.stored, long_events=given.events)
        figures = _measure(product, seeded, tries=given.tries)
    figures |= {"cpus": os.cpu_count(), "stored": given.stored, "events": given.events}
    print(make_table(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))


def _measure(product: Product, seeded: Seeded, *, tries: int) -> Figures:
    figures: Figures = {}
    with visit(product.url, email=_EMAIL, password=_PASSWORD) as visitor:
        say("pages")
        figures |= _measure_long(visitor, seeded, tries=tries)
        figures |= _measure_pages(visitor, seeded, tries=tries)
        long = seeded.long.trace_id
        figures["kb"] = {address: visitor.weigh_page(address.format(trace=long)) for address in _PAGES}
    return figures


def _measure_long(visitor: Visit, seeded: Seeded, *, tries: int) -> Figures:
    long = seeded.long
    visitor.open_trace(seeded.small.trace_id)
    pressed = [visitor.open_and_press(seeded.small.trace_id) for _ in range(tries)]
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


def _measure_pages(visitor: Visit, seeded: Seeded, *, tries: int) -> Figures:
    compared = f"compare/?left={seeded.left.trace_id}&right={seeded.right.trace_id}"
    pages = {
        "trace list page": ("traces/", "tr[data-trace]"),
        "overview page": ("overview/", "figure.chart-box"),
        "compare page, 10,000 and 10,000 events": (compared, ".cmp-row:not([hidden])"),
        "flow tab of the long trace": (f"traces/{seeded.long.trace_id}/?tab=flow", ".flow-node"),
    }
    return {"page_s": {name: [visitor.time_page(*page) for _ in range(tries)] for name, page in pages.items()}}


def make_table(figures: Figures) -> str:
    """Return the figures as tables in Markdown."""
    rows = ["| In Chromium | median | worst | bar |", "|---|---|---|---|"]
    for name, key, unit, bar, is_least in (
        ("1,000 events: rows and a key that moved them", "small_interactive_s", "s", "1", False),
        ("long trace: first rows", "long_rows_s", "s", "1.5", False),
        ("long trace: all events read", "long_all_s", "s", "", False),
        ("long trace: event at 95 % selected by its address", "deep_link_s", "s", "", False),
        ("scrolling, 120 px a frame", "scroll_fps", "fps", "50", True),
        ("scrolling, 600 px a frame", "fast_scroll_fps", "fps", "50", True),
        ("zooming", "zoom_fps", "fps", "", True),
    ):
        rows.append(_make_row(name, figures[key], unit, bar, is_least=is_least))
    rows += [_make_row(name, taken, "s", "") for name, taken in figures["page_s"].items()]
    read, most, held = (figures[f"memory_{when}"] for when in ("mb", "after_scrolling_mb", "held_mb"))
    rows.append(f"| memory of the tab, all read / after scrolling | {read:.0f} MB | {most:.0f} MB | 300 |")
    rows.append(f"| the same, once garbage is collected | {held:.0f} MB | | |")
    heaviest = max(figures["kb"].items(), key=lambda item: item[1]["own_kb"])
    rows.append(f"| heaviest page's own script and style: {heaviest[0]} | {heaviest[1]['own_kb']:.0f} KB | | 300 |")
    return "\n".join(rows)


def _make_row(name: str, taken: list[float], unit: str, bar: str, *, is_least: bool = False) -> str:
    worst = min(taken) if is_least else max(taken)
    digits = 0 if unit == "fps" else 2
    return f"| {name} | {statistics.median(taken):.{digits}f} {unit} | {worst:.{digits}f} {unit} | {bar} |"


if __name__ == "__main__":
    main()
