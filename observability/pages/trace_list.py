"""The Traces page, and the parts of it that are read again while it is open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from observability.errors import InvalidError
from observability.models import Role, User
from observability.pages.access import project_page
from observability.pages.settings.quickstarts import make_quickstart_context
from observability.pages.time_range import RANGE_CHOICES_AND_ANY
from observability.pages.trace_query import NO_VIEW, TraceQuery, read_trace_query
from observability.pages.trace_views import find_default_address, make_columns, make_views_context
from observability.query import QueryError
from observability.selectors.access import ProjectAccess
from observability.selectors.paging import Position, read_cursor
from observability.selectors.shapes import TraceSummary
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.traces import count_newer_traces, list_traces, list_traces_by_id
from observability.services.purge import GRACE

PAGE_SIZE = 50
FACETS_COOKIE = "trace-facets"
"""Whether the column of facets is `closed`: kept in the browser, because it depends on the screen."""
_MOST_HINTED = 200


@require_safe
@project_page()
def trace_list(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show the list; htmx gets the results alone, and a refused query as JSON with its place.

    Without any parameter the list opens with the person's default view, if they have one.
    """
    is_part = bool(request.htmx)  # type: ignore[attr-defined]
    base = reverse("observability:trace-list", args=[access.project.organization.slug, access.project.slug])
    if not request.GET and not is_part and (address := find_default_address(request, access)):
        return redirect(f"{base}{address}")
    frame = _make_frame(request, access)
    try:
        query = read_trace_query(request.GET)
        frame |= make_views_context(request, access, query, base) | _make_results(access, query, base)
    except InvalidError as error:
        return _refuse(request, error, frame, base=base, is_part=is_part)
    response = render(request, "observability/_traces_part.html" if is_part else "observability/traces.html", frame)
    # The same address answers with a page or a part of one; a cached part must not come back as the page.
    patch_vary_headers(response, ["HX-Request"])
    return response


def _refuse(
    request: HttpRequest, error: InvalidError, frame: dict[str, Any], *, base: str, is_part: bool
) -> HttpResponse:
    place = {"position": error.position, "length": error.length} if isinstance(error, QueryError) else {}
    if is_part:
        return JsonResponse({"code": error.code, "detail": str(error), **place}, status=400)
    q = request.GET.get("q", "") if place else ""
    shown = {"problem": str(error), "query": TraceQuery(q=q), "unfiltered_url": f"{base}?view={NO_VIEW}"}
    if place:
        end = error.position + error.length  # type: ignore[attr-defined]
        # As the form sends it: without the space around it, which the place does not count.
        text = q.strip()
        shown["problem_parts"] = (text[: place["position"]], text[place["position"] : end] or " ", text[end:])
    context = frame | make_views_context(request, frame["access"], TraceQuery(), base) | shown
    context["status_choices"] = TraceQuery().list_status_choices(base)
    return render(request, "observability/traces.html", context, status=400)


def _make_frame(request: HttpRequest, access: ProjectAccess) -> dict[str, Any]:
    return {
        "project": access.project,
        "access": access,
        "section": "traces",
        "is_live_page": True,
        "range_choices": RANGE_CHOICES_AND_ANY,
        "may_delete": access.may(Role.ENGINEER),
        "may_share": access.may(Role.ENGINEER),
        "has_facets": request.COOKIES.get(FACETS_COOKIE) != "closed",
        "density_choices": User.Density.choices,
        "most_grace_s": int(GRACE.total_seconds()),
    }


def _make_results(access: ProjectAccess, query: TraceQuery, base: str) -> dict[str, Any]:
    """Return what the results partial shows. One query of `list_traces`, one more when it is empty."""
    project = access.project
    page = list_traces(project.pk, filters=query.make_filters(), cursor=query.cursor or None, limit=PAGE_SIZE)
    parts = query.query.terms()
    results: dict[str, Any] = {
        "query": query,
        "status_choices": query.list_status_choices(base),
        "parts": [
            {"text": part.text, "url": f"{base}{query.encode(q=query.query.without_term(part.index).to_text())}"}
            for part in parts
        ],
        # For the script: what each condition is, so that facets can add to it and take from it.
        "parts_data": [
            {"text": part.text, "field": part.field, "operator": part.operator, "values": part.values} for part in parts
        ],
        "page": page,
        "is_first_page": not query.cursor,
        "unfiltered_url": f"{base}?view={NO_VIEW}",
        "first_page_url": f"{base}{query.encode()}",
        "older_url": f"{base}{query.encode(cursor=page.next_cursor)}" if page.next_cursor else "",
    }
    if not page.items and not page.next_cursor:
        results["has_any_trace"] = bool(query.cursor) or (query.is_filtered and _has_traces(project.pk))
        if not results["has_any_trace"]:
            results |= make_quickstart_context(access)
    return results


def _has_traces(project_id: int) -> bool:
    return bool(list_traces(project_id, limit=1).items)


@require_safe
@project_page()
def trace_list_live(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Bring an open list up to date: its shown rows as they are now, and how many traces wait beside them.

    `shown` and `maybe` are the ids that a hint named, on the page and not on it; `complete` asks for all that belong
    on the page, after an interruption. `newer_than` and `oldest` are the cursors of the page's ends.
    """
    project_id = access.project.pk
    try:
        query = read_trace_query(request.GET)
        filters = query.make_filters()
        newer_than = request.GET.get("newer_than", "")
        newer = count_newer_traces(project_id, filters=filters, newer_than=newer_than)
        between = _list_between(project_id, filters, request, newest=newer_than)
    except InvalidError as error:
        return JsonResponse({"code": error.code, "detail": str(error)}, status=400)
    shown = [one for one in request.GET.getlist("shown") if "\x00" not in one]
    context = {
        "project": access.project,
        "columns": make_columns(request, access, query),
        "traces": list_traces_by_id(project_id, shown[:_MOST_HINTED]),
        "news": {"count": newer.count, "is_more": newer.is_more, "between": between},
    }
    return render(request, "observability/_traces_live.html", context)


def _list_between(project_id: int, filters: TraceFilters, request: HttpRequest, *, newest: str) -> list[str]:
    """Return traces that belong between the page's rows: they arrived late, with an earlier start.

    A text search is left to the next full read: it cannot be narrowed to ids by an index.
    """
    ids = tuple(one for one in request.GET.getlist("maybe")[:_MOST_HINTED] if "\x00" not in one)
    is_complete = "complete" in request.GET
    if filters.has_text or not (ids or is_complete):
        return []
    first, last = read_cursor(newest), read_cursor(request.GET.get("oldest"))
    if is_complete:
        found = list_traces(project_id, filters=filters, cursor=newest or None, limit=PAGE_SIZE).items
    else:
        found = list_traces(project_id, filters=replace(filters, ids=ids), limit=_MOST_HINTED).items
    return [trace.trace_id for trace in found if _is_between(trace, first=first, last=last)]


def _is_between(trace: TraceSummary, *, first: Position | None, last: Position | None) -> bool:
    position = Position(trace.started_at, trace.trace_id)
    return (first is None or position < first) and (last is None or position > last)
