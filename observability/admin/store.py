"""The store's tables, to read: one project at a time, fifty rows at a time, never counted.

Their keys are composite, which Django's own lists cannot show, and they hold millions of rows. A page here walks one
project's rows along an index that begins with the project, from behind the last row of the page before, and leaves out
those that do not begin as asked. A search that finds too little is stopped, and says so.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.contrib import admin
from django.core.exceptions import BadRequest, PermissionDenied, ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone

from observability.admin.links import get_project_url
from observability.models import (
    ErrorGroup,
    IngestCount,
    IngestRejection,
    KeyDay,
    Project,
    SdkSession,
    Step,
    Trace,
)
from observability.query.nodes import EQUAL, Query
from observability.selectors.budget import Budget, OutOfTimeError
from observability.selectors.operations import estimate_rows
from observability.templatetags.playhead import UNKNOWN

PAGE_ROWS = 50
PROJECTS_OFFERED = 500
READ_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class StoreTable:
    """A table as admin shows it. `order` ends where rows are one of a kind, and an index of the table follows it.

    `search` is matched from its start, then in `search_order` where that lies nearer. `page` leads to a row's own page.
    """

    name: str
    title: str
    model: type[Model]
    columns: tuple[str, ...]
    order: tuple[str, ...]
    search: str
    page: Callable[[Project, Any], str]
    search_order: tuple[str, ...] = ()

    def get_order(self, asked: str) -> tuple[str, ...]:
        """Return in which order rows are read."""
        return self.search_order if asked and self.search_order else self.order


def _lead_to(project: Project, page: str, *arguments: str) -> str:
    return reverse(f"observability:{page}", args=[project.organization.slug, project.slug, *arguments])


def _session_url(project: Project, row: Any) -> str:
    query = Query().with_term("session", EQUAL, row.session_id).to_text()
    return f"{_lead_to(project, 'trace-list')}?{urlencode({'q': query})}"


def _rejection_url(project: Project, row: Any) -> str:
    if row.trace_id:
        return _lead_to(project, "trace-detail", row.trace_id)
    return _lead_to(project, "ingest-health")


TABLES = {
    table.name: table
    for table in (
        StoreTable(
            "traces",
            "Traces",
            Trace,
            ("trace_id", "workflow_name", "status", "started_at", "event_count", "error_count", "deleted_at"),
            ("-started_at", "-trace_id"),
            "trace_id",
            lambda project, row: _lead_to(project, "trace-detail", row.trace_id),
            search_order=("trace_id",),
        ),
        StoreTable(
            "steps",
            "Steps",
            Step,
            ("kind", "key", "name", "model", "first_seen_at"),
            ("kind", "key"),
            "key",
            lambda project, row: _lead_to(project, "step-detail", row.kind, row.key),
        ),
        StoreTable(
            "error-groups",
            "Error groups",
            ErrorGroup,
            ("fingerprint", "kind", "name", "message"),
            ("fingerprint",),
            "fingerprint",
            lambda project, row: _lead_to(project, "error-detail", row.fingerprint),
        ),
        StoreTable(
            "sdk-sessions",
            "SDK sessions",
            SdkSession,
            ("session_id", "first_seen_at", "last_seen_at", "ended_at"),
            ("session_id",),
            "session_id",
            _session_url,
        ),
        StoreTable(
            "rejections",
            "Rejected items",
            IngestRejection,
            ("received_at", "door", "code", "reason", "trace_id", "public_id"),
            ("-id",),
            "code",
            _rejection_url,
        ),
        StoreTable(
            "counts",
            "Ingest counts",
            IngestCount,
            ("door", "hour", "code", "items"),
            ("-door", "-hour", "-code"),
            "door",
            lambda project, row: _lead_to(project, "ingest-health"),
        ),
        StoreTable(
            "key-days",
            "Use of keys",
            KeyDay,
            ("public_id", "day", "code", "items", "last_at"),
            ("-public_id", "-day", "-code"),
            "public_id",
            lambda project, row: _lead_to(project, "settings-keys"),
        ),
    )
}


def show_table(request: HttpRequest, name: str) -> HttpResponse:
    """Show rows of one table and project. Without a project, ask for one."""
    table = TABLES.get(name)
    if table is None:
        raise Http404
    meta = table.model._meta
    if not request.user.has_perm(f"{meta.app_label}.view_{meta.model_name}"):
        raise PermissionDenied
    projects = Project.objects.filter(deleted_at=None).select_related("organization")
    project = projects.filter(pk=_read_number(request.GET.get("project", ""))).first()
    offered = list(projects.order_by("organization__name", "name", "pk")[:PROJECTS_OFFERED])
    asked = request.GET.get("q", "").replace("\x00", "").strip()
    context = {
        **admin.site.each_context(request),
        "title": table.title,
        "table": table,
        "heads": [_name_column(table, name) for name in table.columns],
        "search_name": _name_column(table, table.search),
        "projects": offered if project is None or project in offered else [project, *offered],
        "project": project,
        "asked": asked,
        "after": request.GET.get("after", ""),
        "estimated_rows": estimate_rows(meta.db_table),
        "project_url": get_project_url(project) if project else "",
        **(_read_page(table, project, asked=asked, after=request.GET.get("after", "")) if project else {}),
    }
    return TemplateResponse(request, "admin/store_table.html", context)


def _read_page(table: StoreTable, project: Project, *, asked: str, after: str) -> dict[str, Any]:
    """Return a page of rows: one query, stopped after `READ_SECONDS`."""
    order = table.get_order(asked)
    manager: Any = table.model
    rows: QuerySet[Any] = manager.objects.filter(project_id=project.pk)
    if asked:
        rows = rows.filter(**{f"{table.search}__startswith": asked})
    if after:
        rows = rows.filter(_is_past(order, _read_position(table, order, after)))
    try:
        with Budget(READ_SECONDS).spend():
            found = list(rows.only(*table.columns).order_by(*order)[: PAGE_ROWS + 1])
    except OutOfTimeError:
        return {"is_stopped": True}
    shown = found[:PAGE_ROWS]
    return {
        "rows": [
            {"url": table.page(project, row), "cells": [_write_cell(getattr(row, name)) for name in table.columns]}
            for row in shown
        ],
        "next": _make_position(order, shown[-1]) if len(found) > PAGE_ROWS else "",
    }


def _write_cell(value: Any) -> str:
    """Write a value as it is stored; moments in the person's time zone, with its name."""
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S %Z")
    return UNKNOWN if value is None else str(value)


def _is_past(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Return the condition for rows behind a row. Its first half is what an index can use."""
    first = order[0].removeprefix("-")
    past, same = Q(), Q()
    for entry, value in zip(order, values, strict=True):
        name = entry.removeprefix("-")
        past |= same & Q(**{f"{name}__{'lt' if entry.startswith('-') else 'gt'}": value})
        same &= Q(**{name: value})
    return Q(**{f"{first}__{'lte' if order[0].startswith('-') else 'gte'}": values[0]}) & past


def _make_position(order: Sequence[str], row: Any) -> str:
    packed = msgspec.json.encode([str(getattr(row, name.removeprefix("-"))) for name in order])
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def _read_position(table: StoreTable, order: Sequence[str], text: str) -> list[Any]:
    """Return the values that `_make_position` packed. Raises `BadRequest` for any other text."""
    fields: list[Any] = [table.model._meta.get_field(name.removeprefix("-")) for name in order]
    try:
        packed = base64.b64decode(text.encode() + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        values = msgspec.json.decode(packed, type=list[str])
        return [field.to_python(value.replace("\x00", "")) for field, value in zip(fields, values, strict=True)]
    except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError, ValidationError) as error:
        raise BadRequest("after: not a place that this list gave") from error


def _name_column(table: StoreTable, name: str) -> str:
    return str(getattr(table.model._meta.get_field(name), "verbose_name", name)).capitalize()


def _read_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def list_urls() -> list[Any]:
    """Return admin's addresses with ours before them."""
    ours = path("store/<str:name>/", admin.site.admin_view(show_table), name="store-table")
    return [ours, *_library_urls()]


_library_urls = admin.site.get_urls
admin.site.get_urls = list_urls  # type: ignore[method-assign]
