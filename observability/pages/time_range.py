"""The time range of a page: what `range`, `from` and `to` in its address ask for."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from observability.errors import InvalidError
from observability.services.saved_views import YEARS

ANY_TIME = ""
CUSTOM = "custom"
RANGES = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
_WORDS = {"15m": "15 minutes", "1h": "hour", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One segment of a choice."""

    value: str
    label: str
    title: str = ""


RANGE_CHOICES = [
    *(Choice(name, name, f"The last {words}") for name, words in _WORDS.items()),
    Choice(CUSTOM, "Custom", "Between two times"),
]
RANGE_CHOICES_AND_ANY = [Choice(ANY_TIME, "Any time", "Whenever it was"), *RANGE_CHOICES]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """A stretch of time as chosen. `since` is included, `until` is not; None is open. Named ranges end now."""

    name: str = ANY_TIME
    since: datetime | None = None
    until: datetime | None = None
    read_at: datetime = field(default_factory=timezone.now)

    @property
    def is_set(self) -> bool:
        """Say whether it leaves anything out."""
        return self.name != ANY_TIME

    @property
    def from_iso(self) -> str:
        """Return the start of a custom range for its field."""
        return self.since.isoformat() if self.since and self.name == CUSTOM else ""

    @property
    def to_iso(self) -> str:
        """Return the end of a custom range for its field."""
        return self.until.isoformat() if self.until and self.name == CUSTOM else ""

    @property
    def label(self) -> str:
        """Return the range in words; a custom one is said by its fields."""
        return f"the last {_WORDS[self.name]}" if self.name in _WORDS else "the chosen time"

    def list_parameters(self) -> dict[str, str]:
        """Return what the address holds of it, without what is empty."""
        pairs = {"range": self.name, "from": self.from_iso, "to": self.to_iso}
        return {name: value for name, value in pairs.items() if value}

    def bounds(self) -> tuple[datetime, datetime]:
        """Return start and end. An open end is when the address was read; an open start a day before the end."""
        until = self.until or self.read_at
        return self.since or until - RANGES["24h"], until

    def previous(self) -> TimeRange:
        """Return the stretch of equal length that ends where this one starts."""
        since, until = self.bounds()
        return TimeRange(name=CUSTOM, since=since - (until - since), until=since, read_at=self.read_at)


def read_time_range(data: QueryDict, *, default: str = ANY_TIME) -> TimeRange:
    """Check what the address asks for. Raises `InvalidError` naming the parameter at fault."""
    name = data.get("range", "") or default
    if name not in (default, CUSTOM, *RANGES):
        raise InvalidError(f"range: choose from {', '.join(RANGES)} and {CUSTOM}")
    now = timezone.now()
    if name != CUSTOM:
        return TimeRange(name=name, since=now - RANGES[name] if name in RANGES else None, read_at=now)
    since, until = _read_time(data, "from"), _read_time(data, "to")
    if since and until and since >= until:
        raise InvalidError("to: must be later than from")
    return TimeRange(name=CUSTOM, since=since, until=until, read_at=now)


def _read_time(data: QueryDict, name: str) -> datetime | None:
    text = data.get(name, "")
    if not text:
        return None
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise InvalidError(f"{name}: give an ISO 8601 time")
    if moment.year not in YEARS:
        raise InvalidError(f"{name}: give a time from {YEARS[0]} to {YEARS[-1]}")
    return moment if moment.tzinfo else timezone.make_aware(moment)
