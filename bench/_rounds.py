"""Rounds of the same load at the product, at the bare handler and at other products, in turn."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Protocol

import psutil
import psycopg

from bench._api import find_percentile
from bench._load import Door, Sent, is_accepted, send_all
from bench._product import Product
from bench.traces import make_requests

_WARM_UP_TRACES = 64
_WARM_UP_CONNECTIONS = 16
_DURABLE_SECONDS = 600
_LOOPS = 400_000

Requests = list[tuple[bytes, int]]
"""Encoded bodies, and the number of events in each."""


class Watched(Protocol):
    """What can tell how much processor time and memory its `web` and `postgres` processes have taken."""

    def read_cpu_seconds(self) -> dict[str, float]:
        """Return CPU seconds used so far, by kind of process."""

    def read_memory_mb(self) -> dict[str, float]:
        """Return proportional memory in MB, by kind of process."""


@dataclass(frozen=True)
class Target:
    """Something that takes the load. `count` is the SQL that counts its events; slow ones get fewer traces a round."""

    name: str
    door: Door
    database_url: str
    count: str
    watched: Watched
    most_traces: int | None = None


@dataclass(frozen=True)
class Result:
    """One round at one target.

    `loop_ms_...` is the processor time of a fixed Python loop, `load` the number of processes that wanted a processor:
    how fast the machine was then.
    """

    events: int
    seconds: float
    accepted_per_second: float
    durable_per_second: float
    cpu_seconds_per_1000: float
    cpu_web: float
    cpu_postgres: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    busy: int
    errors: int
    web_memory_mb: float
    loop_ms_before: float
    loop_ms_after: float
    load: float


def aim_at_product(product: Product) -> Target:
    """Return the product's OTLP door as a target."""
    return Target(
        name="product",
        door=Door(f"{product.url}/v1/traces", {"api-key": product.api_key, "Content-Type": "application/x-protobuf"}),
        database_url=product.database_url,
        count="SELECT coalesce(sum(event_count), 0) FROM traces",
        watched=product,
    )


def warm_up(target: Target) -> None:
    """Send what is not measured, over so many connections that every one of its processes gets some of them."""
    requests = list(make_requests(_WARM_UP_TRACES, traces_per_request=1, seed=1000))
    run_round(target, requests, connections=_WARM_UP_CONNECTIONS)


def run_rounds(targets: Sequence[Target], *, traces: int, rounds: int, connections: int) -> dict[str, list[Result]]:
    """Send the same requests to every target in turn, the next round the other way round; tell every result."""
    results: dict[str, list[Result]] = {target.name: [] for target in targets}
    width = max(map(len, results))
    for number in range(rounds):
        requests = list(make_requests(traces, seed=number + 1))
        for target in targets if number % 2 == 0 else reversed(targets):
            result = run_round(target, _cut(requests, target, traces), connections=connections)
            results[target.name].append(result)
            print(f"{target.name:{width}} {describe(result)}" if len(targets) > 1 else describe(result), flush=True)
    return results


def _cut(requests: Requests, target: Target, traces: int) -> Requests:
    most = min(traces, target.most_traces or traces)
    return requests[: max(1, len(requests) * most // traces)]


def run_round(target: Target, requests: Requests, *, connections: int) -> Result:
    """Send the requests, wait until all rows can be seen from another connection, return the figures."""
    with psycopg.connect(target.database_url, autocommit=True) as database:
        counting = _Counting(database, target)
        rows, loop_before, cpu = counting.count(), time_loop(), target.watched.read_cpu_seconds()
        counting.mark()
        sent = send_all(target.door, [body for body, _ in requests], connections=connections)
        events = _count_accepted(sent, requests)
        durable = counting.wait_for(rows + events)
        cpu_counting, after = counting.read_cpu_seconds(), target.watched.read_cpu_seconds()
    spent = {name: after.get(name, 0.0) - cpu.get(name, 0.0) for name in ("web", "postgres")}
    return _make_result(
        sent,
        events=events,
        durable=durable,
        cpu_web=spent["web"],
        cpu_postgres=spent["postgres"] - cpu_counting,
        memory=target.watched.read_memory_mb().get("web", 0.0),
        loop_before=loop_before,
    )


def _make_result(
    sent: Sent,
    *,
    events: int,
    durable: float,
    cpu_web: float,
    cpu_postgres: float,
    memory: float,
    loop_before: float,
) -> Result:
    latencies = sent.latencies
    return Result(
        events=events,
        seconds=sent.ended - sent.started,
        accepted_per_second=events / (sent.ended - sent.started),
        durable_per_second=events / (max(durable, sent.ended) - sent.started),
        cpu_seconds_per_1000=(cpu_web + cpu_postgres) / events * 1000,
        cpu_web=cpu_web / events * 1000,
        cpu_postgres=cpu_postgres / events * 1000,
        p50_ms=find_percentile(latencies, 0.5),
        p95_ms=find_percentile(latencies, 0.95),
        p99_ms=find_percentile(latencies, 0.99),
        busy=sent.busy,
        errors=sent.errors,
        web_memory_mb=memory,
        loop_ms_before=loop_before,
        loop_ms_after=time_loop(),
        load=os.getloadavg()[0],
    )


def _count_accepted(sent: Sent, requests: Requests) -> int:
    """Return the events that must come to be seen: all, since what was refused for good ends the benchmark."""
    accepted = sum(is_accepted(answer.status) for answer in sent.answers)
    if accepted != len(requests):
        raise SystemExit(f"{len(requests)} requests were sent, the answers were {dict(sent.statuses)}.")
    return sum(count for _, count in requests)


def count_rows(database: psycopg.Connection, target: Target) -> int:
    """Return how many events the target holds."""
    row = database.execute(target.count.encode()).fetchone()
    assert row is not None
    return int(row[0])


class _Counting:
    """Counts rows over a connection whose own processor time is known."""

    def __init__(self, database: psycopg.Connection, target: Target) -> None:
        self._database, self._target = database, target
        self._process = psutil.Process(database.info.backend_pid)
        database.execute("SET max_parallel_workers_per_gather = 0")
        self.mark()

    def mark(self) -> None:
        """Count processor time from now on."""
        self._marked = sum(self._process.cpu_times()[:2])

    def read_cpu_seconds(self) -> float:
        """Return the processor time that counting took since."""
        return float(sum(self._process.cpu_times()[:2]) - self._marked)

    def count(self) -> int:
        """Return how many events there are."""
        return count_rows(self._database, self._target)

    def wait_for(self, wanted: int) -> float:
        """Return when a query that saw so many rows began: what it sees was there then."""
        end = time.perf_counter() + _DURABLE_SECONDS
        while (began := time.perf_counter()) < end:
            if self.count() >= wanted:
                return began
            # Counting is work for the same processors, so it takes a tenth of them at most.
            time.sleep(max(0.01, 9 * (time.perf_counter() - began)))
        raise SystemExit(f"{wanted} rows were expected, {self.count()} are there.")


def time_loop() -> float:
    """Return the milliseconds of processor time that a fixed loop takes now."""
    began = time.process_time()
    total = 0
    for number in range(_LOOPS):
        total += number & 3
    return (time.process_time() - began) * 1000


def find_median(results: Sequence[Result]) -> Result:
    """Return the medians, figure by figure."""
    return Result(**{one.name: statistics.median(getattr(r, one.name) for r in results) for one in fields(Result)})


def describe(result: Result) -> str:
    """Return a result in one line."""
    return (
        f"{result.durable_per_second:,.0f} durable events/s, {result.accepted_per_second:,.0f} accepted/s, "
        f"{result.cpu_seconds_per_1000:.3f} CPU s per 1,000 (web {result.cpu_web:.3f}, Postgres "
        f"{result.cpu_postgres:.3f}), p50 {result.p50_ms:.0f} ms, p95 {result.p95_ms:.0f} ms, "
        f"web {result.web_memory_mb:.0f} MB, {result.busy:.0f} busy, {result.errors:.0f} errors; "
        f"loop {result.loop_ms_before:.0f} and {result.loop_ms_after:.0f} ms, load {result.load:.1f}"
    )


def compare(results: dict[str, list[Result]]) -> list[str]:
    """Return the product's figures over those of every other target, round by round."""
    ours = results["product"]
    return [
        f"product / {name}: {_describe_ratios(ours, theirs, 'durable_per_second')} of the durable events/s, "
        f"{_describe_ratios(ours, theirs, 'cpu_seconds_per_1000')} of the CPU s"
        for name, theirs in results.items()
        if name != "product"
    ]


def _describe_ratios(ours: Sequence[Result], theirs: Sequence[Result], figure: str) -> str:
    ratios = [getattr(one, figure) / getattr(other, figure) for one, other in zip(ours, theirs, strict=True)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def list_rows(results: Sequence[Result]) -> list[dict[str, float]]:
    """Return results as JSON takes them."""
    return [asdict(result) for result in results]
