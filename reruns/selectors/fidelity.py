"""How true a run was to its source: what was offered as frozen, what came of it, and where the two first part.

Values are compared as people see them, redacted on both sides; frozen values are only asked whether they could be
sent. What an SDK took from the recording is told by the number it counts by and by what it answered: a call whose
output is that of the event frozen under its number was answered from it (one that ran for real and answered the very
same cannot be told from it). Calls that it does not report are found by the numbers between (`fidelity_calls`).
"""

from __future__ import annotations

from collections import Counter

import msgspec

from observability.errors import NotFoundError
from observability.selectors.traces import get_trace
from reruns.fidelity.alignment import Divergence, Relation, Row, Token, align_calls, find_first_divergence
from reruns.fidelity.mocks import is_mocked
from reruns.models import Run, RunConfig, Trigger
from reruns.selectors.fidelity_calls import Call, add_unreported, counts_from_one, load_calls
from reruns.selectors.fidelity_shapes import FidelityCall, FidelityDivergence, FidelityReport, FidelityRow
from reruns.selectors.replay import Slot, freeze_slots, list_slots

MOST_ROWS = 5_000
_STEPS = "Steps and single calls are run alone: nothing is frozen."
_NO_EVENTS = "The SDK sent no events of this run: it made no call for real, or it does not report them."
_GONE = "The source trace is gone."


def get_fidelity(project_id: int, trigger_id: int, *, number: int) -> FidelityReport:
    """Return the report of one run. A dozen queries, one more for 500 events, and a read of storage for a large value.

    Raises `NotFoundError`, also for another project's, and `TooLargeError`.
    """
    run = (
        Run.objects.select_related("trigger", "trigger__run_config")
        .filter(trigger__project=project_id, trigger=trigger_id, number=number, step=0)
        .first()
    )
    if run is None:
        raise NotFoundError("No such run.")
    trigger = run.trigger
    if trigger.mode != Trigger.Mode.WORKFLOW:
        return _make_empty(run, _STEPS)
    try:
        source = list_slots(project_id, get_trace(project_id, trigger.trace_id))
    except NotFoundError:
        return _make_empty(run, _GONE)
    offered, source = _list_offered(project_id, trigger.run_config, source)
    if not run.trace_id and run.call_count is None:
        return msgspec.structs.replace(_make_empty(run, _NO_EVENTS), offered=len(offered))
    calls = load_calls(project_id, source)
    return _compare(run, calls, _load_rerun(run, calls, offered), offered)


class RunCalls(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run's calls beyond its events: those it spent on, and those its SDK sent no event of."""

    live: frozenset[int]
    """Numbers of its events that were not answered from a recording or by a mock."""
    is_spending_known: bool
    """Whether that is known of all its model calls."""
    unreported: tuple[tuple[str, str], ...]
    """Kind and name of calls that came and were not made."""
    uncertain: tuple[tuple[str, str], ...]
    """Of calls that may have come."""


def find_calls(run: Run) -> RunCalls:
    """Return what a workflow's run called. As dear as the report; raises `NotFoundError` for a source that is gone, and
    `TooLargeError`.
    """
    trigger = run.trigger
    project_id = trigger.project_id
    source = list_slots(project_id, get_trace(project_id, trigger.trace_id))
    offered, counted = _list_offered(project_id, trigger.run_config, source)
    calls = load_calls(project_id, counted)
    rerun = _load_rerun(run, calls, offered)
    served = _find_served(trigger.run_config, calls, rerun, offered)
    reported = [(call.slot, how) for call, how in zip(rerun, served, strict=True) if call.is_reported]
    others = [call for call in rerun if not call.is_reported]
    return RunCalls(
        live=frozenset(slot.event_id for slot, how in reported if how == "live"),
        is_spending_known=all(how != "unknown" for slot, how in reported if slot.kind == "ai"),
        unreported=tuple((call.slot.kind, call.slot.name) for call in others if call.is_certain),
        uncertain=tuple((call.slot.kind, call.slot.name) for call in others if not call.is_certain),
    )


def _load_rerun(run: Run, source: list[Call], offered: set[int]) -> list[Call]:
    project_id = run.trigger.project_id
    if not run.trace_id:
        return add_unreported(source, [], offered, call_count=run.call_count)
    try:
        trace = get_trace(project_id, run.trace_id)
    except NotFoundError:
        return []
    calls = load_calls(project_id, list_slots(project_id, trace))
    if not counts_from_one(project_id, trace):
        return calls
    return add_unreported(source, calls, offered, has_ended_well=bool(run.ok), call_count=run.call_count)


def _list_offered(project_id: int, config: RunConfig, slots: list[Slot]) -> tuple[set[int], list[Slot]]:
    """Return the ordinals under which the SDK was given an event, and the calls it was to count."""
    if config.freezes_nothing:
        return set(), slots
    frozen, _, counted = freeze_slots(project_id, slots, set(config.frozen_event_ids) or None)
    return {event.id for event in frozen}, counted


def _compare(run: Run, source: list[Call], rerun: list[Call], offered: set[int]) -> FidelityReport:
    config = run.trigger.run_config
    served = _find_served(config, source, rerun, offered)
    source_tokens, rerun_tokens = [call.token for call in source], [call.token for call in rerun]
    rows = align_calls(source_tokens, rerun_tokens)
    divergence = find_first_divergence(source_tokens, rerun_tokens, rows)
    counts = Counter(served)
    consumed = [place for place, how in enumerate(served) if how == "frozen"]
    # Not known to be consumed, and no more known to be missed.
    open_ends = sum(how == "unknown" and place + 1 in offered for place, how in enumerate(served))
    wrong = [place for place in consumed if source[place].token != rerun[place].token]
    return FidelityReport(
        trigger_id=run.trigger_id,
        run=run.number,
        trace_id=run.trigger.trace_id,
        run_trace_id=run.trace_id,
        is_known=True,
        reason="",
        offered=len(offered),
        consumed=counts["frozen"],
        missed=len(offered) - counts["frozen"] - open_ends,
        live=counts["live"],
        mocked=counts["mocked"],
        unknown=counts["unknown"],
        wrong=len(wrong),
        is_same_order=divergence is None,
        first_divergence=divergence and _explain(divergence, source, rerun),
        rows=[_make_row(row, source, rerun, offered, served) for row in rows[:MOST_ROWS]],
        is_partial=len(rows) > MOST_ROWS,
    )


def _find_served(config: RunConfig, source: list[Call], rerun: list[Call], offered: set[int]) -> list[str]:
    """Return by place in the rerun what answered: `frozen`, `mocked`, `live`, or `unknown` where an output is not."""
    calls: Counter[tuple[str, str]] = Counter()
    found = []
    for place, call in enumerate(rerun):
        key = (call.token.kind, call.token.name)
        calls[key] += 1
        mocks = config.ai_mock_config if call.token.kind == "ai" else config.tool_mock_config
        if call.token.kind in ("ai", "tool") and is_mocked(mocks, call.token.name, calls[key]):
            found.append("mocked")
        elif not call.is_reported:
            found.append("frozen" if place + 1 in offered and call.is_certain else "unknown")
        elif place + 1 not in offered:
            found.append("live")
        elif call.output is None or source[place].output is None:
            found.append("unknown")
        else:
            found.append("frozen" if call.output == source[place].output else "live")
    return found


# -- the report --------------------------------------------------------------------------------------------------------


def _make_empty(run: Run, reason: str) -> FidelityReport:
    return FidelityReport(
        trigger_id=run.trigger_id,
        run=run.number,
        trace_id=run.trigger.trace_id,
        run_trace_id=run.trace_id,
        is_known=False,
        reason=reason,
        offered=0,
        consumed=0,
        missed=0,
        live=0,
        mocked=0,
        unknown=0,
        wrong=0,
        is_same_order=None,
        first_divergence=None,
        rows=[],
        is_partial=False,
    )


def _make_row(row: Row, source: list[Call], rerun: list[Call], offered: set[int], served: list[str]) -> FidelityRow:
    one = None if row.source is None else source[row.source]
    other = None if row.rerun is None else rerun[row.rerun]
    how = None if row.rerun is None else served[row.rerun]
    is_frozen = how == "frozen" and row.rerun is not None
    is_reported = other is None or other.is_reported
    are_known = one is not None and other is not None and one.output is not None and other.output is not None
    return FidelityRow(
        relation=row.relation,
        was_offered=None if row.source is None else row.source + 1 in offered,
        served=how,
        answered_from=row.rerun + 1 if is_frozen and row.rerun is not None else None,
        is_wrong=bool(is_frozen and other and row.rerun is not None and source[row.rerun].token != other.token),
        is_output_same=one.output == other.output if are_known and is_reported and one and other else None,
        is_reported=is_reported,
        source=None if one is None else _describe(one),
        rerun=None if other is None or not is_reported else _describe(other),
    )


def _describe(call: Call) -> FidelityCall:
    row = call.slot.row
    return FidelityCall(
        ordinal=call.slot.ordinal,
        event_db_id=call.slot.event_id,
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        kind=call.token.kind,
        name=call.token.name,
        fingerprint=call.token.input,
        status=row["status"],
        duration_ms=row["duration_ms"],
        cost_micros=call.previews.get("cost_micros"),
        input_preview=call.previews.get("input_preview"),
        output_preview=call.previews.get("output_preview"),
    )


def _explain(divergence: Divergence, source: list[Call], rerun: list[Call]) -> FidelityDivergence:
    at, row = divergence
    one = None if row.source is None else source[row.source].token
    other = None if row.rerun is None else rerun[row.rerun].token
    return FidelityDivergence(
        ordinal=at + 1,
        cause=_CAUSES[row.relation],
        explanation=_spell(row, one, other),
        source_ordinal=None if row.source is None else row.source + 1,
        rerun_ordinal=None if row.rerun is None else row.rerun + 1,
    )


_CAUSES = {relation: str(relation) for relation in Relation} | {Relation.MOVED: "order_swap"}


def _spell(row: Row, one: Token | None, other: Token | None) -> str:
    if other is None or row.rerun is None:
        return f"{_name(one)}, call {(row.source or 0) + 1} of the source, did not come."
    if one is None or row.source is None:
        return f"{_name(other)} was called as number {row.rerun + 1}, which the source did not call."
    place = f"as number {row.rerun + 1}"
    if row.relation is Relation.MOVED:
        return f"{_name(other)} was called {place}; in the source it was number {row.source + 1}."
    if row.relation is Relation.INPUT:
        return f"{_name(other)} was called {place} with another input than in the source."
    return f"{_name(other)} was called {place}, where the source called {_name(one)}."


def _name(token: Token | None) -> str:
    return f"{token.kind} {token.name}" if token else "A call"
