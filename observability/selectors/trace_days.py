"""Which whole days a read need not look through, because their counts are remembered (`services/day_counts.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from observability.models import TraceDay
from observability.selectors.trace_filters import TraceFilters

MOST_SCANNED = 6
"""Stretches without counts that a read looks through one by one. Of what is older, all is looked through."""
MOST_TAKEN = 200_000
"""Counts of days that one statement takes together: a fifth of a second at most."""
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CountedDay:
    """A day whose counts are remembered, and how many those are."""

    day: date
    size: int

    @property
    def since(self) -> datetime:
        """Return its first moment."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)

    @property
    def until(self) -> datetime:
        """Return the first moment after it."""
        return self.since + _DAY


@dataclass(frozen=True, slots=True)
class Stretch:
    """Time to look through, `since` included and `until` not, and the counted days that come before it."""

    since: datetime | None
    until: datetime | None
    days: tuple[CountedDay, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Say whether there is nothing but days."""
        return self.since is not None and self.since == self.until

    @property
    def begins_at(self) -> datetime | None:
        """Return the first moment of all of it."""
        return self.days[-1].since if self.days else self.since

    def narrow(self, filters: TraceFilters) -> TraceFilters:
        """Return the filters for what is to be looked through."""
        return replace(filters, since=self.since, until=self.until)


def list_counted_days(project_id: int, filters: TraceFilters, *, has_facets: bool) -> list[CountedDay]:
    """Return the whole days of the range whose counts are remembered, newest first. One query, primary key."""
    found = TraceDay.objects.filter(project_id=project_id, hours__isnull=False)
    if has_facets:
        found = found.filter(facet_hashes__isnull=False)
    if filters.since is not None:
        found = found.filter(day__gte=(filters.since + _DAY - timedelta(microseconds=1)).astimezone(UTC).date())
    if filters.until is not None:
        found = found.filter(day__lt=filters.until.astimezone(UTC).date())
    return [CountedDay(day, size) for day, size in found.order_by("-day").values_list("day", "size")]


def list_stretches(filters: TraceFilters, days: Sequence[CountedDay]) -> list[Stretch]:
    """Cut the range into stretches, newest first, so that days and what is to be looked through fill it."""
    stretches: list[Stretch] = []
    until = filters.until
    taken: list[CountedDay] = []
    for place, day in enumerate(days):
        scanned = sum(not stretch.is_empty for stretch in stretches)
        if not taken and day.until != until and scanned + 2 > MOST_SCANNED:
            break
        taken.append(day)
        older = days[place + 1] if place + 1 < len(days) else None
        is_full = older is not None and sum(each.size for each in (*taken, older)) > MOST_TAKEN
        if older is None or older.until != day.since or is_full:
            stretches.append(Stretch(taken[0].until, until, tuple(taken)))
            until, taken = day.since, []
    return [*stretches, Stretch(filters.since, until)]
