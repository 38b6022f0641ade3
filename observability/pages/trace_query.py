"""The filter bar of the Traces page: what the address asks for, in words the page shows and filters selectors take."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.http import QueryDict

from observability.errors import InvalidError
from observability.pages.time_range import Choice, TimeRange, read_time_range
from observability.query import parse_query
from observability.selectors.trace_filters import TraceFilters

_STATUSES = ("running", "ok", "error")
STATUS_CHOICES = [Choice("", "All"), *(Choice(status, status) for status in _STATUSES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceQuery:
    """What the address asks for. Texts as given, checked."""

    q: str = ""
    status: str = ""
    time_range: TimeRange = field(default_factory=TimeRange)
    cursor: str = ""

    @property
    def is_filtered(self) -> bool:
        """Say whether anything narrows the list."""
        return bool(self.q or self.status or self.time_range.is_set)

    def make_filters(self) -> TraceFilters:
        """Return the selector's filters; ranges like `24h` end now."""
        query = parse_query(self.q)
        if self.status:
            query = query.with_term("status", ":", self.status)
        return TraceFilters(query=query, since=self.time_range.since, until=self.time_range.until)

    def encode(self, *, cursor: str = "") -> str:
        """Return the address's query, with its question mark, for these filters at another place of the list."""
        pairs = {"q": self.q, "status": self.status, **self.time_range.list_parameters(), "cursor": cursor}
        query = urlencode({name: value for name, value in pairs.items() if value})
        return f"?{query}" if query else ""


def read_trace_query(data: QueryDict) -> TraceQuery:
    """Check what the address asks for. Raises `InvalidError` naming the parameter, or the place in `q`, at fault."""
    q = data.get("q", "").strip()
    status = data.get("status", "")
    parse_query(q)
    if status not in ("", *_STATUSES):
        raise InvalidError(f"status: choose from {', '.join(_STATUSES)}")
    return TraceQuery(q=q, status=status, time_range=read_time_range(data), cursor=data.get("cursor", ""))
