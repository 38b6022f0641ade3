"""What ingest counts: items by what became of them, and how long commits take. `config.metrics` shows it."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

ITEMS = Counter("playhead_ingest_items", "Items sent: committed, known already, or rejected.", ["door", "outcome"])
BUSY = Counter("playhead_ingest_busy", "Requests that were told to come back: nothing of them was stored.", ["door"])
COMMIT = Histogram(
    "playhead_commit_seconds",
    "One transaction of the writer, whatever came of it.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
)
