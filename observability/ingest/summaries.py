"""Trace summaries: what one row of `traces` says about all events of the trace.

A summary is folded from changes: `fold_event` takes an event's state before and after a commit and moves the
summary by the difference, so a commit costs what it changed, not what the trace holds. The result does not depend on
order: counts and sums are differences, ends only grow, sets only grow, and a text field comes from the event with
the smallest `(class, start, span id)` among those that have it. Where an event *took back* what the summary rests on
(possible only when two halves of one event contradict each other), the fold says so (`is_stale`), and the writer
folds the trace anew from its rows. `tests/ingest/test_summaries.py` proves fold = recomputation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from observability.ingest.records import Kind, Status
from observability.ingest.rows import EventRow

Source = list[Any]
"""`[class, started_at_us, span_id]` of the event that a field comes from; the smallest wins."""

# A trace row stays small whatever is sent; the smallest of a set are kept, so the choice does not depend on order.
_MOST_SET_ITEMS = 50
_IDENTITY_FIELDS = (
    "session_id",
    "user_id",
    "environment",
    "service_name",
    "service_version",
    "correlation_id",
    "agent_name",
)
_STATED, _ROOT, _ANY = 0, 1, 2
# Looked up in their classes, these cost more than the comparison with them.
_RUNNING, _ERROR, _AI = Status.RUNNING.value, Status.ERROR.value, Kind.AI.value


class FoldState(msgspec.Struct):
    """What folding needs beyond the columns; stored as JSON beside them."""

    sources: dict[str, Source] = {}
    last_us: int = 0
    """The latest moment any event or log record of the trace reached."""
    priced: int = 0
    """Model calls whose cost is known."""
    root_status: str | None = None


class Summary(msgspec.Struct, kw_only=True):
    """One row of `traces`, in the order and with the names of its columns (`_us` fields without the suffix)."""

    project_id: int
    trace_id: str
    version: int = 1
    started_at_us: int = 0
    event_count: int = 0
    open_count: int = 0
    error_count: int = 0
    log_count: int = 0
    unpriced_count: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cost_micros: int | None = None
    flags: int = 0
    workflow_name: str = ""
    source: str = ""
    session_id: str | None = None
    user_id: str | None = None
    environment: str | None = None
    service_name: str | None = None
    service_version: str | None = None
    correlation_id: str | None = None
    agent_name: str | None = None
    input_preview: str | None = None
    output_preview: str | None = None
    error_message: str | None = None
    model_names: list[str] = []
    tags: list[str] = []
    fold_state: FoldState
    is_stale: bool = False
    """Not stored: an event took back what this rests on, fold the trace anew."""

    @property
    def status(self) -> str:
        """Return `running` while any event is open, else the root's verdict, else `error` when any event erred."""
        if self.open_count > 0:
            return Status.RUNNING
        if self.fold_state.root_status in (Status.OK, Status.ERROR):
            return self.fold_state.root_status
        return Status.ERROR if self.error_count > 0 else Status.OK

    @property
    def ended_at_us(self) -> int | None:
        """Return the last moment anything happened, or None while an event is open."""
        return None if self.open_count > 0 else self.fold_state.last_us

    @property
    def duration_ms(self) -> float | None:
        """Return milliseconds from the first start to the last end, or None while an event is open."""
        return None if self.open_count > 0 else (self.fold_state.last_us - self.started_at_us) / 1000


def empty_summary(project_id: int, trace_id: str) -> Summary:
    """Return the summary of a trace that has no event yet."""
    return Summary(project_id=project_id, trace_id=trace_id, fold_state=FoldState())


def fold_events(project_id: int, trace_id: str, events: Iterable[EventRow]) -> Summary:
    """Fold a whole trace from its events (without its log records)."""
    summary = empty_summary(project_id, trace_id)
    for event in events:
        fold_event(summary, None, event)
    return summary


def refold(summary: Summary, events: Iterable[EventRow]) -> Summary:
    """Fold a stale summary anew from all events of the trace; what log records gave it stays."""
    fresh = fold_events(summary.project_id, summary.trace_id, events)
    fresh.version = summary.version
    fresh.log_count = summary.log_count
    _fold_times(fresh, summary.started_at_us, summary.fold_state.last_us)
    return fresh


def fold_event(summary: Summary, old: EventRow | None, new: EventRow) -> None:
    """Move the summary by what one event changed from `old` (None: it is new) to `new`."""
    _fold_numbers(summary, old, new)
    _fold_times(summary, new.started_at_us, new.ended_at_us or new.started_at_us)
    summary.flags |= new.flags
    if new.model is not None or old is not None:
        _fold_set(summary, summary.model_names, old.model if old else None, new.model)
    for tag in new.tags or ():
        _fold_set(summary, summary.tags, None, tag)
    if old and old.tags and old.tags != new.tags:
        summary.is_stale = True
    _fold_sources(summary, old, new)


def fold_log(summary: Summary, logged_at_us: int) -> None:
    """Count one new log record."""
    summary.log_count += 1
    _fold_times(summary, logged_at_us, logged_at_us)


def _fold_numbers(summary: Summary, old: EventRow | None, new: EventRow) -> None:
    if old is None:
        summary.event_count += 1
    else:
        _count(summary, -1, old)
    _count(summary, 1, new)


def _count(summary: Summary, sign: int, event: EventRow) -> None:
    if event.status == _RUNNING:
        summary.open_count += sign
    elif event.status == _ERROR:
        summary.error_count += sign
    if event.kind == _AI:
        _fold_model_call(summary, sign, event)


def _fold_model_call(summary: Summary, sign: int, event: EventRow) -> None:
    """Only `ai` events count: agents and workflows repeat the usage of the calls they made."""
    read = (event.input_tokens or 0) + (event.cached_input_tokens or 0) + (event.cache_write_tokens or 0)
    written = (event.output_tokens or 0) + (event.reasoning_tokens or 0)
    summary.input_tokens += sign * read
    summary.output_tokens += sign * written
    summary.total_tokens += sign * (event.total_tokens or read + written)
    if event.cost_micros is None:
        summary.unpriced_count += sign * bool(event.total_tokens or read or written)
        return
    summary.fold_state.priced += sign
    cost = (summary.cost_micros or 0) + sign * event.cost_micros
    summary.cost_micros = cost if summary.fold_state.priced else None


def _fold_times(summary: Summary, first_us: int, last_us: int) -> None:
    state = summary.fold_state
    if state.last_us == 0 or first_us < summary.started_at_us:
        summary.started_at_us = first_us
    if last_us > state.last_us:
        state.last_us = last_us


def _fold_set(summary: Summary, items: list[str], old: str | None, new: str | None) -> None:
    if old is not None and old != new:
        summary.is_stale = True
    if new is not None and new not in items:
        items.append(new)
        items.sort()
        del items[_MOST_SET_ITEMS:]


def _fold_sources(summary: Summary, old: EventRow | None, new: EventRow) -> None:
    """Let the event offer its texts; see whether it still offers what was taken from it before."""
    state = summary.fold_state
    offers = _list_offers(new)
    if old is not None:
        kept = [(field, source) for field, source, _ in offers]
        for field, source, _ in _list_offers(old):
            if state.sources.get(field) == source and (field, source) not in kept:
                summary.is_stale = True
    for field, source, value in offers:
        held = state.sources.get(field)
        if held is None or source <= held:
            state.sources[field] = source
            if field == "root_status":
                state.root_status = value
            else:
                setattr(summary, field, value)


def _list_offers(event: EventRow) -> list[tuple[str, Source, str]]:
    """Return each text the event offers the summary, with the source it competes by."""
    start, span = event.started_at_us, event.span_id
    anywhere = [_ANY, start, span]
    place = [_ROOT, start, span] if event.parent_span_id == "" else anywhere
    offers: list[tuple[str, Source, str]] = [("source", place, event.source)]
    if event.workflow_name:
        offers.append(("workflow_name", [_STATED, start, span], event.workflow_name))
    else:
        offers.append(("workflow_name", place, event.name))
    if place is not anywhere:
        offers.append(("root_status", place, event.status))
        if event.output_preview is not None:
            offers.append(("output_preview", place, event.output_preview))
    if event.input_preview is not None:
        offers.append(("input_preview", place, event.input_preview))
    if event.status == _ERROR:
        offers.append(("error_message", anywhere, event.error_message or event.error_type or event.name))
    for field in _IDENTITY_FIELDS:
        value = getattr(event, field)
        if value is not None:
            offers.append((field, anywhere, value))
    return offers
