"""The Compare page: two traces of a project side by side. The page reads the aligned rows from the API."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from observability.pages.access import project_page
from observability.selectors.access import ProjectAccess
from observability.selectors.compare import Candidate, list_candidates
from observability.selectors.shapes import TraceSummary
from observability.selectors.traces import get_trace


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Another trace to put on one side."""

    candidate: Candidate
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One half of the page: its trace, if one was chosen, and what else could be there."""

    name: str
    label: str
    trace: TraceSummary | None
    suggestions: list[Suggestion]


@require_safe
@project_page()
def compare(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show two traces side by side, or what to choose. A trace that is not there, on either side, is a 404."""
    ids = {name: request.GET.get(name, "").strip().replace("\x00", "") for name in ("left", "right")}
    project_id = access.project.pk
    left, right = (get_trace(project_id, ids[name]) if ids[name] else None for name in ("left", "right"))
    context = {
        "project": access.project,
        "access": access,
        "section": "traces",
        "sides": [
            _make_side("left", "Left", left, other=right, project_id=project_id),
            _make_side("right", "Right", right, other=left, project_id=project_id),
        ],
        "left": left,
        "right": right,
        "swap_url": f"?{urlencode({'left': ids['right'], 'right': ids['left']})}",
        "compare_url": reverse("api:compare"),
        "values_url": reverse("api:compare-values"),
        "trace_url": reverse(
            "observability:trace-detail", args=[access.project.organization.slug, access.project.slug, "TRACE"]
        ),
    }
    return render(request, "observability/compare.html", context)


def _make_side(
    name: str, label: str, trace: TraceSummary | None, *, other: TraceSummary | None, project_id: int
) -> Side:
    """Suggest runs of the other side's workflow, and none that is shown already."""
    found = list_candidates(project_id, other) if other is not None else []
    shown = {side.trace_id for side in (trace, other) if side is not None}
    suggestions = [
        Suggestion(candidate=candidate, url=_make_url(name, candidate.trace_id, other))
        for candidate in found
        if candidate.trace_id not in shown
    ]
    return Side(name=name, label=label, trace=trace, suggestions=suggestions)


def _make_url(name: str, trace_id: str, other: TraceSummary | None) -> str:
    ids = {name: trace_id, "right" if name == "left" else "left": other.trace_id if other else ""}
    return f"?{urlencode({'left': ids['left'], 'right': ids['right']})}"
