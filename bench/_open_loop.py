"""Load at a fixed rate for minutes: does anything grow?

Requests are sent when they are due, whatever becomes of the others; latency counts from when one was due. Their bodies
are some hundred, encoded before, and each is sent with trace ids of its own every time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psycopg

from bench._api import find_percentile
from bench._load import Answer, Sent, Template, is_accepted, make_template, send_at_rate
from bench._rounds import Target, count_rows
from bench.traces import TraceMaker, encode_request

_TEMPLATES = 200
_TRACES = 10
_EVENTS = 13 * _TRACES
_CONNECTIONS = 16
_EVERY_SECONDS = 30.0
_LEAST_INTERVALS = 12


@dataclass(frozen=True)
class Interval:
    """Half a minute of it."""

    seconds: float
    p50_ms: float
    p95_ms: float
    busy: int
    web_mb: float
    postgres_mb: float


_GROWTH = {"p95_ms": (1.25, 5.0), "web_mb": (1.05, 10.0), "postgres_mb": (1.05, 30.0)}
"""By figure: how many times as much, and how much more in all, is growth and no chance."""


def measure(target: Target, *, events_per_second: float, minutes: float) -> dict[str, Any]:
    """Send at this rate, tell every interval, say what grew; return all of it."""
    every = min(_EVERY_SECONDS, minutes * 60 / _LEAST_INTERVALS)
    print(f"open loop: {events_per_second:,.0f} events/s for {minutes:g} minutes", flush=True)
    with psycopg.connect(target.database_url, autocommit=True) as database:
        before = count_rows(database, target)
        sent, memory = _send(target, per_second=events_per_second / _EVENTS, seconds=minutes * 60, every=every)
        found = count_rows(database, target) - before
    intervals = list_intervals(sent, memory, every=every)
    print("\n".join(map(_describe, intervals)))
    verdicts = [describe_growth(intervals, figure) for figure in _GROWTH]
    accepted = sum(is_accepted(answer.status) for answer in sent.answers) * _EVENTS
    verdicts.append(
        f"{sent.statuses[503]} answers of 503, {sent.errors} errors, {accepted:,} events accepted, {found:,} stored"
    )
    print("\n".join(verdicts))
    return {
        "events_per_second": events_per_second,
        "minutes": minutes,
        "intervals": [asdict(interval) for interval in intervals],
        "statuses": dict(sent.statuses),
        "accepted": accepted,
        "stored": found,
        "verdicts": verdicts,
    }


def _send(
    target: Target, *, per_second: float, seconds: float, every: float
) -> tuple[Sent, list[tuple[float, dict[str, float]]]]:
    """Return what was sent, and the memory held at moments in between."""
    memory = [(time.perf_counter(), target.watched.read_memory_mb())]
    sending = send_at_rate(
        target.door, _make_templates(), per_second=per_second, seconds=seconds, connections=_CONNECTIONS
    )
    for sent in sending:
        if sent is None and time.perf_counter() >= memory[-1][0] + every:
            memory.append((time.perf_counter(), target.watched.read_memory_mb()))
    assert sent is not None
    return sent, memory


def _make_templates() -> list[Template]:
    maker = TraceMaker(seed=2000)
    made = []
    for _ in range(_TEMPLATES):
        traces = [maker.make_trace() for _ in range(_TRACES)]
        body = encode_request([span for spans in traces for span in spans])
        made.append(make_template(body, [spans[0].trace_id for spans in traces]))
    return made


def list_intervals(sent: Sent, memory: Sequence[tuple[float, dict[str, float]]], *, every: float) -> list[Interval]:
    """Return the answers by when they were due, with the memory measured next; the rest of an interval is left out."""
    intervals = []
    for number in range(int((sent.ended - sent.started) / every + 0.05)):
        begin = sent.started + number * every
        answers = [answer for answer in sent.answers if begin <= answer.moment < begin + every]
        held = min(memory, key=lambda sample: abs(sample[0] - begin - every))[1]
        intervals.append(_make_interval(answers, held, seconds=(number + 1) * every))
    return intervals


def _make_interval(answers: list[Answer], held: dict[str, float], *, seconds: float) -> Interval:
    latencies = [answer.ms for answer in answers if is_accepted(answer.status)] or [0.0]
    return Interval(
        seconds=seconds,
        p50_ms=find_percentile(latencies, 0.5),
        p95_ms=find_percentile(latencies, 0.95),
        busy=sum(answer.status == 503 for answer in answers),
        web_mb=held.get("web", 0.0),
        postgres_mb=held.get("postgres", 0.0),
    )


def describe_growth(intervals: Sequence[Interval], figure: str) -> str:
    """Say whether the last quarter has more than the second: the first still fills caches."""
    values = [getattr(interval, figure) for interval in intervals]
    quarter = max(1, len(values) // 4)
    early, late = statistics.median(values[quarter : 2 * quarter]), statistics.median(values[-quarter:])
    times, more = _GROWTH[figure]
    grows = late > early * times and late > early + more
    moments = [interval.seconds / 60 for interval in intervals[quarter:]]
    slope = statistics.linear_regression(moments, values[quarter:]).slope if len(moments) > 1 else 0.0
    return (
        f"{figure}: first {values[0]:.0f}, last {values[-1]:.0f}, second quarter {early:.0f}, last quarter {late:.0f}, "
        f"{slope:+.2f} a minute after the first quarter: {'GROWTH' if grows else 'no growth'}"
    )


def _describe(interval: Interval) -> str:
    return (
        f"{interval.seconds:5.0f} s: p50 {interval.p50_ms:.0f} ms, p95 {interval.p95_ms:.0f} ms, "
        f"{interval.busy} busy, web {interval.web_mb:.0f} MB, Postgres {interval.postgres_mb:.0f} MB"
    )
