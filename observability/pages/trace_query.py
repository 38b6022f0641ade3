"""The filter bar of the Traces page: what the address asks for, in words the page shows and filters selectors take."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.http import QueryDict

from observability.errors import InvalidError
from observability.pages.time_range import TimeRange, read_time_range
from observability.query import NO_QUERY, Query, parse_query
from observability.selectors.trace_columns import check_columns
from observability.selectors.trace_filters import TraceFilters

NO_VIEW = "all"
"""In an address: no saved view, not even the one that the list opens with."""
_STATUSES = ("running", "ok", "error")


@dataclass(frozen=True, slots=True)
class StatusChoice:
    """One of the quick choices of status, with the address that takes it."""

    value: str
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceQuery:
    """What the address asks for, checked. `q` is as typed, `query` what it means.

    `view` is the id of the saved view that was opened, from which query, range and columns may differ by now.
    """

    q: str = ""
    query: Query = NO_QUERY
    time_range: TimeRange = field(default_factory=TimeRange)
    view: str = ""
    columns: tuple[str, ...] = ()
    cursor: str = ""

    @property
    def is_filtered(self) -> bool:
        """Say whether anything narrows the list."""
        return bool(self.query) or self.time_range.is_set

    def make_filters(self) -> TraceFilters:
        """Return the selector's filters; ranges like `24h` end now."""
        return TraceFilters(query=self.query, since=self.time_range.since, until=self.time_range.until)

    def encode(self, *, cursor: str = "", q: str | None = None) -> str:
        """Return the address's query, with its question mark, at another place of the list or with another text."""
        pairs = {
            "q": self.q if q is None else q,
            **self.time_range.list_parameters(),
            "view": self.view,
            "columns": ",".join(self.columns),
            "cursor": cursor,
        }
        query = urlencode({name: value for name, value in pairs.items() if value})
        return f"?{query}" if query else ""

    def list_status_choices(self, base: str) -> list[StatusChoice]:
        """Return all, and each status alone, in place of what the query says of it."""
        rest = self.query.without_field("status")
        chosen = self.query.list_values("status")
        choices = [StatusChoice("", f"{base}{self.encode(q=rest.to_text())}", is_current=not chosen)]
        for status in _STATUSES:
            q = rest.with_term("status", ":", status).to_text()
            choices.append(StatusChoice(status, f"{base}{self.encode(q=q)}", is_current=chosen == (status,)))
        return choices


def read_trace_query(data: QueryDict) -> TraceQuery:
    """Check what the address asks for. Raises `InvalidError` naming the parameter, or the place in `q`, at fault."""
    q = data.get("q", "").strip()
    view = data.get("view", "")
    if view not in ("", NO_VIEW) and not (view.isascii() and view.isdigit() and len(view) < 19):
        raise InvalidError("view: give the number of a saved view")
    columns = data.get("columns", "")
    return TraceQuery(
        q=q,
        query=parse_query(q),
        time_range=read_time_range(data),
        view=view,
        columns=tuple(check_columns(columns.split(","))) if columns else (),
        cursor=data.get("cursor", ""),
    )
