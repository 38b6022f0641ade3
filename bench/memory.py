"""What `manage.py up` holds in memory while nobody does anything, by kind of process.

    python3 manage.py bench memory [--seconds 60] [--json FILE]

Proportional memory (PSS): what processes share counts for each in part, so that the sum is what the machine would have
back. Read after so many quiet seconds, in which beat and worker have run their first tasks.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import psutil

from bench._product import Product, run_product

_BAR_MB = 600


def main() -> None:
    """Start, wait, read, print."""
    parser = argparse.ArgumentParser(prog="manage.py bench memory", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    with run_product() as product:
        time.sleep(given.seconds)
        held = _read(product)
    print(make_table(held))
    if given.json:
        given.json.write_text(json.dumps(held, indent=2))


def _read(product: Product) -> dict[str, float]:
    supervisor = psutil.Process(product.pid).memory_full_info().pss / 2**20
    return {"supervisor": supervisor, **product.read_memory_mb()}


def make_table(held: dict[str, float]) -> str:
    """Return the figures as a table in Markdown, the largest first."""
    rows = ["| Process | MB |", "|---|---|"]
    rows += [f"| {name} | {held[name]:.0f} |" for name in sorted(held, key=lambda name: -held[name])]
    rows.append(f"| all (bar {_BAR_MB}) | {sum(held.values()):.0f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
