"""What became of each item: counts by hour and by key, and samples of what was rejected.

Runs inside the transaction that stores the items, so the counts are as exact as the rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection

from observability.ingest import statements as sql
from observability.ingest.records import Rejected, WriteResult

_MOST_SAMPLES = 5
"""Rejected items of one request that are kept."""
_MOST_ID = 255


class Counts:
    """Counts of one transaction. `add` what became of each request, then `store` once."""

    def __init__(self) -> None:
        self._by_hour: dict[tuple[int, str, str], int] = defaultdict(int)
        self._by_key: dict[tuple[int, str, str], int] = defaultdict(int)
        self._samples: list[tuple[int, str, str, str, int, str | None, str | None, str | None]] = []

    def add(self, result: WriteResult, *, project_id: int, door: str, public_id: str = "") -> None:
        """Count one request that came with this key; "" for one that came with none."""
        self._count(project_id, door, public_id, "accepted", result.accepted)
        self._count(project_id, door, public_id, "duplicate", result.duplicates)
        for item in result.rejected:
            self._count(project_id, door, public_id, item.code, 1)
        self._samples += [
            _describe(item, project_id=project_id, door=door, public_id=public_id)
            for item in result.rejected[:_MOST_SAMPLES]
        ]

    def store(self, connection: Connection[Any], now: datetime) -> None:
        """Add to the counts of this hour and day. Rows are taken in key order, as by every process."""
        if hours := sorted((*key, items) for key, items in self._by_hour.items() if items):
            hour = now.replace(minute=0, second=0, microsecond=0)
            connection.execute(sql.STORE_COUNTS, [hour, *_to_columns(hours)])
        if days := sorted((*key, items) for key, items in self._by_key.items() if items):
            connection.execute(sql.STORE_KEY_DAYS, [now.date(), now, *_to_columns(days)])
        if self._samples:
            connection.execute(sql.STORE_REJECTIONS, [now, *_to_columns(self._samples)])

    def _count(self, project_id: int, door: str, public_id: str, code: str, items: int) -> None:
        self._by_hour[project_id, door, code] += items
        if public_id:
            self._by_key[project_id, public_id, code] += items


def _describe(
    item: Rejected, *, project_id: int, door: str, public_id: str
) -> tuple[int, str, str, str, int, str | None, str | None, str | None]:
    ids = (_clip(item.trace_id), _clip(item.span_id), public_id or None)
    return (project_id, door, item.code, item.reason, item.index, *ids)


def _clip(text: str | None) -> str | None:
    """Return an id as Postgres can store it: whoever sent it may have been rejected for just that."""
    if not text:
        return None
    return text.replace("\x00", "\ufffd").encode(errors="replace").decode()[:_MOST_ID]


def _to_columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Turn rows into the arrays that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)]
