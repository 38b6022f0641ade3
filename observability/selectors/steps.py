"""Reads of discovered steps: which there are, their calls, and how they do.

A workflow's call is a trace, a tool's an event of kind `tool`, a prompt's an `ai` event with that system prompt: the
same rule by which `ingest/step_figures.py` counts. Names are compared whole: `chat` is not `chatHandler`, and `%`, `_`
and `*` are letters like any other.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import BigIntegerField, Case, Exists, F, Max, OuterRef, Q, QuerySet, Sum, TextField, Value, When
from django.db.models.functions import Coalesce, NullIf
from django.utils import timezone

from observability.errors import NotFoundError
from observability.ingest.sdk.trace_ids import UNKNOWN_WORKFLOW
from observability.models import Event, Step, StepHour, Trace
from observability.models.steps import StepKind
from observability.selectors.paging import Position, check_numbered, is_before, make_cursor, read_cursor
from observability.selectors.production import NO_RERUNS
from observability.selectors.shapes import format_usd
from observability.selectors.step_shapes import StepCall, StepCallPage, StepList, StepSummary

MOST_STEPS = 1_000
STEP_ORDERS: dict[str, Any] = {
    "calls": F("calls").desc(),
    "errors": F("errors").desc(),
    "error_rate": (F("errors") * 1.0 / F("calls")).desc(),
    "duration": (F("duration_ms") / F("calls")).desc(),
    "tokens": F("total_tokens").desc(),
    "cost": F("cost_micros").desc(),
    "last": F("last_hour").desc(),
    "key": F("key").asc(),
}
"""By what steps can be ordered, the largest or latest first; `key` in the order of the alphabet."""
# Spelled as in the index `events_by_step`, so that Postgres sees it is the same.
_STEP_KEY = Case(
    When(kind="tool", then=Coalesce(NullIf("tool_name", Value("", TextField())), "name")),
    default=F("prompt_hash"),
)
_LOOKED_BACK = (timedelta(days=1), timedelta(days=8))
_EVENT_KINDS = {StepKind.TOOL.value: "tool", StepKind.PROMPT.value: "ai"}


def list_steps(
    project_id: int,
    *,
    kind: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    text: str | None = None,
    order: str = "calls",
    limit: int = MOST_STEPS,
) -> StepList:
    """Return the steps called in a stretch of whole hours (default: ever), by default the most called first.

    `text` is looked for in names, without regard to case; `order` is one of `STEP_ORDERS`. Two queries: figures from
    `step_hours` by its primary key, the steps themselves by theirs.
    """
    hours = StepHour.objects.filter(project_id=project_id)
    if kind is not None:
        hours = hours.filter(kind=kind)
    if text:
        named = Step.objects.filter(project_id=project_id, kind=OuterRef("kind"), key=OuterRef("key"))
        hours = hours.filter(Exists(named.filter(Q(name__icontains=text) | Q(key=text))))
    if since is not None:
        hours = hours.filter(hour__gte=since.replace(minute=0, second=0, microsecond=0))
    if until is not None:
        hours = hours.filter(hour__lt=until)
    figures = hours.values("kind", "key").annotate(
        calls=Sum("calls"),
        events=Sum("events"),
        errors=Sum("errors"),
        total_tokens=Sum("total_tokens"),
        cost_micros=Sum("cost_micros"),
        duration_ms=Sum("duration_ms"),
        last_hour=Max("hour"),
    )
    found: list[dict[str, Any]] = [
        dict(row) for row in figures.filter(calls__gt=0).order_by(STEP_ORDERS[order], "kind", "key")[: limit + 1]
    ]
    steps = _load_steps(project_id, found[:limit])
    items = [
        _make_step(steps[row["kind"], row["key"]], row) for row in found[:limit] if (row["kind"], row["key"]) in steps
    ]
    return StepList(items=items, is_more=len(found) > limit)


def get_step(project_id: int, kind: str, name: str) -> Step:
    """Return a step by its key, else by its name; of prompts with one name the latest. One query on the primary key.

    Raises `NotFoundError`.
    """
    named = Step.objects.filter(Q(key=name) | Q(name=name), project_id=project_id, kind=kind)
    found = named.annotate(is_key=Case(When(key=name, then=1), default=0)).order_by("-is_key", "-first_seen_at").first()
    if found is None:
        raise NotFoundError("No such step.")
    return found


def list_step_calls(
    project_id: int,
    step: Step,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    statuses: tuple[str, ...] = (),
    cursor: str | None = None,
    limit: int = 50,
) -> StepCallPage:
    """Return up to `limit` calls, newest first, along `traces_by_workflow`, or `events_by_step` for the others.

    One query; of events one more, or two, where few calls are recent (`_read_newest`).
    Raises `InvalidError` for a cursor that no page gave.
    """
    position = read_cursor(cursor)
    is_workflow = step.kind == StepKind.WORKFLOW
    calls = select_calls(project_id, step, since=since, until=until)
    if statuses:
        calls = calls.filter(status__in=_spell_statuses(statuses))
    key = "trace_id" if is_workflow else "id"
    if position is not None and not is_workflow:
        check_numbered(position)
    calls = calls.filter(is_before(position, time="started_at", key=key)).order_by("-started_at", f"-{key}")
    computed = _TRACE_AS_CALL if is_workflow else {}
    columns = [name for name in StepCall.__struct_fields__ if name != "cost_usd" and name not in computed]
    latest = position.at if position else until or timezone.now()
    rows = _read_newest(
        calls.values(*columns, **computed), limit + 1, since=since, latest=None if is_workflow else latest
    )
    items = [StepCall(**row, cost_usd=format_usd(row["cost_micros"])) for row in rows[:limit]]
    last = rows[limit - 1] if len(rows) > limit else None
    return StepCallPage(
        items=items, next_cursor=make_cursor(Position(last["started_at"], str(last[key]))) if last else None
    )


def _read_newest(
    calls: QuerySet[Any, dict[str, Any]], count: int, *, since: datetime | None, latest: datetime | None
) -> list[dict[str, Any]]:
    """Return the first `count` of the calls; where they lie in partitions, which end with `latest`, from few of them.

    Without a beginning Postgres would open the partitions of all days, to take rows from the newest: planning that
    takes several times as long as reading a page. So it is given one, earlier each time it was too late.
    """
    begins = [latest - span for span in _LOOKED_BACK] if latest else []
    for begin in begins:
        if since is not None and begin <= since:
            break
        rows = list(calls.filter(started_at__gte=begin)[:count])
        if len(rows) == count:
            return rows
    return list(calls[:count])


def select_calls(
    project_id: int, step: Step, *, since: datetime | None, until: datetime | None
) -> QuerySet[Trace] | QuerySet[Event]:
    """Return the calls of a step in a stretch of time, without those of deleted traces and of reruns."""
    in_time = NO_RERUNS
    if since is not None:
        in_time &= Q(started_at__gte=since)
    if until is not None:
        in_time &= Q(started_at__lt=until)
    if step.kind == StepKind.WORKFLOW:
        # A trace of log records alone is no call.
        return Trace.objects.filter(
            in_time, project_id=project_id, workflow_name=step.key, deleted_at=None, event_count__gt=0
        )
    deleted = Trace.objects.filter(project_id=project_id, trace_id=OuterRef("trace_id"), deleted_at__isnull=False)
    calls = Event.objects.alias(step_key=_STEP_KEY).filter(
        in_time, ~Exists(deleted), project_id=project_id, kind=_EVENT_KINDS[step.kind], step_key=step.key
    )
    # What the index holds; without it said, Postgres cannot know that the index has every match.
    return calls.filter(Q(kind="tool") | Q(prompt_hash__isnull=False))


def _load_steps(project_id: int, rows: list[dict[str, Any]]) -> dict[tuple[str, str], Step]:
    keys: dict[str, list[str]] = {}
    for row in rows:
        keys.setdefault(row["kind"], []).append(row["key"])
    if not keys:
        return {}
    wanted = Q()
    for kind, names in keys.items():
        wanted |= Q(kind=kind, key__in=names)
    return {(step.kind, step.key): step for step in Step.objects.filter(wanted, project_id=project_id)}


def _make_step(step: Step, figures: dict[str, Any]) -> StepSummary:
    calls = figures["calls"]
    # The hourly figures hold the sum of known costs; nothing known is unknown, not free.
    cost_micros = figures["cost_micros"] or None
    return StepSummary(
        kind=step.kind,
        key=step.key,
        name=step.name,
        workflow_name=step.workflow_name,
        model=step.model,
        is_unattributed=step.kind == StepKind.WORKFLOW and step.key == UNKNOWN_WORKFLOW,
        calls=calls,
        events=figures["events"],
        errors=figures["errors"],
        error_rate=figures["errors"] / calls,
        mean_duration_ms=figures["duration_ms"] / calls,
        total_tokens=figures["total_tokens"],
        cost_micros=cost_micros,
        cost_usd=format_usd(cost_micros),
        first_seen_at=step.first_seen_at,
        last_hour=figures["last_hour"],
    )


def _spell_statuses(statuses: tuple[str, ...]) -> set[str]:
    """Return the stored statuses behind the asked ones: an event that ended without a verdict reads as ok."""
    return {*statuses, "unset"} if "ok" in statuses else set(statuses)


# What a trace has under another name than a call.
_TRACE_AS_CALL: dict[str, Any] = {
    "id": Value(None, BigIntegerField()),
    "span_id": Value(None, TextField()),
    "name": F("workflow_name"),
    "model": F("model_names__0"),
}
