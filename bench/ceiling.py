"""Durable events per second of a bare handler (`bench/_bare.py`): the most that this machine could do at all.

    python3 manage.py bench ceiling [--traces 1000] [--connections 4] [--rounds 3] [--processes 1] [--json FILE]

The same server as the product's, on the same Postgres server, decodes the same bodies and stores as many bytes a row as
the product's events and payloads have, in one table with the same key. `bench ingest --ceiling` measures both in turn.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from bench._bare import CREATE_TABLE
from bench._guests import make_database, run_guest
from bench._load import Door
from bench._product import ROOT, Product, run_product
from bench._rounds import Target, aim_at_product, describe, find_median, list_rows, run_rounds, warm_up
from config.supervisor.listening import open_listening_socket

_STORED_BYTES = """
SELECT (SELECT sum(pg_column_size(e.*)) FROM events AS e) + (SELECT sum(pg_column_size(p.*)) FROM payloads AS p),
    (SELECT count(*) FROM events)
"""
_KEY_BYTES = 90
"""What a row of the bare table has besides its value: header, key, lengths."""


def main() -> None:
    """Run the rounds and print their medians."""
    parser = argparse.ArgumentParser(prog="manage.py bench ceiling", description=__doc__)
    parser.add_argument("--traces", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--json", type=Path, help="also write the rounds to this file")
    given = parser.parse_args()
    with run_product() as product:
        # Its rows say how large rows are; then it rests.
        warm_up(aim_at_product(product))
        with run_ceiling(product, processes=given.processes) as target:
            warm_up(target)
            load = {"traces": given.traces, "rounds": given.rounds, "connections": given.connections}
            results = run_rounds([target], **load)[target.name]
    print("median:", describe(find_median(results)))
    if given.json:
        given.json.write_text(json.dumps({"ceiling": list_rows(results)}, indent=2))


@contextmanager
def run_ceiling(host: Product, *, processes: int = 1) -> Iterator[Target]:
    """Run the bare handler on a database of its own, in so many processes on one socket, until the block ends.

    The product must hold events already: as many bytes as those have are stored.
    """
    database_url = make_database(host, "bench_ceiling")
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute(CREATE_TABLE)
    environment = {"BARE_DATABASE_URL": database_url, "BARE_ROW_BYTES": str(_measure_rows(host) - _KEY_BYTES)}
    with open_listening_socket("127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1/traces"
        command = [sys.executable, "-m", "bench._bare", "--fd", str(listening.fileno())]
        with run_guest(
            host,
            [command] * processes,
            ready_url=url,
            environment=environment,
            folder=ROOT,
            descriptors=[listening.fileno()],
        ) as guest:
            yield Target(
                name="ceiling",
                door=Door(url, {"Content-Type": "application/x-protobuf"}),
                database_url=database_url,
                count="SELECT count(*) FROM bare",
                watched=guest,
            )


def _measure_rows(host: Product) -> int:
    """Return how many bytes the product's event and payload rows have, an event."""
    with psycopg.connect(host.database_url) as database:
        row = database.execute(_STORED_BYTES).fetchone()
    assert row is not None
    return int(row[0]) // int(row[1])


if __name__ == "__main__":
    main()
