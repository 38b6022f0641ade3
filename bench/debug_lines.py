"""What it costs to make a debug line fit to be shown: decoded, guarded, sanitised, redacted, cut and encoded.

    python3 manage.py bench debug_lines [--lines 20000] [--rounds 5]

One process and thread, no server; by the thread's own clock, so that what else runs does not count. A line is prepared
once for each profile that somebody looks with, however many look: microseconds a line here, times lines a second, is
the share of a core that this takes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

from debugconsole.wire.lines import EntryId
from debugconsole.wire.prepare import Preparer, Source
from observability.ingest.redaction import compile_rules

TENANT = "0f8fad5b-d9cb-469f-a165-70867728950e"
SOURCE = Source(prefix="ext-debug:", key=f"ext-debug:{TENANT}:orders", tenant=TENANT, extension="orders")
_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
CASES = {
    "plain": "order 4711 of customer 42 priced in 12 ms, 3 items, total 129.90 EUR; next step is the warehouse",
    "secrets": f"login user=tom password=hunter22 Authorization: Bearer {_JWT} from tom@example.com at 10.0.3.7",
    "8 KiB plain": "a queue of words that is long, and says nothing at all. " * 146,
    "8 KiB of secrets": f"token={_JWT} " * 80,
}
_FIELDS = [(b"fields", b'{"queue": "orders", "attempt": 3, "waited_ms": 5000}')]


def main() -> None:
    """Print microseconds a line, the median of the rounds."""
    parser = argparse.ArgumentParser(prog="manage.py bench debug_lines", description=__doc__)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    for name, message in CASES.items():
        lines = max(200, given.lines * 100 // max(100, len(message)))
        figures = [_measure(message, lines) for _ in range(given.rounds)]
        sys.stdout.write(f"{name:>20}: {statistics.median(figures):8.1f} us a line, best {min(figures):.1f}\n")


def _measure(message: str, lines: int) -> float:
    preparer = Preparer(SOURCE, compile_rules())
    said = {"ts": "1795202677943", "level": "info", "stream": "log", "tenant": TENANT, "extension": "orders"}
    more = {"install": "inst-9", "request": "3f0c2a52-7f4e-4a9e-8d55-0f3b7f0d9a11", "message": message}
    pairs = [part.encode() for pair in (said | more).items() for part in pair]
    pairs += [part for pair in _FIELDS for part in pair]
    began = time.thread_time()
    for number in range(lines):
        preparer.prepare(EntryId(1795202677943, number), pairs, number)
    return (time.thread_time() - began) / lines * 1e6


if __name__ == "__main__":
    main()
