"""What evaluations look at: a run's answer, its own events, the original, the other runs. Values as people see them.

Redacted values are compared with redacted ones, so that nothing secret gets into a reason or to a judge.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from observability.errors import NotFoundError
from observability.flags import EventFlag
from observability.ingest.payloads import unpack
from observability.ingest.prices import price_usage
from observability.ingest.records import Usage
from observability.models import Event, Payload
from observability.selectors.events import own_events
from observability.selectors.traces import get_trace
from observability.services.blobs import BlobMissingError, load_value
from reruns.errors import TooLargeError
from reruns.evaluators.check import Check
from reruns.evaluators.subject import Call, Subject
from reruns.models import Run, Trigger
from reruns.selectors.fidelity import RunCalls, find_calls

MOST_CALLS = 20_000
MOST_OTHER_BYTES = 64 * 2**20
"""Of the outputs of other runs, together: what is larger is not compared."""
_KEY = ("trace_id", "started_at", "span_id")


class SubjectLoader:
    """Loads the subjects of one trigger's runs; what they share is read once.

    What a run called and spent is found out only for `checks` that ask: it takes comparing the run with its source.
    """

    def __init__(self, trigger: Trigger, runs: list[Run], *, checks: Sequence[Check | str] = ()) -> None:
        self._trigger = trigger
        self._runs = runs
        self._needs_calls = any(isinstance(check, Check) and check.needs_events for check in checks)
        self._needs_others = any(isinstance(check, Check) and check.needs_others for check in checks)
        self._originals: dict[int, tuple[bytes | None, str]] = {}
        self._outputs: dict[int, dict[int, bytes] | None] = {}

    def load(self, run: Run) -> Subject:
        """Return what is known of a run. Up to five queries, and a read of storage for each large value."""
        output, no_output = read_output(run)
        original, no_original = self._load_original(run.step)
        rows = _list_rows(self._trigger.project_id, run.trace_id)
        known, no_calls = self._find_calls(run, has_events=rows is not None)
        spent, no_spending = _list_spent(rows, known, no_calls)
        others, no_others = self._list_others(run)
        missing = {"output": no_output, "original": no_original, "spending": no_spending, "others": no_others}
        return Subject(
            ok=bool(run.ok),
            error=run.error,
            output=output,
            original=original,
            others=tuple(others),
            unanswered=sum(other.answered_at is None for other in self._runs if other.step == run.step),
            duration_ms=run.duration_ms,
            total_tokens=_count_tokens(run, spent),
            cost_micros=self._find_cost(run, spent),
            calls=_list_calls(rows, known),
            uncertain_calls=tuple(Call(kind, name) for kind, name in known.uncertain) if known else (),
            missing={name: reason for name, reason in missing.items() if reason},
        )

    def _list_others(self, run: Run) -> tuple[list[bytes], str]:
        """Return the outputs of the step's other runs that answered well, or why they are not looked at."""
        if not self._needs_others:
            return [], ""
        if run.step not in self._outputs:
            alike = [other for other in self._runs if other.step == run.step and other.ok]
            is_bounded = sum(other.output_bytes or 0 for other in alike) <= MOST_OTHER_BYTES
            self._outputs[run.step] = _load_outputs(alike) if is_bounded else None
        outputs = self._outputs[run.step]
        if outputs is None:
            return [], f"The outputs of all runs hold more than {MOST_OTHER_BYTES} bytes: too many to compare."
        return [output for pk, output in outputs.items() if pk != run.pk], ""

    def _load_original(self, step: int) -> tuple[bytes | None, str]:
        if step not in self._originals:
            self._originals[step] = load_original_output(self._trigger, step)
        return self._originals[step]

    def _find_calls(self, run: Run, *, has_events: bool) -> tuple[RunCalls | None, str]:
        """Return what is known of a workflow's calls beyond its events; None, and why, where it is not."""
        is_told = has_events or run.call_count is not None
        if not self._needs_calls or self._trigger.mode != Trigger.Mode.WORKFLOW or not is_told:
            return None, ""
        try:
            return find_calls(run), ""
        except (NotFoundError, TooLargeError) as error:
            return None, f"Which calls were answered from the recording is not known: {error}"

    def _find_cost(self, run: Run, spent: list[dict[str, Any]] | None) -> int | None:
        """Return the sum of the model calls that happened; of a step that is one, the price of what it used."""
        if spent is not None:
            costs = [row["cost_micros"] for row in spent]
            return None if None in costs else sum(costs)
        if self._trigger.mode == Trigger.Mode.WORKFLOW:
            return None
        step = self._trigger.steps[run.step]
        if step["event_type"] != "ai":
            return None
        model, usage = step.get("model") or step["event_name"], run.usage
        if not usage:
            return None
        used = Usage(input=usage.get("input"), output=usage.get("output"), total=usage.get("total"))
        return price_usage(provider=step.get("provider"), model=model, usage=used, on=datetime.now(UTC).date())


def _list_calls(rows: list[dict[str, Any]] | None, known: RunCalls | None) -> tuple[Call, ...] | None:
    """Return the run's calls: those it sent events of, and those that were answered without."""
    if rows is None and known is None:
        return None
    reported = [Call(row["kind"], row["tool_name"] or row["name"]) for row in rows or ()]
    return (*reported, *(Call(kind, name) for kind, name in (known.unreported if known else ())))


def _list_spent(
    rows: list[dict[str, Any]] | None, known: RunCalls | None, why: str
) -> tuple[list[dict[str, Any]] | None, str]:
    """Return the run's model calls that really happened; None, and why, where that is not known."""
    models = None if rows is None else [row for row in rows if row["kind"] == "ai"]
    if known is None:
        return (None, why) if models and why else (models, "")
    if not known.is_spending_known:
        return None, "Which calls were answered from the recording is not known: outputs are not captured."
    return [row for row in models or () if row["id"] in known.live], ""


def read_output(run: Run) -> tuple[bytes | None, str]:
    """Return what a run answered; not kept with the run, of which there may be many."""
    output = _load_outputs([run]).get(run.pk)
    if output is None:
        return None, "The project does not capture outputs." if run.output_bytes is not None else ""
    return output, ""


def _load_outputs(runs: list[Run]) -> dict[int, bytes]:
    found = Run.objects.filter(pk__in=[run.pk for run in runs], output__isnull=False).order_by("number")
    return {pk: unpack(bytes(output or b"")) for pk, output in found.values_list("pk", "output")}


def _list_rows(project_id: int, trace_id: str) -> list[dict[str, Any]] | None:
    """Return the events of a run in order of start, or None where there are none. One query, primary key."""
    if not trace_id:
        return None
    events = Event.objects.filter(project_id=project_id, trace_id=trace_id).order_by("started_at", "span_id")
    columns = ("id", "kind", "name", "tool_name", "total_tokens", "cost_micros")
    return list(events.values(*columns)[:MOST_CALLS]) or None


def _count_tokens(run: Run, spent: list[dict[str, Any]] | None) -> int | None:
    """Return what the answer says, else the sum of the calls that happened; None where one of them does not say."""
    total = (run.usage or {}).get("total")
    if total is not None:
        return int(total)
    if spent is None:
        return None
    counts = [row["total_tokens"] for row in spent]
    return None if None in counts else sum(counts)


def load_original_output(trigger: Trigger, step: int) -> tuple[bytes | None, str]:
    """Return what the original answered, or why it is not known. Three queries."""
    project_id = trigger.project_id
    try:
        if trigger.mode == Trigger.Mode.WORKFLOW:
            trace = get_trace(project_id, trigger.trace_id)
            found = own_events(project_id, trace).filter(kind="workflow", output_bytes__isnull=False)
            row = found.order_by("started_at", "span_id").values(*_KEY, "flags").first()
        else:
            row = _find_event(project_id, trigger.steps[step].get("event_id"))
    except NotFoundError:
        return None, "The original trace is gone."
    if row is None:
        return None, "The trace does not say what the original answered."
    if row["flags"] & EventFlag.OUTPUT_WITHHELD:
        return None, "The project did not capture the original output."
    stored = Payload.objects.filter(project_id=project_id, **{name: row[name] for name in _KEY}).first()
    if stored is None or stored.output is None:
        return None, "The original has no output."
    try:
        return load_value(project_id, bytes(stored.output)), ""
    except BlobMissingError as error:
        return None, str(error)


def _find_event(project_id: int, event_id: int | None) -> dict[str, Any] | None:
    """Return the event's key. Raises `NotFoundError` when its trace is deleted."""
    if event_id is None:
        return None
    row = Event.objects.filter(project_id=project_id, id=event_id).values(*_KEY, "flags").first()
    if row is None:
        raise NotFoundError("No such event.")
    get_trace(project_id, row["trace_id"])
    return dict(row)
