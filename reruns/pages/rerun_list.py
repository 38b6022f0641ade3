"""The Reruns page: what was asked to be run again, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from observability.errors import InvalidError
from observability.pages.access import project_page
from observability.selectors.access import ProjectAccess
from reruns.models import Trigger
from reruns.pages.access import find_denial, slugs_of
from reruns.pages.start import make_start_context
from reruns.selectors.triggers import TriggerSummary, list_triggers
from reruns.selectors.verdicts import find_verdicts

PAGE_SIZE = 50
_MOST_TEXT = 200
_GROUPS = {
    "": ("All", ()),
    "live": ("Live", tuple(Trigger.LIVE_STATES)),
    "completed": ("Completed", (Trigger.State.COMPLETED,)),
    "failed": ("Failed", (Trigger.State.FAILED,)),
    "ended": ("Expired, cancelled", (Trigger.State.EXPIRED, Trigger.State.CANCELLED)),
}
_MODES = {"": "Any kind", "workflow": "Workflows", "step": "Steps", "portal": "Single calls"}


@dataclass(frozen=True, slots=True)
class Row:
    """A rerun as the list shows it."""

    rerun: TriggerSummary
    verdict: str | None
    duration_ms: float | None


@require_safe
@project_page()
def rerun_list(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show reruns by state, kind and workflow; htmx and the live page get the results alone."""
    context: dict[str, Any] = {"project": access.project, "access": access, "section": "reruns", "is_live_page": True}
    status = 200
    try:
        context |= _make_list(access, request.GET)
    except InvalidError as error:
        context |= {"problem": str(error), **_make_choices("", "", "")}
        status = 400
    if not context.get("rows") and not context.get("is_filtered"):
        context |= make_start_context(access) | {"denial": find_denial(request, access)[1]}
    is_part = request.htmx  # type: ignore[attr-defined]
    response = render(request, "reruns/_list.html" if is_part else "reruns/list.html", context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _make_list(access: ProjectAccess, data: QueryDict) -> dict[str, Any]:
    state, mode, workflow = (data.get(name, "").strip() for name in ("state", "mode", "workflow"))
    trace_id = data.get("trace", "").replace("\x00", "")
    if state not in _GROUPS:
        raise InvalidError(f"state: choose from {', '.join(filter(None, _GROUPS))}")
    if mode not in _MODES:
        raise InvalidError(f"mode: choose from {', '.join(filter(None, _MODES))}")
    if len(workflow) > _MOST_TEXT or "\x00" in workflow:
        raise InvalidError(f"workflow: at most {_MOST_TEXT} characters, without NUL")
    cursor = data.get("cursor", "")
    page = list_triggers(
        access.project.pk,
        trace_id=trace_id or None,
        states=_GROUPS[state][1],
        mode=mode or None,
        workflow=workflow or None,
        cursor=cursor or None,
        limit=PAGE_SIZE,
    )
    verdicts = find_verdicts(access.project.pk, [item.trigger_id for item in page.items])
    base = reverse("reruns:rerun-list", args=slugs_of(access))
    asked = {"state": state, "mode": mode, "workflow": workflow, "trace": trace_id}
    return _make_choices(state, mode, workflow) | {
        "trace_id": trace_id,
        "rows": [Row(item, verdicts.get(item.trigger_id), _measure(item)) for item in page.items],
        "is_filtered": any(asked.values()) or bool(cursor),
        "is_first_page": not cursor,
        "first_page_url": base + _encode(asked),
        "next_url": base + _encode({**asked, "cursor": page.next_cursor}) if page.next_cursor else "",
        "unfiltered_url": base,
    }


def _make_choices(state: str, mode: str, workflow: str) -> dict[str, Any]:
    return {
        "state": state,
        "mode": mode,
        "workflow": workflow,
        "state_choices": [(value, label) for value, (label, _) in _GROUPS.items()],
        "mode_choices": list(_MODES.items()),
    }


def _measure(item: TriggerSummary) -> float | None:
    """Return how long it took from being sent to its end."""
    if item.sent_at is None or item.finished_at is None:
        return None
    return max((item.finished_at - item.sent_at).total_seconds() * 1000, 0.0)


def _encode(pairs: dict[str, str]) -> str:
    query = urlencode({name: value for name, value in pairs.items() if value})
    return f"?{query}" if query else ""
