"""A product with a month of events in it, for benchmarks and for looking at.

    python3 manage.py bench seed --data FOLDER [--events 1000000]

Some hundred different traces of 13 events, shorter of text than those of the ingest benchmark, come in through the
OTLP door and are copied by SQL (`bench/_copies.py`): 30 days, 20 projects, the first with two fifths of all, most of it
lately. Four long runs (`bench/_long_trace.py`), of 1,000, twice 10,000 and 100,000 events, come in whole. Ten million
events take ten minutes and 14 GB. `manage.py up --data FOLDER` then shows them.
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench._copies import DAYS, NUMBER, copy_traces
from bench._long_trace import LongTrace, make_long_trace
from bench._product import ROOT, Product, run_product
from bench.traces import TraceMaker, encode_request, make_attribute

EVENTS_A_TRACE = 13
ENVIRONMENT = {"PARTITION_DAYS_BACK": str(DAYS + 1)}
"""What a product must be started with to be seeded: partitions for all days."""
_TEMPLATES = 600
_RUNNING = 4
_BREVITY = 0.12
_WORKFLOWS = ("support_desk", "research", "billing", "code_review", "triage", "onboarding", "sales", "reporting")
_SUBJECTS = ("parcel", "invoice", "password", "address", "discount", "subscription", "warranty", "boots")


@dataclass(frozen=True)
class Seeded:
    """What can be looked for in a seeded product. `small` ... `right` are the long runs."""

    project_id: int
    small: LongTrace
    long: LongTrace
    left: LongTrace
    right: LongTrace


def main() -> None:
    """Seed a folder."""
    parser = argparse.ArgumentParser(prog="manage.py bench seed", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, required=True, help="the product's data folder; made if it is missing")
    given = parser.parse_args()
    with run_product(data=given.data, environment=ENVIRONMENT) as product:
        seed(product, events=given.events)


def seed(product: Product, *, events: int, long_events: int = 100_000) -> Seeded:
    """Fill a product, started with `ENVIRONMENT`, with about so many events; one that is seeded stays as it is."""
    runs = {
        "small": make_long_trace(1_000, seed=1),
        "long": make_long_trace(long_events, seed=2),
        "left": make_long_trace(10_000, seed=3),
        "right": make_long_trace(10_000, seed=4),
    }
    project_id = _find_seeded(product, runs["small"])
    if project_id is None:
        templates = _make_templates()
        say(f"sending {len(templates)} templates and {len(runs)} long runs")
        send(product, (encode_request(spans) for spans in templates))
        for run in runs.values():
            send(product, run.make_requests())
        project_id = _find_seeded(product, runs["small"])
        assert project_id is not None
        ids = [spans[0].trace_id.hex() for spans in templates]
        copy_traces(
            product.database_url,
            project_id=project_id,
            ended=ids[:-_RUNNING],
            running=ids[-_RUNNING:],
            copies=events // EVENTS_A_TRACE,
            say=say,
        )
    _count_days(product)
    return Seeded(project_id=project_id, **runs)


def _count_days(product: Product) -> None:
    """Have past days counted now, as the worker does every ten minutes."""
    code = "from observability.services.day_counts import count_all_days; count_all_days(seconds=600)"
    given = os.environ | {"DATABASE_URL": product.database_url}
    subprocess.run([sys.executable, str(ROOT / "manage.py"), "shell", "-v", "0", "-c", code], env=given, check=True)


def say(text: str) -> None:
    """Tell where it is, and how busy the machine is."""
    print(f"# {time.strftime('%H:%M:%S')} {text}; load {os.getloadavg()[0]:.1f}", flush=True)


def send(product: Product, requests: Iterable[bytes]) -> None:
    """Send encoded requests through the OTLP door, again where it is busy."""
    headers = {"api-key": product.api_key, "Content-Type": "application/x-protobuf"}
    connection = http.client.HTTPConnection(urlsplit(product.url).netloc, timeout=120)
    for body in requests:
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


def _find_seeded(product: Product, run: LongTrace) -> int | None:
    """Return the project that a run of the seed is in."""
    with psycopg.connect(product.database_url) as database:
        found = database.execute("SELECT project_id FROM traces WHERE trace_id = %s", [run.trace_id]).fetchone()
    return None if found is None else int(found[0])


def _make_templates() -> list[list[Span]]:
    """Return traces whose root asks for an order, the running ones last."""
    chance = random.Random(7)
    maker = TraceMaker(seed=7, brevity=_BREVITY)
    made = [maker.make_trace() for _ in range(_TEMPLATES + _RUNNING)]
    for place, spans in enumerate(made):
        _make_request(spans[-1], chance)
        if place >= _TEMPLATES:
            spans[-1].end_time_unix_nano = 0
    return made


def _make_request(root: Span, chance: random.Random) -> None:
    root.name = _WORKFLOWS[int(len(_WORKFLOWS) * chance.random() * chance.random())]
    refund = "a refund for" if chance.random() < 0.05 else "to know about"
    asked = f"I would like {refund} the {chance.choice(_SUBJECTS)} of order {NUMBER}, please."
    kept = [attribute for attribute in root.attributes if attribute.key != "input.value"]
    del root.attributes[:]
    root.attributes.extend([*kept, make_attribute("input.value", asked)])
    if chance.random() < 0.2:
        root.attributes.append(make_attribute("tag.tags", ["canary"]))


if __name__ == "__main__":
    main()
