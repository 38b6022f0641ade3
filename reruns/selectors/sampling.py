"""Reads of sampling configs."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from observability.errors import NotFoundError
from observability.selectors.shapes import Time
from reruns.models import SamplingConfig


class SamplingConfigItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A sampling config, and what became of the traces it took."""

    id: int
    name: str
    is_enabled: bool
    mode: str
    event_types: list[str]
    workflow: str
    event_name: str
    rate: float
    run_count: int
    max_per_hour: int
    evaluations: list[Any]
    triggered: Annotated[int, Meta(description="Traces it had run again.")]
    capped: Annotated[int, Meta(description="Traces left out because of a limit.")]
    unusable: Annotated[int, Meta(description="Traces left out because nothing in them could be run again.")]
    created_at: Time


class SamplingConfigs(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The sampling configs of a project, by name."""

    items: list[SamplingConfigItem]


def list_sampling_configs(project_id: int) -> SamplingConfigs:
    """Return all of a project. One query."""
    return SamplingConfigs(
        items=[describe_sampling_config(row) for row in SamplingConfig.objects.filter(project=project_id)]
    )


def get_sampling_config(project_id: int, config_id: int) -> SamplingConfig:
    """Return the row. One query. Raises `NotFoundError`, also for another project's."""
    found = SamplingConfig.objects.filter(project=project_id, pk=config_id).first()
    if found is None:
        raise NotFoundError("No such sampling config.")
    return found


def describe_sampling_config(row: SamplingConfig) -> SamplingConfigItem:
    """Return a row as the API shows it."""
    return SamplingConfigItem(
        id=row.pk,
        name=row.name,
        is_enabled=row.is_enabled,
        mode=row.mode,
        event_types=list(row.event_types),
        workflow=row.workflow,
        event_name=row.event_name,
        rate=row.rate,
        run_count=row.run_count,
        max_per_hour=row.max_per_hour,
        evaluations=row.evaluations,
        triggered=row.triggered_count,
        capped=row.capped_count,
        unusable=row.unusable_count,
        created_at=row.created_at,
    )
