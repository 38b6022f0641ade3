"""Reads of reruns: the list of a project or a trace, and one with its runs."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from django.db.models import Count, Prefetch, Q, QuerySet
from msgspec import Meta, Raw

from observability.errors import InvalidError, NotFoundError
from observability.ingest.payloads import unpack
from observability.selectors.paging import Position, make_cursor, read_cursor
from observability.selectors.shapes import Time
from reruns.models import Delivery, Run, RunConfig, Trigger
from reruns.selectors.evaluations import (
    CheckOutcome,
    EvaluationItem,
    describe_evaluation,
    find_verdict,
    sum_up_checks,
)

MOST_TRIGGERS = 200
_INLINE_BYTES = 256 * 1024
_ALL_INLINE_BYTES = 4 * 2**20
"""Of the outputs that come with a rerun, together; others have a preview, and `selectors/outputs` has them whole."""


class TriggerSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One request to run again, as lists show it."""

    trigger_id: int
    run_config_id: str | None
    mode: Annotated[str, Meta(description="`workflow`, `step` or `portal`.")]
    status: Annotated[
        str,
        Meta(description="`pending`, `sent`, `running`, `completed`, `failed`, `expired` or `cancelled`."),
    ]
    detail: Annotated[str, Meta(description="Why it waits, failed or expired.")]
    trace_id: str
    workflow_name: str
    is_direct: bool
    run_count: int
    runs: Annotated[int, Meta(description="Runs that are expected in all: of each step, `runCount`.")]
    answered: int
    succeeded: int
    requested_session_id: str
    session_id: Annotated[str, Meta(description="The SDK session it was sent to.")]
    requested_by: str | None
    requested_key: str | None
    sampling_config_id: int | None
    version: int
    created_at: Time
    sent_at: Time | None
    running_at: Time | None
    finished_at: Time | None
    expires_at: Time


class TriggerPage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Some reruns, newest first."""

    items: list[TriggerSummary]
    next_cursor: str | None


class RunItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One run and its result."""

    step: Annotated[int, Meta(description="Place in `steps`; 0 for a workflow.")]
    number: Annotated[int, Meta(description="From 1, among the runs of the step.")]
    status: Annotated[str, Meta(description="`waiting`, `completed`, `failed`, `expired` or `cancelled`.")]
    ok: bool | None
    output: Annotated[Raw | None, Meta(description="As answered, redacted; null where `outputPreview` is given.")]
    output_preview: Annotated[
        str | None,
        Meta(description="The beginning of an output too large to come along: `/runs/{number}/output` has all of it."),
    ]
    output_bytes: int | None
    is_withheld: Annotated[bool, Meta(description="The project does not capture outputs.")]
    error: str
    duration_ms: float | None
    usage: dict[str, int] | None
    trace_id: Annotated[str, Meta(description="The trace the run's own events became; empty before the first.")]
    is_late: bool
    answered_at: Time | None
    evaluations: list[EvaluationItem]


class DeliveryItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One attempt to hand it to an SDK."""

    at: Time
    channel: str
    session_id: str
    is_delivered: bool
    detail: str


class StepItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One step of the rerun. Inputs that the caller gave are shown; those of the trace are read there."""

    event_type: str
    event_name: str
    original_event_db_id: int | None
    provider: str | None
    model: str | None
    has_given_input: bool


class TriggerDetail(TriggerSummary, frozen=True, kw_only=True, rename="camel"):
    """One request with its runs."""

    steps: list[StepItem]
    evaluations: list[Any]
    checks: Annotated[list[CheckOutcome], Meta(description="What each of `evaluations` says of all runs.")]
    verdict: Annotated[
        str | None,
        Meta(
            description="What all checks say together: `passed`, `failed`, `skipped`, `error`, `waiting`; null: none."
        ),
    ]
    run_items: list[RunItem]
    deliveries: list[DeliveryItem]


def list_triggers(
    project_id: int,
    *,
    trace_id: str | None = None,
    states: tuple[str, ...] = (),
    mode: str | None = None,
    workflow: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> TriggerPage:
    """Return up to `limit` reruns, newest first. One query on `triggers_newest` or `triggers_by_trace`.

    Raises `InvalidError` for a cursor that no list gave.
    """
    limit = min(limit, MOST_TRIGGERS)
    found = _select(project_id)
    if trace_id is not None:
        found = found.filter(trace_id=trace_id)
    if states:
        found = found.filter(state__in=states)
    if mode:
        found = found.filter(mode=mode)
    if workflow:
        found = found.filter(workflow_name__icontains=workflow)
    before = _read_cursor(cursor)
    if before is not None:
        found = found.filter(pk__lt=before)
    rows = list(found.order_by("-pk")[: limit + 1])
    items = [TriggerSummary(**_describe(row)) for row in rows[:limit]]
    last = rows[limit - 1] if len(rows) > limit else None
    return TriggerPage(
        items=items, next_cursor=None if last is None else make_cursor(Position(last.created_at, str(last.pk)))
    )


def get_trigger(project_id: int, trigger_id: int) -> Trigger:
    """Return the row. One query. Raises `NotFoundError`, also for another project's."""
    trigger = Trigger.objects.filter(project=project_id, pk=trigger_id).first()
    if trigger is None:
        raise NotFoundError("No such rerun.")
    return trigger


def get_run(trigger: Trigger, *, step: int, number: int) -> Run:
    """Return one run of a trigger. One query. Raises `NotFoundError`."""
    run = trigger.runs.filter(step=step, number=number).first()
    if run is None:
        raise NotFoundError("No such run.")
    return run


def get_trigger_detail(project_id: int, trigger_id: int) -> TriggerDetail:
    """Return one rerun with its runs, what was found of them, and deliveries. Five queries. Raises `NotFoundError`."""
    listed = Run.objects.defer("output").annotate(is_kept=Q(output__isnull=False)).order_by("step", "number")
    runs = Prefetch("runs", queryset=listed.prefetch_related("evaluations"))
    deliveries = Prefetch("deliveries", queryset=Delivery.objects.order_by("pk"))
    row = _select(project_id).filter(pk=trigger_id).prefetch_related(runs, deliveries).first()
    if row is None:
        raise NotFoundError("No such rerun.")
    checks = sum_up_checks(row.evaluations, list(row.runs.all()))
    outputs = _load_outputs(list(row.runs.all()))
    return TriggerDetail(
        **_describe(row),
        checks=checks,
        verdict=find_verdict(checks),
        steps=[_describe_step(step) for step in row.steps],
        evaluations=row.evaluations,
        run_items=[_describe_run(run, outputs.get(run.pk)) for run in row.runs.all()],
        deliveries=[_describe_delivery(item) for item in row.deliveries.all()],
    )


def _select(project_id: int) -> QuerySet[Trigger]:
    return (
        Trigger.objects.filter(project=project_id)
        .select_related("run_config", "requested_by", "requested_key")
        .annotate(
            runs_total=Count("runs"),
            runs_answered=Count("runs", filter=Q(runs__answered_at__isnull=False)),
            runs_ok=Count("runs", filter=Q(runs__ok=True)),
        )
    )


def _describe(row: Any) -> dict[str, Any]:
    config: RunConfig | None = getattr(row, "run_config", None)
    return {
        "trigger_id": row.pk,
        "run_config_id": None if config is None else str(config.pk),
        "mode": row.mode,
        "status": row.state,
        "detail": row.detail,
        "trace_id": row.trace_id,
        "workflow_name": row.workflow_name,
        "is_direct": row.is_direct,
        "run_count": row.run_count,
        "runs": row.runs_total,
        "answered": row.runs_answered,
        "succeeded": row.runs_ok,
        "requested_session_id": row.requested_session_id,
        "session_id": row.session_id,
        "requested_by": row.requested_by and row.requested_by.get_full_name(),
        "requested_key": row.requested_key and row.requested_key.name,
        "sampling_config_id": row.sampling_config_id,
        "version": row.version,
        "created_at": row.created_at,
        "sent_at": row.sent_at,
        "running_at": row.running_at,
        "finished_at": row.finished_at,
        "expires_at": row.expires_at,
    }


def _describe_step(step: dict[str, Any]) -> StepItem:
    return StepItem(
        event_type=step["event_type"],
        event_name=step["event_name"],
        original_event_db_id=step.get("event_id"),
        provider=step.get("provider"),
        model=step.get("model"),
        has_given_input="input" in step,
    )


def _load_outputs(runs: list[Run]) -> dict[int, bytes]:
    """Return by run the outputs that come along: the small ones, in order, as long as they are few bytes together."""
    chosen, size = [], 0
    for run in runs:
        if run.output_bytes is not None and run.output_bytes <= min(_INLINE_BYTES, _ALL_INLINE_BYTES - size):
            chosen.append(run.pk)
            size += run.output_bytes
    found = Run.objects.filter(pk__in=chosen, output__isnull=False).values_list("pk", "output")
    return {pk: unpack(bytes(output or b"")) for pk, output in found}


def _describe_run(run: Any, output: bytes | None) -> RunItem:
    return RunItem(
        step=run.step,
        number=run.number,
        status=run.state,
        ok=run.ok,
        output=None if output is None else Raw(output),
        output_preview=run.output_preview if output is None and run.is_kept else None,
        output_bytes=run.output_bytes,
        is_withheld=not run.is_kept and run.output_bytes is not None,
        error=run.error,
        duration_ms=run.duration_ms,
        usage=run.usage,
        trace_id=run.trace_id,
        is_late=run.is_late,
        answered_at=run.answered_at,
        evaluations=[describe_evaluation(item) for item in run.evaluations.all()],
    )


def _describe_delivery(item: Delivery) -> DeliveryItem:
    return DeliveryItem(
        at=item.at,
        channel=item.channel,
        session_id=item.session_id,
        is_delivered=item.is_delivered,
        detail=item.detail,
    )


def _read_cursor(text: str | None) -> int | None:
    position = read_cursor(text)
    if position is None:
        return None
    if not (position.key.isascii() and position.key.isdigit() and len(position.key) < 19):
        raise InvalidError("cursor: not one that this list gave")
    return int(position.key)
