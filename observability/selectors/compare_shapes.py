"""What the selectors that compare two traces return. The conventions are those of `shapes`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from observability.selectors.shapes import Micros, Milliseconds, TraceSummary

Change = Literal["name", "status", "model", "error", "input", "output"]


class ComparedEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One side of a row. Fields that would be null are left out."""

    span_id: str
    status: str
    offset_ms: Annotated[float, Meta(description="Milliseconds from the start of its trace.")]
    duration_ms: Milliseconds = None
    tokens: int | None = None
    cost_micros: Micros = None
    name: Annotated[str | None, Meta(description="Only where it is not the row's.")] = None


class ComparedRow(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event of one trace beside its partner in the other. Deltas are right minus left, where both are known."""

    state: Annotated[
        Literal["same", "changed", "added", "missing"],
        Meta(description="`added`: only right; `missing`: only left; `changed`: `changes` says in what."),
    ]
    depth: Annotated[int, Meta(description="Levels below the roots.")] = 0
    kind: str
    name: str
    left: ComparedEvent | None = None
    right: ComparedEvent | None = None
    changes: tuple[Change, ...] = ()
    duration_delta_ms: float | None = None
    tokens_delta: int | None = None
    cost_delta_micros: int | None = None


class ComparedTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What differs in sum: right minus left, null where either is not known."""

    duration_ms: float | None
    event_count: int
    error_count: int
    total_tokens: int
    cost_micros: int | None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two traces aligned, rows in the order of their trees."""

    left: TraceSummary
    right: TraceSummary
    deltas: ComparedTotals
    counts: Annotated[dict[str, int], Meta(description="Rows by state.")]
    first_divergence: Annotated[
        int | None, Meta(description="Which row differs first in time, from 0; null when none does.")
    ]
    rows: list[ComparedRow]
    is_partial: Annotated[bool, Meta(description="A trace has more events than are compared: the first of each are.")]


class DiffLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. A changed line is a removed one followed by an added one, with the characters that differ."""

    op: Literal["same", "removed", "added"]
    text: str
    marks: Annotated[
        tuple[tuple[int, int], ...], Meta(description="From and to of what differs in the line, in code points.")
    ] = ()


class FieldDiff(msgspec.Struct, frozen=True, kw_only=True):
    """One value on both sides."""

    field: Literal["input", "output", "error_stack"]
    left_state: Annotated[str, Meta(description="As of an event's value; `none` where the row has no such side.")]
    right_state: str
    left_bytes: int | None
    right_bytes: int | None
    is_same: Annotated[bool, Meta(description="Nothing differs in what was compared.")]
    is_cut: Annotated[bool, Meta(description="The values are too large: only their beginnings were compared.")]
    lines: list[DiffLine]


class ComparedValues(msgspec.Struct, frozen=True, kw_only=True):
    """The values of two events."""

    fields: list[FieldDiff]
