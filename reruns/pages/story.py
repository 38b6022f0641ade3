"""What came of a run, in two sentences: what really happened, and what changed. For whoever sees such a page first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from reruns.selectors.fidelity_shapes import FidelityReport
from reruns.selectors.output_shapes import ComparedOutput
from reruns.selectors.triggers import RunItem, TriggerDetail

_NAMED = 4
NO_CHANGE = "±0"
_TIMES, _MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"


def tell_story(rerun: TriggerDetail, run: RunItem, report: FidelityReport | None, output: ComparedOutput) -> list[str]:
    """Return the sentences; none while the run has not answered."""
    if run.answered_at is None:
        return []
    if rerun.mode != "workflow":
        step = rerun.steps[run.step]
        told = [f"Your code really ran {step.event_name}, alone."]
    elif report is None or not report.is_known:
        told = ["Your code ran again."]
    else:
        told = [*_tell_calls(report)]
    return [*told, _tell_answer(run, output)]


def _tell_calls(report: FidelityReport) -> Iterable[str]:
    names = Counter((row.rerun or row.source).name for row in report.rows if row.served == "live")  # type: ignore[union-attr]
    answered = (
        f"{_count(report.consumed, 'call')} {'was' if report.consumed == 1 else 'were'} answered from the recording"
    )
    if report.live:
        yield f"Your code ran again: {answered}, and {report.live} really happened: {_name(names)}."
    else:
        yield f"Your code ran again: {answered}, and none really happened."
    if report.wrong:
        yield f"{_count(report.wrong, 'call')} got the recording of another call."
    elif report.first_divergence is not None:
        yield f"It left its source at call {report.first_divergence.ordinal}: {report.first_divergence.explanation}"


def _tell_answer(run: RunItem, output: ComparedOutput) -> str:
    if run.ok is False:
        return "It failed."
    if output.is_same is None:
        return output.why_no_output or output.why_no_original or "What it answered cannot be compared."
    return "It answered the same as the source." if output.is_same else "It answered something else than the source."


def _name(names: Counter[str]) -> str:
    listed = [f"{name} {_TIMES}{times}" if times > 1 else name for name, times in names.items()]
    more = len(listed) - _NAMED
    return ", ".join(listed) if more <= 1 else f"{', '.join(listed[:_NAMED])} and {more} more"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def write_delta(now: float | None, before: float | None, write: Callable[[float], str]) -> str:
    """Return how much more or less than before, with its sign; empty where one of the two is not known."""
    if now is None or before is None:
        return ""
    change = now - before
    shown = write(abs(change))
    if not change or shown == write(0):
        return NO_CHANGE
    return f"{'+' if change > 0 else _MINUS}{shown}"
