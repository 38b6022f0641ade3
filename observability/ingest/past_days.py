"""Which whole days a change of traces puts in question: what is remembered of them is to be counted again.

Nothing is remembered of a day before `REMEMBERED_AFTER` have gone by since its end, and only days that ended longer ago
than `QUESTIONED_AFTER` are put in question. So nearly all that is ingested, which is of today, pays nothing. The hour
between the two is for clocks that differ, and for a transaction that began before a day was past and is still under
way: it may last a minute (`committer.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

QUESTIONED_AFTER = timedelta(hours=1)
REMEMBERED_AFTER = timedelta(hours=2)
_SECOND_US = 1_000_000
_DAY_US = 86_400 * _SECOND_US

FORGET_DAYS = """
INSERT INTO trace_days AS d (project_id, day)
SELECT * FROM unnest(%s::bigint[], %s::date[]) AS k (project_id, day) ORDER BY 1, 2
ON CONFLICT (project_id, day) DO UPDATE SET
    size = 0, hours = NULL, hour_statuses = NULL, hour_traces = NULL, facet_hashes = NULL, facet_latest = NULL,
    facet_traces = NULL, user_ids = NULL, user_statuses = NULL, user_traces = NULL
WHERE d.hours IS NOT NULL
"""
"""Also locks the rows of which nothing is remembered, until the end of the transaction, in key order."""


def find_end_of_past(now_us: int, after: timedelta) -> int:
    """Return the end of the last UTC day that has ended so long ago, in microseconds since 1970 like `now_us`."""
    return (now_us - after // timedelta(microseconds=1)) // _DAY_US * _DAY_US


def list_past_days(starts: Iterable[tuple[int, int]], now_us: int) -> list[tuple[int, date]]:
    """Return (project, day) of the starts, (project, microseconds), that lie on past days; each once, in order."""
    end = find_end_of_past(now_us, QUESTIONED_AFTER)
    days = {(project_id, start_us // _DAY_US) for project_id, start_us in starts if start_us < end}
    return [(project_id, _EPOCH + timedelta(days=day)) for project_id, day in sorted(days)]


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).date()
