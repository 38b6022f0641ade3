"""What the page of a rerun sums up: all runs in figures, the fidelity as a picture, a difference folded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from observability.selectors.compare_shapes import DiffLine
from observability.selectors.shapes import TraceSummary
from reruns.selectors.fidelity_shapes import FidelityReport, FidelityRow
from reruns.selectors.triggers import TriggerDetail

MOST_CELLS = 240
_CONTEXT = 3
_FOLD_FROM = 8
_GLYPHS = {"frozen": "❄", "live": "▶", "mocked": "M", "unknown": "?"}
_WORDS = {
    "frozen": "answered from the recording",
    "live": "really happened",
    "mocked": "answered by a mock",
    "unknown": "cannot be told: outputs are not captured",
}


@dataclass(frozen=True, slots=True)
class Spread:
    """Least, median and most of some runs."""

    least: float
    middle: float
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """All runs together. Spreads are of the runs that say so; `distinct` counts different outputs."""

    runs: int
    answered: int
    succeeded: int
    passed: int | None
    duration_ms: Spread | None
    cost_micros: Spread | None
    tokens: Spread | None
    distinct: int


def measure_runs(rerun: TriggerDetail, traces: dict[str, TraceSummary]) -> RunFigures:
    """Return the figures of all runs. `passed` counts runs of which no check failed; None without checks."""
    answered = [run for run in rerun.run_items if run.answered_at is not None]
    made = [traces[run.trace_id] for run in answered if run.trace_id in traces]
    judged = [run for run in answered if run.evaluations]
    failed = {"failed", "error"}
    outputs = {(run.step, _spell(run.output)) for run in answered if run.output is not None}
    return RunFigures(
        runs=rerun.runs,
        answered=len(answered),
        succeeded=rerun.succeeded,
        passed=sum(not any(item.status in failed for item in run.evaluations) for run in judged)
        if rerun.evaluations
        else None,
        duration_ms=_spread([run.duration_ms for run in answered]),
        cost_micros=_spread([trace.cost_micros for trace in made]),
        tokens=_spread([trace.total_tokens for trace in made]),
        distinct=len(outputs),
    )


def _spread(values: Sequence[float | None]) -> Spread | None:
    known = [value for value in values if value is not None]
    return Spread(min(known), median(known), max(known)) if known else None


def _spell(output: Any) -> str:
    return json.dumps(json.loads(bytes(output)), sort_keys=True)


# -- fidelity ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """One call in the picture."""

    glyph: str
    css: str
    title: str
    is_first: bool


def list_cells(report: FidelityReport) -> list[Cell]:
    """Return the calls in order as cells: what answered each, those that did not come, and the first divergence."""
    first = report.first_divergence
    cells = []
    for row in report.rows[:MOST_CELLS]:
        is_first = first is not None and (
            row.rerun.ordinal == first.rerun_ordinal
            if row.rerun and first.rerun_ordinal is not None
            else bool(row.source and row.source.ordinal == first.source_ordinal)
        )
        cells.append(_make_cell(row, is_first=is_first))
    return cells


def _make_cell(row: FidelityRow, *, is_first: bool) -> Cell:
    call = row.rerun or row.source
    name = f"{call.kind} {call.name}" if call else ""
    if row.served is None:
        return Cell("∅", "missing", f"{name}: did not come", is_first)
    css = "wrong" if row.is_wrong else row.served
    said = "answered with the recording of another call" if row.is_wrong else _WORDS.get(row.served, row.served)
    return Cell(_GLYPHS.get(row.served, "·"), css, f"{name}: {said}", is_first)


# -- differences -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A line of a difference as pieces, each marked or not; `op` `fold` stands for `count` lines that are the same."""

    op: str
    pieces: list[tuple[str, bool]]
    count: int = 0


def fold_lines(lines: Sequence[DiffLine]) -> list[ShownLine]:
    """Return the lines, long stretches without a difference as one."""
    near = bytearray(len(lines))
    for at, line in enumerate(lines):
        if line.op != "same":
            start, end = max(0, at - _CONTEXT), min(len(lines), at + _CONTEXT + 1)
            near[start:end] = b"\x01" * (end - start)
    shown: list[ShownLine] = []
    at = 0
    while at < len(lines):
        end = at
        while end < len(lines) and not near[end]:
            end += 1
        if end - at >= _FOLD_FROM:
            shown.append(ShownLine("fold", [], end - at))
            at = end
        else:
            shown.append(ShownLine(lines[at].op, _split(lines[at])))
            at += 1
    return shown


def _split(line: DiffLine) -> list[tuple[str, bool]]:
    pieces, at = [], 0
    for start, end in line.marks:
        pieces += [(line.text[at:start], False), (line.text[start:end], True)]
        at = end
    return [*pieces, (line.text[at:], False)]
