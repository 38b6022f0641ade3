"""The quickstart page, and the test trace that shows in seconds whether everything works."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from observability.models import Role
from observability.pages.access import project_page
from observability.pages.settings.frame import get_slugs, make_frame
from observability.pages.settings.quickstarts import make_quickstart_context
from observability.selectors.access import ProjectAccess
from observability.services.test_traces import send_test_trace


@require_safe
@project_page()
def quickstart(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show how to send, per SDK."""
    context = make_frame(access, "quickstart") | make_quickstart_context(access)
    context["may_send"] = access.may(Role.ENGINEER)
    return render(request, "observability/settings_quickstart.html", context)


@require_POST
@project_page(Role.ENGINEER)
def send_test(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Send a small trace the way an SDK's would come, and lead to it."""
    trace_id = send_test_trace(project_id=access.project.pk)
    url = reverse("observability:trace-detail", args=[*get_slugs(access.project), trace_id])
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"trace_id": trace_id, "url": url})
    return redirect(url)
