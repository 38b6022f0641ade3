"""The page of one rerun: how far it is, what was frozen and what was live, what changed, what the checks say."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from observability.errors import NotFoundError
from observability.pages.access import project_page
from observability.selectors.access import ProjectAccess
from observability.selectors.shapes import TraceSummary
from observability.selectors.traces import get_trace, list_traces_by_id
from observability.templatetags.playhead import cost, duration
from reruns.errors import TooLargeError
from reruns.pages.access import find_denial, slugs_of
from reruns.pages.checks import LABELS
from reruns.pages.progress import list_stages
from reruns.pages.start import make_start_context
from reruns.pages.story import tell_story, write_delta
from reruns.pages.summary import fold_lines, list_cells, measure_runs
from reruns.selectors.fidelity import get_fidelity
from reruns.selectors.fidelity_shapes import FidelityReport
from reruns.selectors.output_diffs import compare_output
from reruns.selectors.triggers import RunItem, TriggerDetail, get_run, get_trigger, get_trigger_detail

MOST_ROWS = 300
_PREVIEW = 160


@require_safe
@project_page()
def rerun_detail(request: HttpRequest, access: ProjectAccess, trigger_id: int) -> HttpResponse:
    """Show a rerun; the open page reads the same parts again whenever it changes. `run` and `step` choose a run."""
    project_id = access.project.pk
    detail = get_trigger_detail(project_id, trigger_id)
    chosen = _choose_run(detail, request.GET)
    source = _find_source(project_id, detail)
    traces = {one.trace_id: one for one in list_traces_by_id(project_id, [run.trace_id for run in detail.run_items])}
    _, denial = find_denial(request, access)
    context: dict[str, Any] = {
        "project": access.project,
        "access": access,
        "section": "reruns",
        "is_live_page": True,
        "rerun": detail,
        "is_live": detail.finished_at is None,
        "stages": list_stages(detail),
        "source": source,
        "runs": [_describe_run(run, traces.get(run.trace_id), source, detail.mode) for run in detail.run_items],
        "figures": measure_runs(detail, traces),
        "checks": _list_checks(detail, chosen),
        "chosen": chosen,
        "run_trace": traces.get(chosen.trace_id),
        "denial": denial,
        "urls": _make_urls(access, trigger_id),
    }
    context |= _compare(project_id, detail, chosen) | _report(project_id, detail, chosen)
    context["story"] = tell_story(detail, chosen, context.get("report"), context["output"])
    if detail.status == "pending":
        context |= make_start_context(access)
    is_part = request.htmx  # type: ignore[attr-defined]
    response = render(request, "reruns/_detail.html" if is_part else "reruns/detail.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _choose_run(detail: TriggerDetail, data: QueryDict) -> RunItem:
    """Return the run that the address names. Raises `NotFoundError` for one that there is not."""
    numbers = []
    for name, usual in (("step", "0"), ("run", "1")):
        text = data.get(name, usual)
        if not (text.isascii() and text.isdigit() and len(text) < 6):
            raise NotFoundError("No such run.")
        numbers.append(int(text))
    found = next((run for run in detail.run_items if [run.step, run.number] == numbers), None)
    if found is None:
        raise NotFoundError("No such run.")
    return found


def _find_source(project_id: int, detail: TriggerDetail) -> TraceSummary | None:
    try:
        return get_trace(project_id, detail.trace_id) if detail.trace_id else None
    except NotFoundError:
        return None


def _describe_run(run: RunItem, made: TraceSummary | None, source: TraceSummary | None, mode: str) -> dict[str, Any]:
    """Return a run with its trace and what it took more or less than the source."""
    is_like = mode == "workflow" and source is not None
    return {
        "run": run,
        "made": made,
        "preview": _preview(run),
        "duration_delta": write_delta(run.duration_ms, source.duration_ms, duration) if is_like and source else "",
        "cost_delta": write_delta(made.cost_micros, source.cost_micros, _write_cost) if made and source else "",
    }


def _write_cost(micros: float) -> str:
    return cost(int(micros))


def _preview(run: RunItem) -> str:
    """Return the beginning of what a run answered."""
    if run.output is not None:
        return bytes(run.output)[:_PREVIEW].decode(errors="replace")
    return (run.output_preview or "")[:_PREVIEW]


def _compare(project_id: int, detail: TriggerDetail, chosen: RunItem) -> dict[str, Any]:
    trigger = get_trigger(project_id, detail.trigger_id)
    run = get_run(trigger, step=chosen.step, number=chosen.number)
    output = compare_output(trigger, run)
    return {"output": output, "lines": fold_lines(output.lines)}


def _report(project_id: int, detail: TriggerDetail, chosen: RunItem) -> dict[str, Any]:
    if detail.mode != "workflow":
        return {}
    try:
        report: FidelityReport = get_fidelity(project_id, detail.trigger_id, number=chosen.number)
    except TooLargeError as error:
        return {"report_problem": str(error)}
    return {"report": report, "cells": list_cells(report), "rows": report.rows[:MOST_ROWS]}


def _list_checks(detail: TriggerDetail, chosen: RunItem) -> list[dict[str, Any]]:
    """Return each check with what it says of all runs, and of the chosen one."""
    found = {item.position: item for item in chosen.evaluations}
    return [
        {
            "label": LABELS.get(check.type, check.type),
            "check": check,
            "config": {
                name: value
                for name, value in detail.evaluations[check.position].items()
                if name not in ("type", "pass_threshold")
            },
            "of_run": found.get(check.position),
        }
        for check in detail.checks
    ]


def _make_urls(access: ProjectAccess, trigger_id: int) -> dict[str, str]:
    slugs = slugs_of(access)
    return {
        "again": reverse("reruns-api:trigger-again", args=[trigger_id]),
        "cancel": reverse("reruns-api:trigger-cancel", args=[trigger_id]),
        "reruns": reverse("reruns:rerun-list", args=slugs),
        "compare_page": reverse("observability:compare", args=slugs),
        "compare": reverse("api:compare"),
        "values": reverse("api:compare-values"),
        "trace": reverse("observability:trace-detail", args=[*slugs, "TRACE"]),
    }
