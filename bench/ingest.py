"""Durable events per second, and CPU seconds per thousand events, through the doors of the whole product.

    python3 manage.py bench ingest [--traces 1000] [--connections 4] [--rounds 3] [--processes 1] [--json FILE]
        [--ceiling] [--peers FOLDER [--peer-traces 100]] [--small] [--sdk] [--open [MINUTES]]
    python3 manage.py bench ingest --sizes [100000 1000000 10000000] [--keep FOLDER] [--plot FILE.svg]

Requests of ten traces (130 spans, see `bench/traces.py`) are encoded before the clock starts and sent over keep-alive
connections as fast as they are answered. An event counts as durable when it can be counted in Postgres from another
connection; the rate is events over the time from the first byte sent to the last row visible. CPU is that of the
product's web processes and of all Postgres processes, without what the counting took; the senders run beside them on
the same machine. A fixed Python loop before and after every round tells how fast the machine was then.

`--ceiling` and `--peers` send the same bodies to a bare handler (`bench/ceiling.py`) and to other products
(`bench/_peers.py`, installed below the folder where missing) in turn with the product, all on one Postgres server.
`--small`: eight clients with requests of one event. `--sdk`: batches of fifty as the ElasticDash client sends them.
`--open`: six tenths of the rate just measured for ten minutes, and what grew. `--sizes`: into a store that holds so
many events already. `--rounds 0` leaves the batches out.
"""

from __future__ import annotations

import argparse
import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench import _open_loop
from bench._peers import PEERS, read_versions, run_peer
from bench._product import Product, run_product
from bench._rounds import (
    Result,
    Target,
    aim_at_product,
    compare,
    describe,
    find_median,
    list_rows,
    run_round,
    run_rounds,
    warm_up,
)
from bench._sizes import SIZES, make_plot, make_table, measure_sizes
from bench._small import CLIENTS, aim_at_sdk_door, make_sdk_requests, make_single_requests
from bench.ceiling import run_ceiling

_OPEN_SHARE = 0.6
_OPEN_MINUTES = 10.0
_SMALL_P95_MS = 25


def main() -> None:
    """Measure what was asked for, print it, write it."""
    parser = _make_parser()
    given = parser.parse_args()
    if given.open and not given.rounds:
        parser.error("--open needs rounds: its rate is a share of theirs")
    environment = {"PLAYHEAD_WEB_PROCESSES": str(given.processes)}
    figures: dict[str, Any] = {"cpus": os.cpu_count(), "processes": given.processes, "connections": given.connections}
    if given.sizes is not None:
        figures |= _measure_sizes(given, environment)
    else:
        with run_product(environment=environment) as product:
            figures |= _measure(given, product)
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="manage.py bench ingest", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--traces", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=1, help="web processes, of the bare handler too")
    parser.add_argument("--ceiling", action="store_true", help="measure the bare handler in turn")
    parser.add_argument("--peers", type=Path, help="measure other products in turn; their environments are in here")
    parser.add_argument("--peer-traces", type=int, default=100, help="what they get a round")
    parser.add_argument("--small", action="store_true", help="also requests of one event")
    parser.add_argument("--sdk", action="store_true", help="also the door of the ElasticDash client")
    parser.add_argument("--open", type=float, nargs="?", const=_OPEN_MINUTES, help="also a fixed rate for minutes")
    parser.add_argument("--sizes", type=int, nargs="*", help="instead, by how many events are stored already")
    parser.add_argument("--keep", type=Path, help="keep the seeded data folders in this one")
    parser.add_argument("--plot", type=Path, help="draw the sizes into this SVG file")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser


def _measure(given: argparse.Namespace, product: Product) -> dict[str, Any]:
    target = aim_at_product(product)
    warm_up(target)
    figures: dict[str, Any] = {}
    best = 0.0
    if given.rounds:
        results = _measure_batches(given, product, target)
        best = find_median(results["product"]).durable_per_second
        figures["batches"] = {name: list_rows(found) for name, found in results.items()}
    if given.peers:
        figures["versions"] = read_versions(given.peers)
    if given.small:
        figures["small"] = list_rows(_measure_small(given, target))
    if given.sdk:
        figures["sdk"] = list_rows(_measure_sdk(given, product))
    if given.open:
        figures["open"] = _open_loop.measure(target, events_per_second=best * _OPEN_SHARE, minutes=given.open)
    return figures


def _measure_batches(given: argparse.Namespace, product: Product, target: Target) -> dict[str, list[Result]]:
    with ExitStack() as running:
        others = []
        if given.ceiling:
            others.append(running.enter_context(run_ceiling(product, processes=given.processes)))
        for peer in PEERS if given.peers else ():
            others.append(running.enter_context(run_peer(peer, product, given.peers, traces=given.peer_traces)))
        for other in others:
            warm_up(other)
        load = {"traces": given.traces, "rounds": given.rounds, "connections": given.connections}
        results = run_rounds([target, *others], **load)
    for name, found in results.items():
        print(f"median{f' of {name}' if others else ''}:", describe(find_median(found)))
    for line in compare(results):
        print(line)
    return results


def _measure_small(given: argparse.Namespace, target: Target) -> list[Result]:
    results = []
    for number in range(given.rounds or 1):
        requests = make_single_requests(given.traces // 4, seed=3000 + number)
        results.append(run_round(target, requests, connections=CLIENTS))
        print("small:", describe(results[-1]), flush=True)
    median = find_median(results)
    print(
        f"small, {CLIENTS} clients, {median.events:,.0f} requests of one event, all of them found stored: "
        f"p50 {median.p50_ms:.1f} ms, p95 {median.p95_ms:.1f} ms (bar {_SMALL_P95_MS}), p99 {median.p99_ms:.1f} ms"
    )
    return results


def _measure_sdk(given: argparse.Namespace, product: Product) -> list[Result]:
    target = aim_at_sdk_door(product)
    results = []
    for number in range(given.rounds or 1):
        requests = make_sdk_requests(given.traces, clients=given.connections, seed=4000 + number)
        results.append(run_round(target, requests, connections=given.connections))
        print("sdk:", describe(results[-1]), flush=True)
    kilobytes = sum(len(body) for body, _ in requests) / sum(count for _, count in requests) / 1000
    print(f"sdk, median, {kilobytes:.1f} KB an event:", describe(find_median(results)))
    return results


def _measure_sizes(given: argparse.Namespace, environment: dict[str, str]) -> dict[str, Any]:
    results = measure_sizes(
        given.sizes or SIZES,
        traces=given.traces,
        rounds=max(1, given.rounds),
        connections=given.connections,
        environment=environment,
        keep=given.keep,
    )
    print(make_table(results))
    if given.plot:
        given.plot.write_text(make_plot(results))
    return {"sizes": {size: list_rows(found) for size, found in results.items()}}


if __name__ == "__main__":
    main()
