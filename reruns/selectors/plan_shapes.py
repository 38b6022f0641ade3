"""The plan of a rerun as page and API give it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from observability.selectors.shapes import Time


class PlannedCall(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One call of the source, and what becomes of it."""

    ordinal: Annotated[
        int | None,
        Meta(description="Its number among the calls that the SDK counts; null for one that does not come."),
    ]
    event_db_id: int
    trace_id: Annotated[str, Meta(description="The trace it is stored under.")]
    span_id: str
    kind: str
    name: str
    number: Annotated[int, Meta(description="Which call of this kind and name it is, from 1: what mocks count.")]
    model: str | None
    prompt_name: Annotated[str | None, Meta(description="What `promptMocks` knows its prompt by, if it was sent.")]
    started_at: Time
    ended_at: Time | None
    duration_ms: float | None
    cost_micros: Annotated[int | None, Meta(description="What it cost in the source.")]
    state: Annotated[
        Literal["frozen", "mocked", "live", "refused", "within"],
        Meta(
            description="`frozen`: answered from the recording; `mocked`: by a mock; `live`: it really happens; "
            "`refused`: it would, but `strict` lets it fail; `within`: a frozen tool made it, so it does not come."
        ),
    ]
    made_by: Annotated[int | None, Meta(description="The event of the tool that made it, as far as times tell.")]
    is_to_freeze: Annotated[bool, Meta(description="Whether it was to be answered from the recording.")]
    can_freeze: bool
    reason: Annotated[str, Meta(description="Why it cannot be answered from the recording; empty if it can.")]
    effect: Annotated[
        Literal["reads", "changes", "costs", "unknown"],
        Meta(description="What it does to the world when it really happens, as far as the recording tells."),
    ]
    effect_text: str


class PlannedInput(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the workflow is given."""

    state: Annotated[
        Literal["given", "trace", "missing"],
        Meta(description="`trace`: what it was given then; `missing`: no event says it, and the request must."),
    ]
    span_id: Annotated[str | None, Meta(description="The event that says what it was given.")]


class PlannedSession(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who is to run it."""

    session_id: Annotated[str | None, Meta(description="The SDK session it would go to now.")]
    detail: Annotated[str, Meta(description="Why it would have to wait.")]


class RerunPlan(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What would happen. Counts are of one run of the calls that the source made; new code may call others."""

    trace_id: str
    workflow_name: str
    mode: Annotated[str, Meta(description="`workflow` or `step`.")]
    run_count: int
    calls: list[PlannedCall]
    frozen: int
    mocked: int
    live: int
    refused: int
    not_frozen: Annotated[int, Meta(description="Of those that are to be frozen, how many cannot be.")]
    changing: Annotated[int, Meta(description="Of those that really happen, how many change something.")]
    cost_micros: Annotated[
        int | None, Meta(description="What the model calls that really happen cost in the source, times `runCount`.")
    ]
    unpriced: Annotated[int, Meta(description="Model calls that really happen and whose cost is not known.")]
    input: PlannedInput
    session: PlannedSession
    runs_left: Annotated[int, Meta(description="Runs the project may still ask for in this hour.")]
