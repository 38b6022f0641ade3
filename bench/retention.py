"""What retention costs others: a whole day dropped under readers, and ingest beside a running delete.

    python3 manage.py bench retention [--events 1000000] [--pairs 4] [--traces 2000] [--tries 3] [--json FILE]
        [--data FOLDER]

The product is seeded (`bench/seed.py`: 30 days, 20 projects). First, rounds of ingest as in `bench ingest`, in pairs:
one alone, one while `manage.py retention` deletes what the largest project holds of days that the others keep; which
of the two goes first changes from pair to pair. Then days are dropped whole, the emptiest and the fullest ones, as
retention does it, while two clients read the trace list and a tool's calls over the API and a third sends events. A
drop counts from the first attempt for its lock; a read counts for a drop when the two overlap. `--pairs 0` leaves the
ingest out; `--data` uses up a folder that was seeded before.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from bench._api import Api, find_percentile
from bench._load import Door, send_all
from bench._product import ROOT, Product, run_product
from bench.seed import ENVIRONMENT, say, seed, send
from bench.traces import make_requests

_KEPT_DAYS = 2
_CONNECTIONS = 4
_QUIET_S = 8.0
_START_S = 60
_READS: tuple[tuple[str, dict[str, str]], ...] = (("traces", {}), ("steps/tool/search_orders/calls", {"days": "7"}))

Figures = dict[str, Any]


def main() -> None:
    """Seed, measure, print."""
    parser = argparse.ArgumentParser(prog="manage.py bench retention", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--traces", type=int, default=2_000, help="in a round of ingest")
    parser.add_argument("--tries", type=int, default=3, help="emptiest and fullest days to drop, each")
    parser.add_argument("--data", type=Path, help="a seeded folder, which will be without those days")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="playhead-bench-") as folder:
        data = (given.data or Path(folder) / "data").absolute()
        with run_product(data=data, environment=ENVIRONMENT) as product:
            project_id = seed(product, events=given.events).project_id
            _set_up_django(data)
            figures: Figures = {"cpus": os.cpu_count(), "events": given.events}
            figures["ingest"] = _measure_ingest(product, project_id, data, pairs=given.pairs, traces=given.traces)
            figures["drops"] = _measure_drops(product, tries=given.tries)
    print(make_table(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2))


def _set_up_django(data: Path) -> None:
    """Let this process call the product's own services on the product's own servers."""
    import django

    os.environ |= {"PLAYHEAD_DATA": str(data), "DJANGO_SETTINGS_MODULE": "config.settings"}
    django.setup()


# --- Ingest beside a delete -------------------------------------------------------------------------------------------


def _measure_ingest(product: Product, project_id: int, data: Path, *, pairs: int, traces: int) -> list[Figures]:
    with psycopg.connect(product.database_url, autocommit=True) as database:
        database.execute("UPDATE observability_project SET retention_days = %s WHERE id = %s", [_KEPT_DAYS, project_id])
        _send(product, list(make_requests(200, seed=1000)))
        found: list[Figures] = []
        for number in range(pairs):
            for is_deleting in (False, True) if number % 2 == 0 else (True, False):
                requests = list(make_requests(traces, seed=1 + number))
                say(f"ingest, {'deleting' if is_deleting else 'alone'}")
                found.append(_run_round(product, database, requests, data if is_deleting else None))
                say(f"{found[-1]['durable_per_second']:,.0f} events/s, {found[-1]['deleted']:,} rows deleted")
    return found


def _run_round(
    product: Product, database: psycopg.Connection, requests: list[tuple[bytes, int]], data: Path | None
) -> Figures:
    if data is None:
        return _describe_round(requests, _send(product, requests))
    with _delete(database, data):
        before = _count_deleted(database)
        taken = _send(product, requests)
        deleted = _count_deleted(database) - before
        if not _is_deleting(database):
            raise SystemExit("Everything was deleted before the round was over: give more --events or fewer --traces.")
    return _describe_round(requests, taken, deleted=deleted)


def _describe_round(requests: list[tuple[bytes, int]], seconds: float, *, deleted: int | None = None) -> Figures:
    events = sum(count for _, count in requests)
    return {
        "is_deleting": deleted is not None,
        "events": events,
        "seconds": seconds,
        "durable_per_second": events / seconds,
        "deleted": deleted or 0,
    }


def _send(product: Product, requests: list[tuple[bytes, int]]) -> float:
    """Send as fast as they are answered, which is after each commit; return the seconds until the last answer."""
    door = Door(f"{product.url}/v1/traces", {"api-key": product.api_key, "Content-Type": "application/x-protobuf"})
    sent = send_all(door, [body for body, _ in requests], connections=_CONNECTIONS)
    if sent.errors:
        raise SystemExit(f"{sent.errors} requests were refused.")
    return sent.ended - sent.started


@contextmanager
def _delete(database: psycopg.Connection, data: Path) -> Iterator[None]:
    """Have retention at work during the block, then stop it in the middle."""
    before = _count_deleted(database)
    command = [sys.executable, str(ROOT / "manage.py"), "retention"]
    # What it says when it is interrupted is of no interest here.
    process = subprocess.Popen(command, env=os.environ | {"PLAYHEAD_DATA": str(data)}, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + _START_S
        while _count_deleted(database) == before:
            if time.monotonic() > end or process.poll() is not None:
                raise SystemExit("Retention found nothing to delete: give more --events.")
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
        # Its claim would hold the next one off for minutes.
        database.execute("UPDATE observability_retentionrun SET claimed_until = NULL WHERE finished_at IS NULL")


def _count_deleted(database: psycopg.Connection) -> int:
    row = database.execute(
        "SELECT coalesce(sum(value::bigint), 0) FROM observability_retentionrun, jsonb_each_text(counts)"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _is_deleting(database: psycopg.Connection) -> bool:
    query = "SELECT count(*) FROM observability_retentionrun WHERE finished_at IS NULL AND organization_id IS NOT NULL"
    row = database.execute(query).fetchone()
    return row is not None and row[0] > 0


# --- Whole days -------------------------------------------------------------------------------------------------------


@dataclass
class _Readers:
    """Clients that read and send until they are stopped, and when each read began and ended."""

    product: Product
    stop: threading.Event = field(default_factory=threading.Event)
    reads: list[tuple[float, float]] = field(default_factory=list)

    @contextmanager
    def run(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._read, args=read) for read in _READS]
        threads.append(threading.Thread(target=self._send))
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()

    def list_between(self, start: float, end: float) -> list[float]:
        """Return the milliseconds of reads that overlap a stretch of time."""
        return [(ended - began) * 1000 for began, ended in list(self.reads) if began < end and ended > start]

    def _read(self, address: str, parameters: dict[str, str]) -> None:
        api = Api(self.product)
        while not self.stop.is_set():
            began = time.perf_counter()
            api.time(address, parameters)
            self.reads.append((began, time.perf_counter()))
            self.stop.wait(0.01)

    def _send(self) -> None:
        for body, _ in make_requests(100_000, seed=5):
            if self.stop.wait(0.3):
                return
            send(self.product, [body])


def _measure_drops(product: Product, *, tries: int) -> Figures:
    from observability.services.partitions import list_partitions

    with psycopg.connect(product.database_url) as database:
        row = database.execute("SELECT current_date").fetchone()
    assert row is not None
    # Yesterday and today are being written to.
    past = [part for part in list_partitions("events") if part.end_day is not None and part.end_day < row[0]]
    full = sorted((part for part in past if part.estimated_rows > 0), key=lambda part: part.estimated_rows)
    days = [part.first_day for part in (*full[:tries], *full[-tries:]) if part.first_day is not None]
    readers = _Readers(product)
    with readers.run():
        time.sleep(2.0)
        say("readers alone")
        quiet_from = time.perf_counter()
        time.sleep(_QUIET_S)
        quiet = readers.list_between(quiet_from, time.perf_counter())
        say("dropping")
        drops = [_drop_day(day, readers) for day in days]
        say("done")
    return {"quiet_ms": quiet, "days": drops}


def _drop_day(day: Any, readers: _Readers) -> Figures:
    """Drop one day of every table and say how long each took, how much went, and how reads did meanwhile."""
    from observability.services.partitions import drop_partition, list_partitions
    from observability.sql.store import PARTITIONED

    time.sleep(1.0)
    rows = size = 0
    taken: dict[str, float] = {}
    began = time.perf_counter()
    for table in PARTITIONED:
        (partition,) = [part for part in list_partitions(table) if part.first_day == day]
        started = time.perf_counter()
        drop_partition(partition)
        taken[table] = (time.perf_counter() - started) * 1000
        rows += partition.estimated_rows if table == "events" else 0
        size += partition.total_bytes
    ended = time.perf_counter()
    # A read that was held up by the last drop is still to end.
    time.sleep(0.5)
    return {
        "day": str(day),
        "events": rows,
        "mb": size / 2**20,
        "drop_ms": taken,
        "all_ms": (ended - began) * 1000,
        "reads_ms": readers.list_between(began, ended),
    }


# --- The table --------------------------------------------------------------------------------------------------------


def make_table(figures: Figures) -> str:
    """Return the figures as tables in Markdown."""
    rows = [
        *(_make_ingest_table(figures["ingest"]) if figures["ingest"] else ()),
        "| Day dropped | size | all tables | slowest table | reads meanwhile, median / p95 / worst |",
        "|---|---|---|---|---|",
    ]
    quiet = figures["drops"]["quiet_ms"]
    rows.append(f"| none | | | | {_summarize(quiet)} |")
    for day in figures["drops"]["days"]:
        slowest = max(day["drop_ms"].values())
        rows.append(
            f"| {day['events']:,} events | {day['mb']:,.0f} MB | {day['all_ms']:.0f} ms | {slowest:.0f} ms "
            f"| {_summarize(day['reads_ms'])} |"
        )
    return "\n".join(rows)


def _make_ingest_table(rounds: list[Figures]) -> list[str]:
    alone, beside = (
        statistics.median(one["durable_per_second"] for one in rounds if one["is_deleting"] is is_deleting)
        for is_deleting in (False, True)
    )
    deleting = [one for one in rounds if one["is_deleting"]]
    rate = sum(one["deleted"] for one in deleting) / sum(one["seconds"] for one in deleting)
    return [
        "| Ingest | durable events/s, median |",
        "|---|---|",
        f"| alone | {alone:,.0f} |",
        f"| while {rate:,.0f} rows a second are deleted | {beside:,.0f} ({beside / alone:.0%}) |",
        "",
    ]


def _summarize(taken: list[float]) -> str:
    if not taken:
        return "no read"
    return f"{statistics.median(taken):.0f} / {find_percentile(taken, 0.95):.0f} / {max(taken):.0f} ms"


if __name__ == "__main__":
    main()
