"""Durable events per second, and CPU seconds per thousand events, through the OTLP door of the whole product.

    python3 manage.py bench ingest [--traces 1000] [--connections 4] [--rounds 3] [--json FILE]

Requests of ten traces (130 spans, see `bench/traces.py`) are encoded before the clock starts and sent over keep-alive
connections as fast as they are answered. An event counts as durable when it can be counted in Postgres from another
connection; the rate is events over the time from the first byte sent to the last row visible. CPU is that of the
product's web process and of all Postgres processes; the senders run beside them on the same machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import statistics
import threading
import time
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from bench._product import Product, run_product
from bench.traces import make_requests

_WARM_UP_TRACES = 60
_DURABLE_SECONDS = 60


@dataclass(frozen=True)
class Result:
    """One round."""

    events: int
    seconds: float
    accepted_per_second: float
    durable_per_second: float
    cpu_seconds_per_1000: float
    cpu_web: float
    cpu_postgres: float
    p50_ms: float
    p95_ms: float
    errors: int
    web_memory_mb: float


def main() -> None:
    """Run the rounds and print their medians."""
    parser = argparse.ArgumentParser(prog="manage.py bench ingest", description=__doc__)
    parser.add_argument("--traces", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the rounds to this file")
    given = parser.parse_args()
    with run_product() as product:
        warm_up = list(make_requests(_WARM_UP_TRACES, seed=1000))
        _run_round(product, warm_up, given.connections)
        results = []
        for number in range(given.rounds):
            requests = list(make_requests(given.traces, seed=number + 1))
            results.append(_run_round(product, requests, given.connections))
            print(_describe(results[-1]), flush=True)
    print("median:", _describe(_median(results)))
    if given.json:
        given.json.write_text(json.dumps([asdict(result) for result in results], indent=2))


def _run_round(product: Product, requests: list[tuple[bytes, int]], connections: int) -> Result:
    with psycopg.connect(product.database_url, autocommit=True) as database:
        before_rows, before_cpu = _count_rows(database), product.read_cpu_seconds()
        started = time.perf_counter()
        latencies, errors = _send_all(product, [body for body, _ in requests], connections)
        sent = time.perf_counter()
        events = sum(count for _, count in requests)
        durable = _wait_for_rows(database, before_rows + events)
        after_cpu = product.read_cpu_seconds()
    spent = {name: after_cpu[name] - before_cpu.get(name, 0.0) for name in ("web", "postgres")}
    latencies.sort()
    return Result(
        events=events,
        seconds=sent - started,
        accepted_per_second=events / (sent - started),
        durable_per_second=events / (durable - started),
        cpu_seconds_per_1000=sum(spent.values()) / events * 1000,
        cpu_web=spent["web"] / events * 1000,
        cpu_postgres=spent["postgres"] / events * 1000,
        p50_ms=latencies[len(latencies) // 2],
        p95_ms=latencies[int(len(latencies) * 0.95)],
        errors=errors,
        web_memory_mb=product.read_memory_mb().get("web", 0.0),
    )


def _count_rows(database: psycopg.Connection) -> int:
    row = database.execute("SELECT coalesce(sum(event_count), 0) FROM traces").fetchone()
    assert row is not None
    return int(row[0])


def _wait_for_rows(database: psycopg.Connection, wanted: int) -> float:
    end = time.perf_counter() + _DURABLE_SECONDS
    while time.perf_counter() < end:
        if _count_rows(database) >= wanted:
            return time.perf_counter()
        time.sleep(0.01)
    raise SystemExit(f"{wanted} rows were expected, {_count_rows(database)} are there.")


def _send_all(product: Product, bodies: list[bytes], connections: int) -> tuple[list[float], int]:
    """Send from another process, so that the senders share no interpreter with anything measured."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_send, (product.url, product.api_key, bodies, connections))


def _send(url: str, api_key: str, bodies: list[bytes], connections: int) -> tuple[list[float], int]:
    shares = [bodies[first::connections] for first in range(connections)]
    outcomes: list[tuple[list[float], int]] = []
    threads = [
        threading.Thread(target=lambda share=share: outcomes.append(_send_share(url, api_key, share)))
        for share in shares
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(chain.from_iterable(latencies for latencies, _ in outcomes)), sum(errors for _, errors in outcomes)


def _send_share(url: str, api_key: str, bodies: list[bytes]) -> tuple[list[float], int]:
    headers = {"api-key": api_key, "Content-Type": "application/x-protobuf"}
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    latencies, errors = [], 0
    for body in bodies:
        started = time.perf_counter()
        connection.request("POST", "/v1/traces", body, headers)
        response = connection.getresponse()
        response.read()
        latencies.append((time.perf_counter() - started) * 1000)
        errors += response.status != 200
    connection.close()
    return latencies, errors


def _median(results: list[Result]) -> Result:
    rows = [asdict(result) for result in results]
    return Result(**{name: statistics.median(row[name] for row in rows) for name in rows[0]})


def _describe(result: Result) -> str:
    return (
        f"{result.durable_per_second:,.0f} durable events/s, {result.accepted_per_second:,.0f} accepted/s, "
        f"{result.cpu_seconds_per_1000:.3f} CPU s per 1,000 (web {result.cpu_web:.3f}, Postgres "
        f"{result.cpu_postgres:.3f}), p50 {result.p50_ms:.0f} ms, p95 {result.p95_ms:.0f} ms, "
        f"web {result.web_memory_mb:.0f} MB, {result.errors} errors"
    )


if __name__ == "__main__":
    main()
