"""Saved views and columns, as the Traces page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from observability.models import TraceListChoice, User
from observability.pages.trace_query import NO_VIEW, TraceQuery
from observability.selectors.access import Caller, ProjectAccess
from observability.selectors.saved_views import (
    SavedViewItem,
    SavedViewList,
    get_trace_list_choice,
    list_saved_views,
)
from observability.selectors.trace_columns import COLUMNS, FIXED_COLUMN, Column, find_columns


@dataclass(frozen=True, slots=True)
class ViewEntry:
    """A saved view in the menu."""

    view: SavedViewItem
    url: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class ColumnEntry:
    """A column in the chooser."""

    column: Column
    is_shown: bool
    is_fixed: bool


def make_caller(request: HttpRequest, access: ProjectAccess) -> Caller:
    """Return the person in the project of the page."""
    assert isinstance(request.user, User)
    return Caller(project_id=access.project.pk, user=request.user, role=access.role)


def find_default_address(request: HttpRequest, access: ProjectAccess) -> str:
    """Return the query of the view the list opens with, or nothing. Two queries at most."""
    caller = make_caller(request, access)
    default_id = get_trace_list_choice(caller).default_view_id
    found = (
        next((view for view in list_saved_views(caller).items if view.id == default_id), None) if default_id else None
    )
    return encode_view(found) if found else ""


def encode_view(view: SavedViewItem) -> str:
    """Return the address's query, with its question mark, that opens the view."""
    pairs = {
        "q": view.q,
        "range": view.range,
        "from": view.since.isoformat() if view.since else "",
        "to": view.until.isoformat() if view.until else "",
        "view": str(view.id),
    }
    return f"?{urlencode({name: value for name, value in pairs.items() if value})}"


def make_views_context(request: HttpRequest, access: ProjectAccess, query: TraceQuery, base: str) -> dict[str, Any]:
    """Return what the menus of views and columns show. Three queries."""
    caller = make_caller(request, access)
    views = list_saved_views(caller)
    choice = get_trace_list_choice(caller)
    current = _find_current(views, query)
    columns = _find_columns(query, current, choice)
    shown = {column.name for column in columns}
    rest = [column for column in COLUMNS.values() if column.name not in shown]
    return {
        "views": [
            ViewEntry(view, f"{base}{encode_view(view)}", is_current=view is current)
            for view in sorted(views.items, key=lambda view: view.is_shared)
        ],
        "no_view_url": f"{base}?view={NO_VIEW}" if choice.default_view_id else base,
        "current_view": current,
        "is_view_changed": current is not None and _is_changed(current, query),
        "columns": columns,
        "column_entries": [
            ColumnEntry(column, column.name in shown, column.name == FIXED_COLUMN) for column in (*columns, *rest)
        ],
        "has_own_columns": bool(query.columns or choice.columns or (current and current.columns)),
    }


def make_columns(request: HttpRequest, access: ProjectAccess, query: TraceQuery) -> list[Column]:
    """Return the columns that the address means to this person. Three queries at most."""
    caller = make_caller(request, access)
    current = _find_current(list_saved_views(caller), query) if query.view not in ("", NO_VIEW) else None
    return _find_columns(query, current, get_trace_list_choice(caller))


def _find_current(views: SavedViewList, query: TraceQuery) -> SavedViewItem | None:
    return next((view for view in views.items if str(view.id) == query.view), None)


def _find_columns(query: TraceQuery, current: SavedViewItem | None, choice: TraceListChoice) -> list[Column]:
    """The address says first, then the view that is open, then what the person chose for every list."""
    return find_columns(query.columns or (current.columns if current else []) or choice.columns)


def _is_changed(view: SavedViewItem, query: TraceQuery) -> bool:
    now = (query.q, query.time_range.name, query.time_range.from_iso, query.time_range.to_iso)
    saved = (
        view.q,
        view.range,
        view.since.isoformat() if view.since else "",
        view.until.isoformat() if view.until else "",
    )
    return now != saved or bool(query.columns and list(query.columns) != view.columns)
