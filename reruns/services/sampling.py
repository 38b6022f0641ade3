"""Traces run again by themselves: which, within which limits, and what became of each (B6.9)."""

from __future__ import annotations

import fnmatch
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from observability.errors import InvalidError, NotFoundError
from observability.ingest.sdk.trace_ids import UNKNOWN_WORKFLOW
from observability.models import Trace, User
from observability.selectors.production import NO_RERUNS
from observability.selectors.shapes import TraceSummary
from observability.selectors.traces import get_trace
from reruns.errors import RerunError, RerunLimitError
from reruns.models import SampledTrace, SamplingConfig, Trigger
from reruns.models.sampling import StepType
from reruns.selectors.policies import HOUR, get_policy
from reruns.selectors.replay import Slot, list_slots
from reruns.services.evaluations import check_evaluations
from reruns.services.triggers import (
    MOST_STEPS,
    Request,
    WorkflowSettings,
    request_step_reruns,
    request_workflow_rerun,
)

log = structlog.get_logger(__name__)

SETTLE = timedelta(seconds=10)
"""A trace is looked at when nothing of it has come for so long."""
LOOK_BACK = timedelta(hours=2)
KEEP_DECISIONS = timedelta(days=7)
_MOST_TRACES = 5_000
_OUTCOMES = SampledTrace.Outcome
_COUNTERS = {
    _OUTCOMES.TRIGGERED: "triggered_count",
    _OUTCOMES.CAPPED: "capped_count",
    _OUTCOMES.UNUSABLE: "unusable_count",
}


@dataclass(frozen=True, slots=True)
class Share:
    """What of a config decides without looking at the trace."""

    config_id: int
    rate: float


def is_sampled(share: Share, trace_id: str) -> bool:
    """Say whether a config takes a trace: always the same answer, for `rate` of all ids."""
    digest = hashlib.blake2b(f"{share.config_id}:{trace_id}".encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") < share.rate * 2**64


def list_shares() -> dict[int, list[Share]]:
    """Return the shares of enabled configs by project. One query."""
    found: dict[int, list[Share]] = defaultdict(list)
    enabled = SamplingConfig.objects.filter(is_enabled=True, project__deleted_at=None)
    for pk, project_id, rate in enabled.values_list("pk", "project_id", "rate"):
        found[project_id].append(Share(pk, rate))
    return dict(found)


def sample_trace(*, project_id: int, trace_id: str) -> list[Trigger]:
    """Run a trace again for every config that takes it and has not decided on it. Idempotent.

    Nothing for a trace that still grows (the sweep comes back to it), is gone, is itself a rerun, or holds the events
    of no run.
    """
    configs = SamplingConfig.objects.filter(project=project_id, is_enabled=True)
    taken = [config for config in configs if is_sampled(Share(config.pk, config.rate), trace_id)]
    if not taken or trace_id.startswith(f"{UNKNOWN_WORKFLOW}::"):
        return []
    try:
        trace = get_trace(project_id, trace_id)
    except NotFoundError:
        return []
    if trace.open_count or trace.updated_at > timezone.now() - SETTLE or "rerun" in trace.flags:
        return []
    slots = list_slots(project_id, trace)
    return [trigger for config in taken if (trigger := _decide(config, trace, slots)) is not None]


def list_missed_traces() -> list[tuple[int, str]]:
    """Return recent traces that a config takes and has not decided on. One query a project, on `traces_newest`."""
    missed: list[tuple[int, str]] = []
    for project_id, shares in list_shares().items():
        recent = Trace.objects.filter(
            NO_RERUNS,
            project_id=project_id,
            started_at__gte=timezone.now() - LOOK_BACK,
            deleted_at=None,
            open_count=0,
        )
        ids = recent.order_by("-started_at", "-trace_id").values_list("trace_id", flat=True)[:_MOST_TRACES]
        taken = {trace_id for trace_id in ids if any(is_sampled(share, trace_id) for share in shares)}
        of_project = SampledTrace.objects.filter(config__project=project_id, trace_id__in=taken)
        decided = defaultdict(set)
        for config_id, trace_id in of_project.values_list("config_id", "trace_id"):
            decided[trace_id].add(config_id)
        for trace_id in taken:
            if any(is_sampled(share, trace_id) and share.config_id not in decided[trace_id] for share in shares):
                missed.append((project_id, trace_id))
    return missed


def forget_decisions() -> None:
    """Forget what was decided on traces long ago."""
    SampledTrace.objects.filter(at__lt=timezone.now() - KEEP_DECISIONS).delete()


def create_sampling_config(*, project_id: int, created_by: User | None, **values: Any) -> SamplingConfig:
    """Add a config. Raises `InvalidError` naming the field."""
    config = SamplingConfig(project_id=project_id, created_by=created_by, **values)
    return _save(config)


def update_sampling_config(*, config: SamplingConfig, **values: Any) -> SamplingConfig:
    """Change a config for what is stored from now on. Raises `InvalidError` naming the field."""
    for name, value in values.items():
        setattr(config, name, value)
    return _save(config)


def delete_sampling_config(*, config: SamplingConfig) -> None:
    """Remove a config; the reruns it asked for stay. Idempotent."""
    config.delete()


def _save(config: SamplingConfig) -> SamplingConfig:
    check_sampling_config(config)
    try:
        with transaction.atomic():
            config.save()
    except IntegrityError as error:
        raise InvalidError(f"name: there is a sampling config {config.name!r} already") from error
    return config


def check_sampling_config(config: SamplingConfig) -> None:
    """Raise `InvalidError` naming the first field that cannot be used."""
    if not config.name.strip() or len(config.name) > 100 or "\x00" in config.name:
        raise InvalidError("name: give 1 to 100 characters")
    unknown = [kind for kind in config.event_types if kind not in StepType.values]
    if unknown or not config.event_types:
        raise InvalidError(
            f"eventTypes: choose from {', '.join(StepType.values)}; got {', '.join(map(repr, unknown)) or 'none'}"
        )
    if config.mode not in SamplingConfig.Mode.values:
        raise InvalidError(f"mode: choose from {', '.join(SamplingConfig.Mode.values)}")
    if not 0 <= config.rate <= 1:
        raise InvalidError("rate: give a share from 0 to 1")
    if not 1 <= config.run_count <= 50:
        raise InvalidError("runCount: give 1 to 50")
    if not 0 <= config.max_per_hour <= 100_000:
        raise InvalidError("maxPerHour: give 0 to 100000")
    check_evaluations(config.evaluations)


def _decide(config: SamplingConfig, trace: TraceSummary, slots: list[Slot]) -> Trigger | None:
    """Decide on one trace for one config, once. A trace the config is not about takes no decision.

    1. The decision is inserted first, as triggered: of two tasks for one trace the second finds it and stops.
    2. It is corrected in the same transaction when the rerun is refused.
    """
    matching = _match(config, trace, slots)
    if matching is None:
        return None
    with transaction.atomic():
        decision, is_new = SampledTrace.objects.get_or_create(
            config=config, trace_id=trace.trace_id, defaults={"outcome": _OUTCOMES.TRIGGERED}
        )
        if not is_new:
            return None
        trigger = None
        try:
            with transaction.atomic():
                trigger = _request(config, trace, slots, matching)
        except RerunLimitError as error:
            decision.outcome, decision.detail = _OUTCOMES.CAPPED, str(error)[:300]
        except (RerunError, InvalidError, NotFoundError) as error:
            decision.outcome, decision.detail = _OUTCOMES.UNUSABLE, str(error)[:300]
        decision.save()
        counter = _COUNTERS[_OUTCOMES(decision.outcome)]
        SamplingConfig.objects.filter(pk=config.pk).update(**{counter: F(counter) + 1})
    log.info("trace.sampled", config_id=config.pk, trace_id=trace.trace_id, outcome=decision.outcome)
    return trigger


def _request(config: SamplingConfig, trace: TraceSummary, slots: list[Slot], matching: list[Slot]) -> Trigger:
    # The config's row is the lock that its count is exact under.
    SamplingConfig.objects.select_for_update().get(pk=config.pk)
    recent = config.triggers.filter(created_at__gt=timezone.now() - HOUR).count()
    if recent >= config.max_per_hour:
        raise RerunLimitError(f"The config has asked for its {config.max_per_hour} reruns of this hour.")
    request = Request(
        policy=get_policy(config.project_id),
        run_count=config.run_count,
        evaluations=config.evaluations,
        sampling_config=config,
    )
    if config.mode == SamplingConfig.Mode.STEP:
        wanted = [slot.event_id for slot in matching[:MOST_STEPS]]
        return request_step_reruns(request=request, trace=trace, event_ids=wanted)
    live = {slot.event_id for slot in matching}
    frozen = [slot.event_id for slot in slots if slot.event_id not in live]
    settings = WorkflowSettings(frozen_event_ids=frozen)
    return request_workflow_rerun(request=request, trace=trace, settings=settings)


def _match(config: SamplingConfig, trace: TraceSummary, slots: list[Slot]) -> list[Slot] | None:
    """Return the events that would run for real, or None for a trace the config is not about."""
    if config.workflow and not _is_like(trace.workflow_name, config.workflow):
        return None
    found = [slot for slot in slots if slot.kind in config.event_types]
    if config.event_name:
        found = [slot for slot in found if _is_like(slot.name, config.event_name)]
    return found or None


def _is_like(text: str, pattern: str) -> bool:
    """Match with `*` for any text; every other character stands for itself."""
    return fnmatch.fnmatchcase(text, "*".join(part.translate(_LITERAL) for part in pattern.split("*")))


_LITERAL = str.maketrans({"[": "[[]", "?": "[?]"})
