"""The filter bar of the Traces page: what the address asks for, in words the page shows and filters selectors take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from observability.errors import InvalidError
from observability.selectors.trace_filters import TraceFilters

CUSTOM = "custom"
_RANGES = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
_STATUSES = ("running", "ok", "error")
_MOST_TEXT = 1000


@dataclass(frozen=True, slots=True)
class Choice:
    """One segment of a choice."""

    value: str
    label: str
    title: str = ""


STATUS_CHOICES = [Choice("", "All"), *(Choice(status, status) for status in _STATUSES)]
RANGE_CHOICES = [
    Choice("", "Any time", "Whenever it started"),
    *(Choice(name, name, f"Started in the last {name}") for name in _RANGES),
    Choice(CUSTOM, "Custom", "Started between two times"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceQuery:
    """What the address asks for. Texts as given, checked."""

    q: str = ""
    status: str = ""
    range: str = ""
    since: datetime | None = None
    until: datetime | None = None
    cursor: str = ""

    @property
    def is_filtered(self) -> bool:
        """Say whether anything narrows the list."""
        return bool(self.q or self.status or self.range)

    @property
    def from_iso(self) -> str:
        """Return the start of a custom range for its field."""
        return self.since.isoformat() if self.since and self.range == CUSTOM else ""

    @property
    def to_iso(self) -> str:
        """Return the end of a custom range for its field."""
        return self.until.isoformat() if self.until and self.range == CUSTOM else ""

    def make_filters(self) -> TraceFilters:
        """Return the selector's filters; ranges like `24h` end now."""
        since = timezone.now() - _RANGES[self.range] if self.range in _RANGES else self.since
        return TraceFilters(
            statuses=(self.status,) if self.status else (), since=since, until=self.until, text=self.q or None
        )

    def encode(self, *, cursor: str = "") -> str:
        """Return the address's query, with its question mark, for these filters at another place of the list."""
        pairs = {
            "q": self.q,
            "status": self.status,
            "range": self.range,
            "from": self.from_iso,
            "to": self.to_iso,
            "cursor": cursor,
        }
        query = urlencode({name: value for name, value in pairs.items() if value})
        return f"?{query}" if query else ""


def read_trace_query(data: QueryDict) -> TraceQuery:
    """Check what the address asks for. Raises `InvalidError` naming the parameter at fault."""
    q = data.get("q", "").strip()
    status = data.get("status", "")
    range_ = data.get("range", "")
    if len(q) > _MOST_TEXT or "\x00" in q:
        raise InvalidError(f"q: at most {_MOST_TEXT} characters, without NUL")
    if status not in ("", *_STATUSES):
        raise InvalidError(f"status: choose from {', '.join(_STATUSES)}")
    if range_ not in ("", CUSTOM, *_RANGES):
        raise InvalidError(f"range: choose from {', '.join(_RANGES)} and {CUSTOM}")
    is_custom = range_ == CUSTOM
    return TraceQuery(
        q=q,
        status=status,
        range=range_,
        since=_read_time(data, "from") if is_custom else None,
        until=_read_time(data, "to") if is_custom else None,
        cursor=data.get("cursor", ""),
    )


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
    return moment if moment.tzinfo else timezone.make_aware(moment)
