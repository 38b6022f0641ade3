"""How long the API takes to answer, by how much is stored.

    python3 manage.py bench read [--events 100000 1000000 10000000] [--keep FOLDER] [--tries 40] [--only TEXT]
        [--json FILE] [--plot FILE.svg]

The whole product, seeded (`bench/seed.py`) once a size: 30 days, 20 projects, two fifths of everything in the one that
is read. Seconds count from the request to the last byte of the answer, over one connection. What is asked for differs
from try to try where there is a choice (a user, an order number, a trace). `--keep` seeds into folders of this one, or
finds them seeded; `--only` measures the reads whose name holds a text.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench._api import Api, find_percentile
from bench._copies import FIRST_NUMBER
from bench._plot import Panel, draw_panels
from bench._product import Product, run_product
from bench.seed import ENVIRONMENT, EVENTS_A_TRACE, Seeded, say, seed

_SIZES = (100_000, 1_000_000, 10_000_000)
_DEEP_PAGE = 200
_MOST_SECONDS = 15.0

Question = tuple[str, dict[str, str]]
"""An address of the API, and its parameters."""


@dataclass(frozen=True)
class Read:
    """One thing to ask for. `ask` is given the number of the try; `bars` are p95 in ms by size."""

    name: str
    ask: Callable[[int], Question]
    bars: dict[int, float]


LIST_BARS: dict[int, float] = {100_000: 50, 1_000_000: 50, 10_000_000: 300}
_TEXT_BARS: dict[int, float] = {100_000: 1_000, 1_000_000: 1_000, 10_000_000: 2_000}
_PLOTTED = (
    "first page",
    "page 200",
    "status:error workflow:research",
    "calls of a tool",
    "facets",
    "histogram of 24 hours",
    "figures of 30 days",
    "text: a word of all",
)


def main() -> None:
    """Measure every size, print the table, write what was asked for."""
    parser = argparse.ArgumentParser(prog="manage.py bench read", description=__doc__)
    parser.add_argument("--events", type=int, nargs="+", default=_SIZES)
    parser.add_argument("--keep", type=Path, help="keep the seeded data folders in this one")
    parser.add_argument("--tries", type=int, default=40)
    parser.add_argument("--only", default="")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--plot", type=Path, help="also draw them into this SVG file")
    given = parser.parse_args()
    figures: dict[str, Any] = {"cpus": os.cpu_count(), "sizes": {}}
    for events in given.events:
        with _seeded_product(events, given.keep) as (product, seeded):
            say(f"measuring {events:,} events")
            figures["sizes"][events] = measure(product, seeded, tries=given.tries, only=given.only)
    print(make_table(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1))
    if given.plot:
        given.plot.write_text(make_plot(figures))


@contextmanager
def _seeded_product(events: int, keep: Path | None) -> Iterator[tuple[Product, Seeded]]:
    with run_product(data=keep / f"{events}" if keep else None, environment=ENVIRONMENT) as product:
        yield product, seed(product, events=events)


def measure(product: Product, seeded: Seeded, *, tries: int, only: str = "") -> dict[str, Any]:
    """Return by the name of the read milliseconds, those of processors (of all of the product's processes, whatever
    else they did meanwhile), whether some answer was partial, the p95 bars, and the load of the machine.
    """
    api = Api(product)
    found = {}
    for read in list_reads(api, seeded):
        if only in read.name:
            before = sum(product.read_cpu_seconds().values())
            answers = _repeat(api, read, tries)
            spent = sum(product.read_cpu_seconds().values()) - before
            found[read.name] = {
                "ms": [round(taken, 2) for taken, _ in answers],
                "cpu_ms": round(spent * 1000 / (len(answers) + 1), 1),
                "is_partial": any(is_partial for _, is_partial in answers),
                "bars": read.bars,
                "load": os.getloadavg()[0],
            }
    return found


def _repeat(api: Api, read: Read, tries: int) -> list[tuple[float, bool]]:
    """Ask once unmeasured, then so often, or as often as `_MOST_SECONDS` allow."""
    api.time(*read.ask(tries))
    answers: list[tuple[float, bool]] = []
    end = time.monotonic() + _MOST_SECONDS
    while len(answers) < tries and time.monotonic() < end:
        answers.append(api.time(*read.ask(len(answers))))
    return answers


def list_reads(api: Api, seeded: Seeded) -> list[Read]:
    """Return everything that is measured."""
    return [*_list_lists(api), *_list_steps(api), *_list_figures(api), *_list_texts(), *_list_traces(api, seeded)]


def _list_lists(api: Api) -> Iterator[Read]:
    yield _fixed("first page", "traces")
    yield _fixed(f"page {_DEEP_PAGE}", "traces", cursor=api.find_cursor(_DEEP_PAGE))
    for query in (
        "status:error",
        "status:running",
        "workflow:research",
        "status:error workflow:research",
        "model:gpt-4o*",
        "cost>0.01",
        "duration>=7.3s",
        "tag:canary",
        "workflow:research tag:canary model:claude*",
        "-status:ok cost>0.005 tag:canary",
    ):
        yield _fixed(query, "traces", q=query)
    yield Read("user:user-N", lambda number: ("traces", {"q": f"user:user-{number * 7}"}), LIST_BARS)
    query = "user:user-{} status:error"
    yield Read("user:user-N status:error", lambda number: ("traces", {"q": query.format(number * 7)}), LIST_BARS)
    yield _fixed("nothing: cost>1000", "traces", q="cost>1000")
    yield _fixed("nothing: tag:nothing", "traces", q="tag:nothing")


def _list_steps(api: Api) -> Iterator[Read]:
    prompt = api.read("steps", kind="prompt", limit="1")["items"][0]["key"]
    yield _fixed("calls of a workflow", "steps/workflow/research/calls")
    yield _fixed("calls of a tool", "steps/tool/search_orders/calls")
    yield _fixed("failed calls of a tool", "steps/tool/search_orders/calls", status="error")
    yield _fixed("calls of a prompt", f"steps/prompt/{prompt}/calls")
    cursor = ""
    for _ in range(_DEEP_PAGE // 10):
        page = api.read("steps/tool/search_orders/calls", limit="500", **({"cursor": cursor} if cursor else {}))
        cursor = page["next_cursor"] or cursor
    yield _fixed(f"calls of a tool, page {_DEEP_PAGE}", "steps/tool/search_orders/calls", cursor=cursor)
    yield _fixed("steps of 7 days", "steps", days="7")
    yield _fixed("steps of 30 days", "steps", days="30")
    yield _fixed("health of a tool, 24 hours", "steps/tool/search_orders/health", days="1")
    yield _fixed("health of a workflow, 7 days", "steps/workflow/research/health", days="7")


def _list_figures(api: Api) -> Iterator[Read]:
    yield _fixed("facets", "traces-facets")
    yield _fixed("facets of 24 hours", "traces-facets", days="1")
    yield _fixed("facets of status:error", "traces-facets", q="status:error")
    yield _fixed("facets of workflow:research", "traces-facets", q="workflow:research")
    yield _fixed("histogram of 24 hours", "traces-histogram")
    yield _fixed("histogram of 30 days", "traces-histogram", days="30")
    yield _fixed("histogram of status:error, 30 days", "traces-histogram", days="30", q="status:error")
    for days in ("1", "7", "30"):
        yield _fixed(f"figures of {'24 hours' if days == '1' else f'{days} days'}", "metrics/system", days=days)
    yield _fixed("errors of 24 hours", "errors", days="1")
    yield _fixed("errors of 7 days", "errors", days="7")
    fingerprint = api.read("errors", days="7", sort="count")["items"][0]["fingerprint"]
    yield _fixed("one error, 7 days", f"errors/{fingerprint}", days="7")


def _list_texts() -> Iterator[Read]:
    for name, text in (
        ("a word of all", "order"),
        ("a word of 1 in 20", "refund"),
        ("two words", "refund warranty"),
        ("with status:error", "refund status:error"),
        ("absent", "nowherefound"),
        ("absent, with a word of all", "order nowherefound"),
    ):
        yield Read(f"text: {name}", lambda _, text=text: ("traces", {"q": text}), _TEXT_BARS)  # type: ignore[misc]
    chance = random.Random(1)
    numbers = [str(FIRST_NUMBER + 1 + chance.randrange(7_000)) for _ in range(1_000)]
    yield Read("text: a word of one", lambda number: ("traces", {"q": numbers[number]}), _TEXT_BARS)


def _list_traces(api: Api, seeded: Seeded) -> Iterator[Read]:
    pages = [api.read("traces", limit="500", days=str(30 - day)) for day in (0, 9, 18, 27)]
    ids = [item["trace_id"] for page in pages for item in page["items"] if item["event_count"] == EVENTS_A_TRACE]
    random.Random(1).shuffle(ids)
    small, long = seeded.small.trace_id, seeded.long.trace_id
    yield Read("trace of 13 events", lambda number: (f"traces/{ids[number]}/events", {}), _every(15))
    yield Read("trace of 1,000 events", lambda _: (f"traces/{small}/events", {}), _every(60))
    yield Read("first 1,000 of 100,000 events", lambda _: (f"traces/{long}/events", {}), _every(150))
    many = {"limit": "10000", "previews": "false"}
    yield Read("first 10,000 of 100,000 events", lambda _: (f"traces/{long}/events", many), {})
    yield Read("flow of 100,000 events", lambda _: (f"traces/{long}/flow", {}), {})
    pair = {"left": seeded.left.trace_id, "right": seeded.right.trace_id}
    yield Read("comparison of 10,000 with 10,000 events", lambda _: ("compare", pair), {})


def _fixed(name: str, address: str, **parameters: str) -> Read:
    return Read(name, lambda _: (address, parameters), LIST_BARS)


def _every(bar: float) -> dict[int, float]:
    return dict.fromkeys(_SIZES, bar)


def make_table(figures: dict[str, Any]) -> str:
    """Return p50 / p95 and processor time by read and size in Markdown; a p95 beyond its bar is bold."""
    sizes = list(figures["sizes"])
    rows = ["| p50 / p95 (processors) in ms | " + " | ".join(f"{size:,} events" for size in sizes) + " |"]
    rows.append("|---" * (1 + len(sizes)) + "|")
    for name in figures["sizes"][sizes[0]]:
        cells = [_make_cell(figures["sizes"][size][name], size) for size in sizes]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _make_cell(found: dict[str, Any], size: int) -> str:
    p50, p95 = (find_percentile(found["ms"], share) for share in (0.5, 0.95))
    bar = found["bars"].get(size)
    shown = f"**{p95:.0f}**" if bar and p95 > bar else f"{p95:.0f}"
    return f"{p50:.0f} / {shown} ({found['cpu_ms']:.0f}){', partial' if found['is_partial'] else ''}"


def make_plot(figures: dict[str, Any]) -> str:
    """Return p50, p95 and processor time of some reads by size as SVG, with the bars."""
    sizes: list[int] = list(figures["sizes"])
    panels = []
    for name in _PLOTTED:
        found = {size: figures["sizes"][size][name] for size in sizes}
        lines = {
            label: [(size, find_percentile(one["ms"], share)) for size, one in found.items()]
            for label, share in (("p50", 0.5), ("p95", 0.95))
        }
        lines["processors"] = [(size, one["cpu_ms"]) for size, one in found.items()]
        bars = [(size, one["bars"][size]) for size, one in found.items() if size in one["bars"]]
        panels.append(Panel(title=name, lines=lines, bars=bars))
    return draw_panels(panels, unit="ms", x_title="events stored")


if __name__ == "__main__":
    main()
