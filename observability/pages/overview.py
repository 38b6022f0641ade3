"""The Overview of a project: is it healthy, what changed? And the part of it that is read again while it is open."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from observability.errors import InvalidError
from observability.pages.access import project_page
from observability.pages.figures import Figure, make_figure
from observability.pages.settings.quickstarts import make_quickstart_context
from observability.pages.time_range import RANGE_CHOICES, TimeRange, read_time_range
from observability.selectors.access import ProjectAccess
from observability.selectors.errors import list_errors
from observability.selectors.ingest_health import get_ingest_health
from observability.selectors.metric_shapes import MetricBucket, SystemMetrics, TraceFigures
from observability.selectors.overview import (
    get_system_metrics,
    has_any_trace,
    list_busiest_workflows,
    list_running,
    list_slowest,
)
from observability.templatetags.playhead import compact, cost, duration, percent

USUAL_RANGE = "24h"
ROWS_SHOWN = 6


@require_safe
@project_page()
def overview(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show how the project does; a script gets the figures alone, and nothing while there are none."""
    is_part = bool(request.htmx)  # type: ignore[attr-defined]
    frame = make_health_frame(access, "overview")
    try:
        time_range = read_time_range(request.GET, default=USUAL_RANGE)
        frame |= make_range_context(time_range) | _make_overview(access, time_range)
    except InvalidError as error:
        frame |= make_range_context(TimeRange(name=USUAL_RANGE)) | {"problem": str(error)}
        return render(request, "observability/overview.html", frame, status=400)
    if is_part and frame.get("is_empty"):
        return HttpResponse(status=204)
    response = render(request, "observability/_overview.html" if is_part else "observability/overview.html", frame)
    patch_vary_headers(response, ["HX-Request"])
    return response


def make_health_frame(access: ProjectAccess, section: str) -> dict[str, Any]:
    """Return what every page of this family shows around its own."""
    return {
        "project": access.project,
        "access": access,
        "section": section,
        "is_live_page": True,
        "range_choices": RANGE_CHOICES,
        "traces_url": reverse("observability:trace-list", args=slugs_of(access)),
    }


def make_range_context(time_range: TimeRange) -> dict[str, Any]:
    """Return the range for its control and for links that keep it; the usual one is not said."""
    chosen = {} if time_range.name == USUAL_RANGE else time_range.list_parameters()
    return {
        "time_range": time_range,
        "range_query": f"?{urlencode(chosen)}" if chosen else "",
        "trace_range_query": urlencode(time_range.list_parameters()),
    }


def slugs_of(access: ProjectAccess) -> list[str]:
    """Return what the addresses of a project's pages take."""
    return [access.project.organization.slug, access.project.slug]


def _make_overview(access: ProjectAccess, time_range: TimeRange) -> dict[str, Any]:
    project_id = access.project.pk
    if not has_any_trace(project_id):
        return {"is_empty": True, **make_quickstart_context(access)}
    since, until = time_range.bounds()
    bounds: dict[str, Any] = {"since": since, "until": until}
    metrics = get_system_metrics(project_id, **bounds)
    running, running_count = list_running(project_id, limit=ROWS_SHOWN)
    return {
        "metrics": metrics,
        "figures": make_figures(metrics),
        "chart_data": make_chart_data(metrics),
        "errors": list_errors(project_id, **bounds, sort="count", limit=ROWS_SHOWN),
        "running": running,
        "running_count": running_count,
        "slowest": list_slowest(project_id, **bounds, limit=ROWS_SHOWN),
        "busiest": list_busiest_workflows(project_id, **bounds, limit=ROWS_SHOWN),
        "ingest": get_ingest_health(project_id, **bounds),
    }


def make_figures(metrics: SystemMetrics) -> list[Figure]:
    """Return the figures at the top, each beside that of the stretch before."""
    now, before = metrics.totals, metrics.previous
    # Without traces there was nothing to compare with: what nobody measured did not change.
    old = before if before and before.traces else TraceFigures()
    spent = make_figure(
        "Cost", _cost_of(now), _cost_of(before if before and before.traces else None), write=_write_cost
    )
    # Calls without a known price are not in the sum: it is the least that was spent, as on every other page.
    is_least = now.unpriced_traces > 0 and now.cost_micros is not None
    return [
        make_figure("Traces", now.traces, before.traces if before else None, write=_write_count),
        make_figure("Error rate", now.error_rate, old.error_rate, write=percent, better="lower"),
        make_figure("Latency p50", now.p50_ms, old.p50_ms, write=duration, better="lower"),
        make_figure("Latency p95", now.p95_ms, old.p95_ms, write=duration, better="lower"),
        make_figure("Latency p99", now.p99_ms, old.p99_ms, write=duration, better="lower"),
        replace(spent, text=f"{spent.text}+") if is_least else spent,
        make_figure("Tokens", now.total_tokens, before.total_tokens if before else None, write=_write_count),
    ]


def _cost_of(figures: TraceFigures | None) -> int | None:
    """Return the cost; nothing was spent where no token was."""
    if figures is None:
        return None
    return figures.cost_micros if figures.total_tokens or figures.cost_micros else 0


def _write_count(number: float | None) -> str:
    return compact(None if number is None else int(number))


def _write_cost(micros: float | None) -> str:
    return cost(None if micros is None else int(micros))


def make_chart_data(metrics: SystemMetrics) -> dict[str, Any]:
    """Return the series for `static/js/overview.js`."""
    return {
        "start": _iso(metrics.since),
        "end": _iso(metrics.until),
        "bucketSeconds": metrics.bucket_s,
        "buckets": [_make_bucket(bucket) for bucket in metrics.buckets],
    }


def _make_bucket(bucket: MetricBucket) -> dict[str, Any]:
    figures = bucket.figures
    return {
        "at": _iso(bucket.started_at),
        "values": {
            "ok": figures.ok,
            "error": figures.errors,
            "running": figures.running,
            "rate": figures.error_rate,
            "p50": figures.p50_ms,
            "p95": figures.p95_ms,
            "p99": figures.p99_ms,
            "cost": figures.cost_micros,
            "tokens": figures.total_tokens,
        },
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
