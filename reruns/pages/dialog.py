"""The sheet in which a rerun is put together. Its script reads the calls and the plan from the API."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from observability.pages.access import project_page
from observability.selectors.access import ProjectAccess
from observability.selectors.traces import get_trace
from reruns.api.sampling import SESSIONS_SINCE
from reruns.pages.access import find_denial, slugs_of
from reruns.pages.checks import CHECK_FORMS, THRESHOLDS
from reruns.pages.start import make_start_context
from reruns.selectors.connections import list_sessions
from reruns.selectors.policies import count_recent_runs
from reruns.services.triggers import MOST_RUNS


@require_safe
@project_page()
def rerun_dialog(request: HttpRequest, access: ProjectAccess, trace_id: str) -> HttpResponse:
    """Show the sheet for a trace; who may not rerun is told why."""
    trace = get_trace(access.project.pk, trace_id)
    policy, denial = find_denial(request, access)
    context = {"project": access.project, "trace": trace, "denial": denial}
    if not denial:
        sessions = list_sessions(access.project.pk, since=timezone.now() - SESSIONS_SINCE).items
        left = max(policy.max_per_hour - count_recent_runs(access.project.pk), 0)
        context |= make_start_context(access) | {
            "sessions": [one for one in sessions if one.is_connected and one.may_rerun],
            "deaf_sessions": [one for one in sessions if one.is_connected and not one.may_rerun],
            "check_forms": CHECK_FORMS,
            "thresholds": THRESHOLDS,
            "most_runs": max(min(MOST_RUNS, left), 1),
            "runs_left": left,
            "policy": policy,
            "urls": {
                "plan": reverse("reruns-api:rerun-plans"),
                "workflow": reverse("reruns-api:workflow-reruns"),
                "step": reverse("reruns-api:step-reruns"),
                "portal": reverse("reruns-api:portal-tasks"),
                "test": reverse("reruns-api:saved-tests"),
                "reruns": reverse("reruns:rerun-list", args=slugs_of(access)),
                "sessions": reverse("reruns:sdk-sessions", args=slugs_of(access)),
            },
        }
    return render(request, "reruns/_dialog.html", context)
