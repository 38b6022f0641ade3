"""The fidelity report as the API gives it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class FidelityCall(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One call of either trace."""

    ordinal: Annotated[int, Meta(description="Its number among the replayable calls: what an SDK counts.")]
    event_db_id: int
    trace_id: str
    span_id: str
    kind: str
    name: str
    fingerprint: Annotated[str, Meta(description="Of its input, spelled in one way.")]
    status: str
    duration_ms: float | None
    cost_micros: int | None
    input_preview: str | None
    output_preview: str | None


class FidelityRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A call of the source beside the one of the rerun that is like it."""

    relation: Annotated[
        str,
        Meta(
            description="`same`, `moved`, `input_drift`, `name_mismatch`, `type_mismatch`, `missing` (only the source "
            "has it) or `extra` (only the rerun)."
        ),
    ]
    was_offered: Annotated[bool | None, Meta(description="Whether the source's call was given as frozen.")]
    served: Annotated[
        str | None, Meta(description="What answered the rerun's call: `frozen`, `mocked`, `live` or `unknown`.")
    ]
    answered_from: Annotated[int | None, Meta(description="Ordinal of the frozen event that answered it.")]
    is_wrong: Annotated[bool, Meta(description="It was answered with the recording of another call.")]
    is_reported: Annotated[
        bool,
        Meta(
            description="Whether the SDK sent an event of the rerun's call. If not, `rerun` is null: the numbers of "
            "others tell that the call came and was not made for real; it is `unknown` where even that is open."
        ),
    ]
    is_output_same: Annotated[bool | None, Meta(description="Null where one of the two is not known.")]
    source: FidelityCall | None
    rerun: FidelityCall | None


class FidelityDivergence(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where the rerun first left its source."""

    ordinal: int
    cause: Annotated[
        str,
        Meta(
            description="`input_drift`, `order_swap`, `extra`, `missing`, `name_mismatch` or `type_mismatch`.",
        ),
    ]
    explanation: str
    source_ordinal: int | None
    rerun_ordinal: int | None


class FidelityReport(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How true one run was to its source."""

    trigger_id: int
    run: int
    trace_id: str
    run_trace_id: str
    is_known: bool
    reason: Annotated[str, Meta(description="Why nothing is known.")]
    offered: Annotated[int, Meta(description="Events given as frozen.")]
    consumed: Annotated[int, Meta(description="Of these, those that answered a call.")]
    missed: Annotated[
        int, Meta(description="Of these, those that did not: the call at their place ran, or never came.")
    ]
    live: Annotated[int, Meta(description="Calls that ran for real.")]
    mocked: int
    unknown: Annotated[
        int,
        Meta(
            description="Calls of which it cannot be told: outputs are not captured, or the SDK does not report them."
        ),
    ]
    wrong: Annotated[int, Meta(description="Calls that were answered with the recording of another call.")]
    is_same_order: bool | None
    first_divergence: FidelityDivergence | None
    rows: list[FidelityRow]
    is_partial: Annotated[bool, Meta(description="There are more rows than are given.")]
