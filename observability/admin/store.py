"""The store's tables, to read: one project at a time, fifty rows at a time, never counted.

Their keys are composite, which Django's own lists cannot show, and they hold millions of rows. A page here reads the
newest rows of one project through the index that begins with the project, or those whose id begins as asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse

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
from observability.selectors.operations import estimate_rows

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class StoreTable:
    """A table as admin shows it. `order` begins with what rows are paged by; `search` is matched from its start."""

    name: str
    title: str
    model: type[Model]
    columns: tuple[str, ...]
    order: tuple[str, ...]
    search: str
    page: Callable[[Project, Any], str] | None = None


def _trace_url(project: Project, trace_id: str) -> str:
    return reverse("observability:trace-detail", args=[project.organization.slug, project.slug, trace_id])


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
            lambda project, row: _trace_url(project, row.trace_id),
        ),
        StoreTable("steps", "Steps", Step, ("kind", "key", "name", "model", "first_seen_at"), ("kind", "key"), "key"),
        StoreTable(
            "error-groups",
            "Error groups",
            ErrorGroup,
            ("fingerprint", "kind", "name", "message"),
            ("fingerprint",),
            "fingerprint",
        ),
        StoreTable(
            "sdk-sessions",
            "SDK sessions",
            SdkSession,
            ("session_id", "first_seen_at", "last_seen_at", "ended_at"),
            ("-last_seen_at", "-session_id"),
            "session_id",
        ),
        StoreTable(
            "rejections",
            "Rejected items",
            IngestRejection,
            ("received_at", "door", "code", "reason", "trace_id", "public_id"),
            ("-id",),
            "code",
            lambda project, row: _trace_url(project, row.trace_id) if row.trace_id else "",
        ),
        StoreTable(
            "counts", "Ingest counts", IngestCount, ("hour", "door", "code", "items"), ("-hour", "door", "code"), "code"
        ),
        StoreTable(
            "key-days",
            "Use of keys",
            KeyDay,
            ("day", "public_id", "code", "items", "last_at"),
            ("-day", "public_id", "code"),
            "public_id",
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
    projects = Project.objects.select_related("organization").order_by("organization__name", "name")
    project = projects.filter(pk=_read_number(request.GET.get("project", ""))).first()
    asked = request.GET.get("q", "").strip()
    context = {
        **admin.site.each_context(request),
        "title": table.title,
        "table": table,
        "projects": list(projects[:500]),
        "project": project,
        "asked": asked,
        "estimated_rows": estimate_rows(meta.db_table),
        "project_url": get_project_url(project) if project else "",
        **(_read_rows(table, project, asked=asked, skip=_read_number(request.GET.get("skip", ""))) if project else {}),
    }
    return TemplateResponse(request, "admin/store_table.html", context)


def _read_rows(table: StoreTable, project: Project, *, asked: str, skip: int) -> dict[str, Any]:
    """Return a page of rows. One query; at most twenty pages deep, past which only a search leads."""
    skip = min(skip, 20 * PAGE_ROWS)
    manager: Any = table.model
    rows: QuerySet[Any] = manager.objects.filter(project_id=project.pk)
    if asked:
        rows = rows.filter(**{f"{table.search}__startswith": asked})
    found = list(rows.only(*table.columns).order_by(*table.order)[skip : skip + PAGE_ROWS + 1])
    shown = [
        {"url": table.page(project, row) if table.page else "", "cells": [getattr(row, name) for name in table.columns]}
        for row in found[:PAGE_ROWS]
    ]
    is_more = len(found) > PAGE_ROWS and skip < 20 * PAGE_ROWS
    return {"rows": shown, "next_skip": skip + PAGE_ROWS if is_more else 0}


def _read_number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def list_urls() -> list[Any]:
    """Return admin's addresses with ours before them."""
    ours = path("store/<str:name>/", admin.site.admin_view(show_table), name="store-table")
    return [ours, *_library_urls()]


_library_urls = admin.site.get_urls
admin.site.get_urls = list_urls  # type: ignore[method-assign]
