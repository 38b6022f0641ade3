"""Dialect coverage: which attributes of what was sent lately were understood."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from observability.pages.access import project_page
from observability.pages.settings.frame import make_frame
from observability.selectors.access import ProjectAccess
from observability.selectors.dialect_coverage import get_coverage


@require_safe
@project_page()
def coverage(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show understood and unknown attributes by dialect and instrumentation scope."""
    context = make_frame(access, "coverage") | {"sample": get_coverage(access.project.pk)}
    return render(request, "observability/settings_coverage.html", context)
