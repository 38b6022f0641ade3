"""The Steps page, and the page of one step: its health, its calls and, of a prompt, its texts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from observability.errors import InvalidError
from observability.models import Step
from observability.models.steps import StepKind
from observability.pages.access import project_page
from observability.pages.figures import Figure, make_figure
from observability.pages.text_diff import diff_texts
from observability.pages.time_range import RANGE_CHOICES, Choice, TimeRange, read_time_range
from observability.selectors.access import ProjectAccess
from observability.selectors.prompts import get_prompt_text, list_prompt_versions
from observability.selectors.step_health import get_step_health
from observability.selectors.step_series import add_step_parts
from observability.selectors.step_shapes import PromptHistory, StepFigures, StepHealth
from observability.selectors.steps import STEP_ORDERS, get_step, list_step_calls, list_steps
from observability.templatetags.playhead import UNKNOWN, compact, cost, duration, percent

USUAL_RANGE = "7d"
STEPS_SHOWN = 100
CALLS_SHOWN = 25
_LATENCY_SECONDS = 0.5
_MOST_TEXT = 200
_KIND_CHOICES = [Choice("", "All"), *(Choice(kind.value, f"{kind.label}s") for kind in StepKind)]
_STATUS_CHOICES = [Choice("", "All"), *(Choice(status, status) for status in ("ok", "error", "running"))]
_COLUMNS = (
    ("key", "Step", "c-step"),
    ("calls", "Calls", "c-calls num"),
    ("error_rate", "Errors", "c-errors num"),
    ("duration", "Mean latency", "c-latency num"),
    ("", "p50", "c-p50 num"),
    ("", "p95", "c-p95 num"),
    ("tokens", "Tokens", "c-tokens num"),
    ("cost", "Cost", "c-cost num"),
    ("last", "Last call", "c-last"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepQuery:
    """What the address of the list asks for, checked."""

    time_range: TimeRange
    text: str = ""
    kind: str = ""
    order: str = "calls"

    def encode(self, **changes: str) -> str:
        """Return the address's query, with its question mark."""
        pairs = {"text": self.text, "kind": self.kind, "order": self.order, **self.time_range.list_parameters()}
        usual = {"order": "calls", "range": USUAL_RANGE}
        return _encode({name: value for name, value in (pairs | changes).items() if value != usual.get(name)})


@require_safe
@project_page()
def step_list(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show the discovered steps; htmx gets the results alone."""
    frame = _make_frame(access)
    try:
        frame |= _make_list(access, _read_step_query(request.GET))
    except InvalidError as error:
        frame |= {"problem": str(error), "query": StepQuery(time_range=TimeRange(name=USUAL_RANGE))}
        return render(request, "observability/steps.html", frame, status=400)
    return _render_part(request, "observability/_steps.html", "observability/steps.html", frame)


def _make_list(access: ProjectAccess, query: StepQuery) -> dict[str, Any]:
    """Return what the list shows: four queries by key, one more a kind for latencies."""
    since, until = query.time_range.bounds()
    project_id = access.project.pk
    steps = list_steps(
        project_id,
        kind=query.kind or None,
        since=since,
        until=until,
        text=query.text or None,
        order=query.order,
        limit=STEPS_SHOWN,
    )
    steps = add_step_parts(
        project_id, steps, ("series", "latency"), since=since, until=until, latency_seconds=_LATENCY_SECONDS
    )
    base = reverse("observability:step-list", args=_slugs(access))
    return {
        "query": query,
        "time_range": query.time_range,
        "range_query": _encode(_list_range(query.time_range)),
        "steps": steps,
        "has_any_step": bool(steps.items) or bool(list_steps(project_id, limit=1).items),
        "columns": [
            {"label": label, "css": css, "is_current": order == query.order, "url": base + query.encode(order=order)}
            if order
            else {"label": label, "css": css}
            for order, label, css in _COLUMNS
        ],
    }


@require_safe
@project_page()
def step_detail(request: HttpRequest, access: ProjectAccess, kind: str, name: str) -> HttpResponse:
    """Show one step over a stretch of time; htmx gets the calls alone."""
    step = get_step(access.project.pk, kind, name)
    frame = _make_frame(access) | {"step": step}
    try:
        time_range = read_time_range(request.GET, default=USUAL_RANGE)
        frame |= _make_range(access, step, time_range) | _make_calls(access, step, time_range, request.GET)
        if request.htmx:  # type: ignore[attr-defined]
            return _render_part(request, "observability/_step_calls.html", "", frame)
        frame |= _make_health(access, step, time_range)
        if step.kind == StepKind.PROMPT:
            frame |= _make_prompt(access, step, time_range, against=request.GET.get("against", ""))
    except InvalidError as error:
        frame |= {"problem": str(error), "time_range": TimeRange(name=USUAL_RANGE)}
        return render(request, "observability/step.html", frame, status=400)
    return _render_part(request, "", "observability/step.html", frame)


def _make_range(access: ProjectAccess, step: Step, time_range: TimeRange) -> dict[str, Any]:
    """Return the time, and links that keep it."""
    quoted = step.key.replace("\\", "\\\\").replace('"', '\\"')
    traces = {"q": f'workflow:"{quoted}"', **time_range.list_parameters()}
    return {
        "time_range": time_range,
        "range_query": _encode(_list_range(time_range)),
        "traces_url": reverse("observability:trace-list", args=_slugs(access)) + _encode(traces),
    }


def _make_health(access: ProjectAccess, step: Step, time_range: TimeRange) -> dict[str, Any]:
    """Return the figures, those of the period before, and the series for the charts. Four queries."""
    since, until = time_range.bounds()
    health = get_step_health(access.project.pk, step, since=since, until=until)
    before_since, before_until = time_range.previous().bounds()
    before = get_step_health(access.project.pk, step, since=before_since, until=before_until)
    return {"health": health, "figures": _list_figures(health.totals, before.totals), "chart": _make_chart(health)}


def _list_figures(now: StepFigures, before: StepFigures) -> list[Figure]:
    return [
        make_figure("Calls", now.calls, before.calls, write=compact),
        make_figure("Error rate", now.error_rate, before.error_rate, write=percent, better="lower"),
        make_figure("p50", now.p50_ms, before.p50_ms, write=duration, better="lower"),
        make_figure("p95", now.p95_ms, before.p95_ms, write=duration, better="lower"),
        make_figure("p99", now.p99_ms, before.p99_ms, write=duration, better="lower"),
        make_figure("Tokens", now.total_tokens, before.total_tokens, write=compact),
        make_figure("Cost", now.cost_micros, before.cost_micros, write=_write_cost(now.unpriced_calls)),
    ]


def _write_cost(unpriced_calls: int) -> Callable[[int | None], str]:
    """Return how costs are written: a plus says that the cost of some calls is not known, a dash that there is none."""

    def write(micros: int | None) -> str:
        if micros is None:
            return "unknown" if unpriced_calls else UNKNOWN
        return cost(micros) + ("+" if unpriced_calls else "")

    return write


def _make_chart(health: StepHealth) -> dict[str, Any]:
    """Return what js/step.js draws."""
    buckets = [
        {
            "at": bucket.started_at.isoformat(),
            "values": {
                "ok": bucket.figures.calls - bucket.figures.errors - bucket.figures.running,
                "error": bucket.figures.errors,
                "running": bucket.figures.running,
                "p50": bucket.figures.p50_ms,
                "p95": bucket.figures.p95_ms,
                "p99": bucket.figures.p99_ms,
                "rate": bucket.figures.error_rate,
            },
        }
        for bucket in health.buckets
    ]
    start, end = health.since.isoformat(), health.until.isoformat()
    return {"buckets": buckets, "bucketSeconds": health.bucket_s, "start": start, "end": end}


def _make_calls(access: ProjectAccess, step: Step, time_range: TimeRange, data: QueryDict) -> dict[str, Any]:
    """Return one page of calls. One query."""
    status = data.get("status", "")
    if status not in {choice.value for choice in _STATUS_CHOICES}:
        raise InvalidError("status: choose from ok, error and running")
    since, until = time_range.bounds()
    calls = list_step_calls(
        access.project.pk,
        step,
        since=since,
        until=until,
        statuses=(status,) if status else (),
        cursor=data.get("cursor") or None,
        limit=CALLS_SHOWN,
    )
    base = reverse("observability:step-detail", args=[*_slugs(access), step.kind, step.key])
    pairs = {**_list_range(time_range), "against": data.get("against", "")}
    here = pairs | {"status": status}
    return {
        "calls": calls,
        "call_status": status,
        "is_first_page": not data.get("cursor"),
        "first_page_url": base + _encode(here),
        "older_url": base + _encode(here | {"cursor": calls.next_cursor}) if calls.next_cursor else "",
        "status_choices": [
            {
                "label": choice.label,
                "url": base + _encode(pairs | {"status": choice.value}),
                "is_current": choice.value == status,
            }
            for choice in _STATUS_CHOICES
        ],
    }


def _make_prompt(access: ProjectAccess, step: Step, time_range: TimeRange, *, against: str) -> dict[str, Any]:
    """Return the prompt's text, beside the one it is compared with: the asked one, else its last version before."""
    since, until = time_range.bounds()
    history = list_prompt_versions(access.project.pk, step, since=since, until=until)
    text = get_prompt_text(access.project.pk, step)
    other = _choose_other(history, step, against)
    changes = None
    if other is not None and text.text is not None:
        old = get_prompt_text(access.project.pk, other).text
        changes = diff_texts(old, text.text) if old is not None else None
    return {
        "prompt": text,
        "history": history,
        "other": next((one for one in history.items if other is not None and one.key == other.key), None),
        "changes": changes,
        "versions": [
            {"version": one, "compare_query": _encode({"against": one.key, **_list_range(time_range)})}
            for one in history.items
        ],
    }


def _choose_other(history: PromptHistory, step: Step, against: str) -> Step | None:
    keys = [version.key for version in history.items]
    at = keys.index(step.key) if step.key in keys else len(keys)
    key = against if against in keys and against != step.key else None
    if key is None and history.basis != "workflow":
        key = next(iter(keys[at + 1 :]), None)
    return None if key is None else Step(project_id=step.project_id, kind=step.kind, key=key)


def _read_step_query(data: QueryDict) -> StepQuery:
    """Check what the address asks for. Raises `InvalidError` naming the parameter at fault."""
    text, kind, order = data.get("text", "").strip(), data.get("kind", ""), data.get("order", "") or "calls"
    if len(text) > _MOST_TEXT or "\x00" in text:
        raise InvalidError(f"text: at most {_MOST_TEXT} characters, without NUL")
    if kind not in ("", *StepKind.values):
        raise InvalidError(f"kind: choose from {', '.join(StepKind.values)}")
    if order not in STEP_ORDERS:
        raise InvalidError(f"order: choose from {', '.join(STEP_ORDERS)}")
    return StepQuery(text=text, kind=kind, order=order, time_range=read_time_range(data, default=USUAL_RANGE))


def _make_frame(access: ProjectAccess) -> dict[str, Any]:
    return {
        "project": access.project,
        "access": access,
        "section": "steps",
        "is_live_page": True,
        "range_choices": RANGE_CHOICES,
        "kind_choices": _KIND_CHOICES,
    }


def _render_part(request: HttpRequest, part: str, page: str, frame: dict[str, Any]) -> HttpResponse:
    response = render(request, part if request.htmx and part else page, frame)  # type: ignore[attr-defined]
    # The same address answers with a page or a part of one; a cached part must not come back as the page.
    patch_vary_headers(response, ["HX-Request"])
    return response


def _list_range(time_range: TimeRange) -> dict[str, str]:
    """Return what the address holds of the time, nothing of the usual one."""
    return {} if time_range.name == USUAL_RANGE else time_range.list_parameters()


def _slugs(access: ProjectAccess) -> list[str]:
    return [access.project.organization.slug, access.project.slug]


def _encode(pairs: dict[str, Any]) -> str:
    query = urlencode({name: value for name, value in pairs.items() if value})
    return f"?{query}" if query else ""
