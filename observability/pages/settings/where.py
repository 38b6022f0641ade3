"""Where is my trace? One field, and everything that is known of what is put into it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from observability.models import Project
from observability.pages.access import project_page
from observability.pages.settings.frame import get_person, get_slugs, make_frame
from observability.selectors.access import ProjectAccess
from observability.selectors.whereabouts import find_whereabouts
from observability.selectors.whereabouts_shapes import Verdict

_MOST_TEXT = 300
_PAGES = {"keys": "API keys", "capture": "Capture and redaction", "quickstart": "Quickstart"}


@require_safe
@project_page()
def where(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show what became of an id."""
    wanted = request.GET.get("id", "").strip()[:_MOST_TEXT].replace("\x00", "")
    found = find_whereabouts(access.project.pk, wanted, user=get_person(request)) if wanted else None
    context = make_frame(access, "where") | {
        "wanted": found.id if found else "",
        "found": found,
        "verdicts": [_describe(access.project, one) for one in found.items] if found else [],
    }
    return render(request, "observability/settings_where.html", context)


def _describe(project: Project, verdict: Verdict) -> dict[str, object]:
    """Return a verdict with the links that go with it."""
    slugs = verdict.project.split("/") if verdict.project else list(get_slugs(project))
    links = []
    if verdict.trace_id:
        links.append(("Open the trace", reverse("observability:trace-detail", args=[*slugs, verdict.trace_id])))
    elif verdict.project:
        links.append(("Go to that project", reverse("observability:trace-list", args=slugs)))
    if verdict.setting:
        address = reverse(f"observability:settings-{verdict.setting}", args=slugs)
        links.append((_PAGES[verdict.setting], address))
    return {"verdict": verdict, "links": links}
