"""The Errors page, and the page of one error."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from observability.errors import InvalidError, NotFoundError, SlowReadError
from observability.pages.access import project_page
from observability.pages.overview import USUAL_RANGE, make_health_frame, make_range_context, slugs_of
from observability.pages.time_range import Choice, TimeRange, read_time_range
from observability.selectors.access import ProjectAccess
from observability.selectors.error_shapes import ErrorDetail
from observability.selectors.errors import SORTS, get_error, list_errors
from observability.selectors.event_details import get_event_by_id

PAGE_SIZE = 50
SAMPLES_SHOWN = 20
_MOST_TEXT = 200
_MOST_STACK = 20_000
SORT_CHOICES = [
    Choice("last", "Latest", "Seen last first"),
    Choice("first", "Newest", "First seen last first"),
    Choice("count", "Most frequent", "Most events first"),
]


@require_safe
@project_page()
def error_list(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show errors by fingerprint; htmx gets the results alone."""
    frame = make_health_frame(access, "errors") | {"sort_choices": SORT_CHOICES, "sort": "last"}
    try:
        frame |= _make_list(access, request.GET)
    except InvalidError as error:
        frame |= make_range_context(TimeRange(name=USUAL_RANGE)) | {"problem": str(error)}
        return render(request, "observability/errors.html", frame, status=400)
    template = "observability/_errors.html" if request.htmx else "observability/errors.html"  # type: ignore[attr-defined]
    response = render(request, template, frame)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _make_list(access: ProjectAccess, data: QueryDict) -> dict[str, Any]:
    q, sort = data.get("q", "").strip(), data.get("sort", "") or "last"
    if len(q) > _MOST_TEXT or "\x00" in q:
        raise InvalidError(f"q: at most {_MOST_TEXT} characters, without NUL")
    if sort not in SORTS:
        raise InvalidError(f"sort: choose from {', '.join(SORTS)}")
    time_range = read_time_range(data, default=USUAL_RANGE)
    since, until = time_range.bounds()
    cursor = data.get("cursor", "")
    page = list_errors(
        access.project.pk, since=since, until=until, text=q, sort=sort, cursor=cursor or None, limit=PAGE_SIZE
    )
    base = reverse("observability:error-list", args=slugs_of(access))
    asked = {"q": q, "sort": "" if sort == "last" else sort, **time_range.list_parameters()}
    return make_range_context(time_range) | {
        "q": q,
        "sort": sort,
        "page": page,
        "is_first_page": not cursor,
        "first_page_url": base + _encode(asked),
        "next_url": base + _encode({**asked, "cursor": page.next_cursor}) if page.next_cursor else "",
        "unfiltered_url": base,
    }


@require_safe
@project_page()
def error_detail(request: HttpRequest, access: ProjectAccess, fingerprint: str) -> HttpResponse:
    """Show one error: its message, when it came, what its events have in common, the newest stack, samples."""
    frame = make_health_frame(access, "errors")
    template = "observability/error_group.html"
    try:
        time_range = read_time_range(request.GET, default=USUAL_RANGE)
        since, until = time_range.bounds()
        cursor = request.GET.get("cursor", "")
        error = get_error(
            access.project.pk, fingerprint, since=since, until=until, cursor=cursor or None, limit=SAMPLES_SHOWN
        )
    except (InvalidError, SlowReadError) as problem:
        frame |= make_range_context(TimeRange(name=USUAL_RANGE)) | {"problem": str(problem)}
        return render(request, template, frame, status=problem.status)
    base = reverse("observability:error-detail", args=[*slugs_of(access), fingerprint])
    pairs = time_range.list_parameters()
    frame |= make_range_context(time_range) | {
        "error": error,
        "breakdowns": _list_breakdowns(error),
        "stack": "" if cursor else _find_stack(access.project.pk, error),
        "chart_data": _make_chart_data(error),
        "is_first_page": not cursor,
        "first_page_url": base + _encode(pairs),
        "next_url": base + _encode({**pairs, "cursor": error.next_cursor}) if error.next_cursor else "",
    }
    return render(request, template, frame)


def _list_breakdowns(error: ErrorDetail) -> list[dict[str, Any]]:
    found = error.breakdown
    parts = [
        ("Workflow", found.workflows),
        ("Model", found.models),
        ("Environment", found.environments),
        ("Version", found.versions),
    ]
    return [
        {
            "label": label,
            "shares": [
                {"value": one.value or "none", "count": one.count, "share": one.count / found.events} for one in shares
            ],
        }
        for label, shares in parts
        # A column that says nothing anywhere is not shown.
        if any(one.value for one in shares)
    ]


def _find_stack(project_id: int, error: ErrorDetail) -> str:
    """Return the stack of the newest sample, or nothing: most errors of models have none."""
    if not error.samples:
        return ""
    try:
        stack = get_event_by_id(project_id, error.samples[0].id).error_stack
    except NotFoundError:
        return ""
    if stack.value is None:
        return ""
    value = msgspec.json.decode(stack.value)
    return value[:_MOST_STACK] if isinstance(value, str) else msgspec.json.encode(value).decode()[:_MOST_STACK]


def _make_chart_data(error: ErrorDetail) -> dict[str, Any]:
    return {
        "start": error.since.isoformat(),
        "end": error.until.isoformat(),
        "bucketSeconds": error.bucket_s,
        "buckets": [{"at": one.started_at.isoformat(), "values": {"error": one.count}} for one in error.buckets],
    }


def _encode(pairs: dict[str, str]) -> str:
    query = urlencode({name: value for name, value in pairs.items() if value})
    return f"?{query}" if query else ""
