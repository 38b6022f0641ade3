"""The page of connected SDKs: who can be asked to run something."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from observability.pages.access import project_page
from observability.selectors.access import ProjectAccess
from reruns.api.sampling import SESSIONS_SINCE
from reruns.pages.start import make_start_context
from reruns.selectors.connections import list_sessions


@require_safe
@project_page()
def sdk_sessions(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show the SDK processes that are connected, and those that were within a day."""
    sessions = list_sessions(access.project.pk, since=timezone.now() - SESSIONS_SINCE).items
    context = make_start_context(access) | {
        "project": access.project,
        "access": access,
        "section": "reruns",
        "is_live_page": True,
        "sessions": sessions,
        "connected": sum(one.is_connected for one in sessions),
        "ready": sum(one.is_connected and one.may_rerun for one in sessions),
    }
    is_part = request.htmx  # type: ignore[attr-defined]
    response = render(request, "reruns/_sessions.html" if is_part else "reruns/sessions.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response
