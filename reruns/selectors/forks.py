"""A trace and all that was run again from it, as a tree: reruns of reruns are further down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from observability.models import Trace
from observability.selectors.shapes import Time
from reruns.models import Run, Trigger

MOST_NODES = 300
_MOST_LEVELS = 12


class ForkNode(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A trace, or a run that has none (yet). The first node is the trace that all others come from."""

    trace_id: Annotated[str, Meta(description="Empty for a run of which there is no trace: it cannot be compared.")]
    source_trace_id: Annotated[str | None, Meta(description="The trace it was run again from; null for the first.")]
    trigger_id: int | None
    run: Annotated[int | None, Meta(description="Number of the run of a workflow; null for steps and single calls.")]
    mode: str | None
    status: Annotated[str, Meta(description="Of the run, else of the rerun, else of the trace.")]
    label: Annotated[str, Meta(description="The workflow, or the calls that were run.")]
    depth: int
    is_asked: Annotated[bool, Meta(description="The trace that was asked about.")]
    started_at: Time | None
    duration_ms: float | None
    event_count: int | None
    error_count: int | None
    cost_micros: int | None


class Forks(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The tree, depth first, older reruns first."""

    items: list[ForkNode]
    is_partial: Annotated[bool, Meta(description=f"There are more than {MOST_NODES}.")]


def get_forks(project_id: int, trace_id: str) -> Forks:
    """Return the tree that a trace is in. Two queries a level, on `trigger_runs_by_trace` and `triggers_by_trace`."""
    root = _find_root(project_id, trace_id)
    triggers, is_partial = _read_down(project_id, root)
    runs = [run for group in triggers.values() for trigger in group for run in trigger.runs.all()]
    traces = _read_traces(project_id, {root, *(run.trace_id for run in runs if run.trace_id)})
    items = list(_walk(root, triggers, traces, asked=trace_id))
    return Forks(items=items[:MOST_NODES], is_partial=is_partial or len(items) > MOST_NODES)


def find_origin(project_id: int, trace_id: str) -> Run | None:
    """Return the run that made a trace, with its trigger; None for a trace of its own. One query."""
    made = Run.objects.select_related("trigger").filter(trigger__project=project_id, trace_id=trace_id)
    return made.order_by("pk").first()


def _find_root(project_id: int, trace_id: str) -> str:
    seen = {trace_id}
    for _ in range(_MOST_LEVELS):
        run = find_origin(project_id, trace_id)
        if run is None or not run.trigger.trace_id or run.trigger.trace_id in seen:
            break
        trace_id = run.trigger.trace_id
        seen.add(trace_id)
    return trace_id


def _read_down(project_id: int, root: str) -> tuple[dict[str, list[Trigger]], bool]:
    """Return the reruns by the trace they were run from, level by level."""
    found: dict[str, list[Trigger]] = defaultdict(list)
    level, seen, count = {root}, {root}, 0
    for _ in range(_MOST_LEVELS):
        asked = Trigger.objects.filter(project=project_id, trace_id__in=level).order_by("pk").prefetch_related("runs")
        rows = list(asked[: MOST_NODES - count + 1])
        count += len(rows)
        for trigger in rows:
            found[trigger.trace_id].append(trigger)
        if count > MOST_NODES:
            return found, True
        level = {run.trace_id for trigger in rows for run in trigger.runs.all() if run.trace_id} - seen
        if not level:
            return found, False
        seen |= level
    return found, True


def _read_traces(project_id: int, trace_ids: set[str]) -> dict[str, dict[str, Any]]:
    columns = (
        "trace_id",
        "workflow_name",
        "status",
        "started_at",
        "ended_at",
        "event_count",
        "error_count",
        "cost_micros",
    )
    rows = Trace.objects.filter(project_id=project_id, trace_id__in=trace_ids, deleted_at=None).values(*columns)
    return {row["trace_id"]: row for row in rows}


def _walk(
    root: str, triggers: dict[str, list[Trigger]], traces: dict[str, dict[str, Any]], *, asked: str
) -> Iterator[ForkNode]:
    """Yield the nodes depth first. A circle of traces, which no honest client makes, is walked once."""
    stack: list[tuple[Trigger | None, Run | None, str, int]] = [(None, None, root, 0)]
    seen: set[str] = set()
    while stack:
        trigger, run, trace_id, depth = stack.pop()
        yield _make_node(trigger, run, trace_id, traces.get(trace_id), depth=depth, is_asked=trace_id == asked)
        if not trace_id or trace_id in seen:
            continue
        seen.add(trace_id)
        children: list[tuple[Trigger | None, Run | None, str, int]] = []
        for child in triggers.get(trace_id, []):
            if child.mode == Trigger.Mode.WORKFLOW:
                children += [(child, one, one.trace_id, depth + 1) for one in child.runs.all()]
            else:
                children.append((child, None, "", depth + 1))
        stack += reversed(children)


def _make_node(
    trigger: Trigger | None, run: Run | None, trace_id: str, trace: dict[str, Any] | None, *, depth: int, is_asked: bool
) -> ForkNode:
    began, ended = (trace["started_at"], trace["ended_at"]) if trace else (None, None)
    known = (ended - began).total_seconds() * 1000 if began and ended else None
    figures = trace or {}
    return ForkNode(
        trace_id=trace_id if trace else "",
        source_trace_id=None if trigger is None else trigger.trace_id,
        trigger_id=None if trigger is None else trigger.pk,
        run=None if run is None else run.number,
        mode=None if trigger is None else trigger.mode,
        status=_find_status(trigger, run, trace),
        label=_find_label(trigger, trace),
        depth=depth,
        is_asked=is_asked,
        started_at=began or (None if trigger is None else trigger.created_at),
        duration_ms=known if run is None or run.duration_ms is None else run.duration_ms,
        event_count=figures.get("event_count"),
        error_count=figures.get("error_count"),
        cost_micros=figures.get("cost_micros"),
    )


def _find_status(trigger: Trigger | None, run: Run | None, trace: dict[str, Any] | None) -> str:
    if run is not None:
        return run.state
    if trigger is not None:
        return trigger.state
    return str(trace["status"]) if trace else "deleted"


def _find_label(trigger: Trigger | None, trace: dict[str, Any] | None) -> str:
    if trigger is None:
        return str(trace["workflow_name"]) if trace else "The trace is deleted"
    if trigger.mode == Trigger.Mode.WORKFLOW:
        return trigger.workflow_name
    return ", ".join(dict.fromkeys(step["event_name"] for step in trigger.steps))
