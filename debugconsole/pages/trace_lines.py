"""What the Log tab of a trace asks for when it is opened: debug lines of the trace, while they last."""

from __future__ import annotations

import msgspec
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from debugconsole.pages.access import console_page
from debugconsole.services.sessions import Viewer
from debugconsole.trace_lines import TraceLines, read_trace_lines
from observability.models import User
from observability.selectors.access import ProjectAccess
from observability.selectors.traces import get_trace


@require_safe
@never_cache
@console_page()
def trace_lines(request: HttpRequest, access: ProjectAccess, trace_id: str) -> HttpResponse:
    """Return the lines as JSON: `items` of `{extension, console, event}`, oldest first; nobody is told of what they may
    not watch."""
    assert isinstance(request.user, User)
    trace = get_trace(access.project.pk, trace_id)
    viewer = Viewer(
        user=request.user,
        transport="poll",
        ip=request.META.get("REMOTE_ADDR") or None,
        user_agent=request.headers.get("User-Agent", ""),
    )
    lines = read_trace_lines(viewer=viewer, project_id=access.project.pk, trace=trace)
    return HttpResponse(_write(lines, access), content_type="application/json")


def _write(lines: TraceLines, access: ProjectAccess) -> bytes:
    slugs = [access.project.organization.slug, access.project.slug]
    items = [
        {
            "extension": str(extension),
            "console": reverse("debugconsole:debug-console", args=[*slugs, extension.pk]),
            "event": msgspec.Raw(item.json),
        }
        for extension, item in lines.found
    ]
    return msgspec.json.encode({"items": items, "is_cut": lines.is_cut, "problems": lines.problems})
