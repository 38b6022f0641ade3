"""Ingest into a store that holds events already, by how many."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench._plot import Panel, draw_panels
from bench._product import run_product
from bench._rounds import Result, aim_at_product, find_median, run_rounds, warm_up
from bench.seed import ENVIRONMENT, say, seed

SIZES = (100_000, 1_000_000, 10_000_000)
_FIGURES: Mapping[str, Callable[[Result], float]] = {
    "durable events/s": lambda result: result.durable_per_second,
    "CPU ms per 1,000 events": lambda result: result.cpu_seconds_per_1000 * 1000,
    "p95 of a request in ms": lambda result: result.p95_ms,
}

_LINES: Mapping[str, Callable[[list[float]], float]] = {"median": statistics.median, "least": min, "most": max}


def measure_sizes(
    sizes: Sequence[int],
    *,
    traces: int,
    rounds: int,
    connections: int,
    environment: Mapping[str, str],
    keep: Path | None,
) -> dict[int, list[Result]]:
    """Return the rounds by the number of events stored before."""
    results = {}
    for size in sizes:
        with ExitStack() as running:
            data = keep / f"{size}" if keep else None
            product = running.enter_context(run_product(data=data, environment={**environment, **ENVIRONMENT}))
            seed(product, events=size)
            target = aim_at_product(product)
            warm_up(target)
            say(f"ingest into {size:,} events")
            results[size] = run_rounds([target], traces=traces, rounds=rounds, connections=connections)["product"]
    return results


def make_table(results: Mapping[int, Sequence[Result]]) -> str:
    """Return medians by size in Markdown."""
    rows = [f"| median | {' | '.join(f'{size:,} events' for size in results)} |", "|---" * (1 + len(results)) + "|"]
    for name, read in _FIGURES.items():
        rows.append(f"| {name} | {' | '.join(f'{read(find_median(found)):,.0f}' for found in results.values())} |")
    return "\n".join(rows)


def make_plot(results: Mapping[int, Sequence[Result]]) -> str:
    """Return every figure's median, least and most of the rounds by size as SVG."""
    panels = [
        Panel(
            title=name,
            lines={
                label: [(size, choose([read(one) for one in found])) for size, found in results.items()]
                for label, choose in _LINES.items()
            },
        )
        for name, read in _FIGURES.items()
    ]
    return draw_panels(panels, unit="", x_title="events stored")
