"""The Trace page, and the parts of it that are read again while it is open."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from observability.models import Role
from observability.pages.access import project_page
from observability.pages.rooms import find_log_source, list_trace_tabs
from observability.query.nodes import EQUAL, Query
from observability.selectors.access import ProjectAccess
from observability.selectors.compare import find_previous_run
from observability.selectors.events import find_unattributed_trace_id
from observability.selectors.sessions import get_session_neighbours
from observability.selectors.shapes import TraceSummary
from observability.selectors.traces import get_trace

_COLUMN_OF = {"session": "session_id", "user": "user_id", "correlation": "correlation_id", "service": "service_name"}
_LINKED = (*_COLUMN_OF, "environment")
_SKELETON_WIDTHS = ("w2", "w3", "w4", "w3", "w4", "w2", "w3", "w3")


@require_safe
@project_page()
def trace_detail(request: HttpRequest, access: ProjectAccess, trace_id: str) -> HttpResponse:
    """Show one trace. The page reads the events themselves from the API, in windows."""
    trace = get_trace(access.project.pk, trace_id)
    context = {
        "project": access.project,
        "access": access,
        "section": "traces",
        "is_live_page": True,
        "trace": trace,
        "now": timezone.now(),
        "urls": _make_urls(access, trace_id),
        "links": _make_links(access, trace) | _make_comparison(access, trace),
        "may_delete": access.may(Role.ENGINEER),
        # Its hints are heard too.
        "also_trace_id": find_unattributed_trace_id(trace) or "",
        "skeleton_widths": _SKELETON_WIDTHS[: trace.event_count],
        "room_tabs": [(tab, reverse(tab.url_name, args=[*_slugs_of(access), trace_id])) for tab in list_trace_tabs()],
    }
    return render(request, "observability/trace.html", context)


@require_safe
@project_page()
def trace_header(request: HttpRequest, access: ProjectAccess, trace_id: str) -> HttpResponse:
    """Show the trace's header as it is now, for an open page."""
    trace = get_trace(access.project.pk, trace_id)
    links = _make_links(access, trace)
    context = {"project": access.project, "trace": trace, "links": links, "is_refresh": True}
    return render(request, "observability/_trace_header.html", context)


def _make_urls(access: ProjectAccess, trace_id: str) -> dict[str, str]:
    slugs = _slugs_of(access)
    return {
        "header": reverse("observability:trace-header", args=[*slugs, trace_id]),
        "events": reverse("api:event-list", args=[trace_id]),
        "flow": reverse("api:trace-flow", args=[trace_id]),
        "logs": reverse("api:log-list", args=[trace_id]),
        "log_source": find_log_source(*slugs, trace_id=trace_id),
        "state": reverse("api:trace-state", args=[trace_id]),
        "matches": reverse("api:event-matches", args=[trace_id]),
        "traces": reverse("observability:trace-list", args=slugs),
        "steps": reverse("observability:step-list", args=slugs),
        "trace": reverse("api:trace-detail", args=[trace_id]),
        "restore": reverse("api:trace-restore-many"),
    }


def _make_links(access: ProjectAccess, trace: TraceSummary) -> dict[str, str]:
    """Return where the header's facts lead: the traces that share them, and the session's next ones."""
    slugs = _slugs_of(access)
    traces = reverse("observability:trace-list", args=slugs)
    links = {}
    for field in _LINKED:
        value = getattr(trace, _COLUMN_OF.get(field, field))
        if value:
            links[field] = f"{traces}?{urlencode({'q': Query().with_term(field, EQUAL, value).to_text()})}"
    near = get_session_neighbours(access.project.pk, trace)
    for name, trace_id in (("before", near.before), ("after", near.after)):
        if trace_id is not None:
            links[name] = reverse("observability:trace-detail", args=[*slugs, trace_id])
    export = {"project": access.project.pk, "trace_id": trace.trace_id, "events": "true"}
    return {**links, "export": f"{reverse('api:trace-export')}?{urlencode(export)}"}


def _make_comparison(access: ProjectAccess, trace: TraceSummary) -> dict[str, str]:
    """Return where this run stands beside the one before it; the first of its workflow has none."""
    previous = find_previous_run(access.project.pk, trace)
    if previous is None:
        return {}
    compare = reverse("observability:compare", args=_slugs_of(access))
    return {"compare": f"{compare}?{urlencode({'left': previous, 'right': trace.trace_id})}"}


def _slugs_of(access: ProjectAccess) -> list[str]:
    return [access.project.organization.slug, access.project.slug]
