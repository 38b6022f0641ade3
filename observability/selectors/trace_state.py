"""What a trace had come to by a moment: the state at the playhead, and a search in what its events said."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from django.db.models import Case, Count, F, Q, QuerySet, Sum, TextField, Value, When
from django.db.models.functions import Coalesce, Concat, Lower
from msgspec import Meta

from observability.errors import InvalidError, NotFoundError
from observability.ingest.otlp.messages import Message
from observability.models import Event
from observability.selectors.budget import bound_read
from observability.selectors.conditions import matches_pattern
from observability.selectors.event_details import get_event_messages
from observability.selectors.events import find_inferred_part, inferred_events, own_events
from observability.selectors.shapes import Micros, Time, TraceSummary, Usd, format_usd
from observability.services.blobs import BlobMissingError

MOST_MATCHES = 2_000
BUDGET_SECONDS = 3.0
STATE_MESSAGE_BYTES = 2**20
"""Values of the latest model call, as stored, beyond which its messages are not read for a moment's state."""
_PREVIEW_CHARACTERS = 200
_TOKENS = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "audio_in_tokens",
    "audio_out_tokens",
)
_READ = ("input_tokens", "cached_input_tokens", "cache_write_tokens")
_WRITTEN = ("output_tokens", "reasoning_tokens")
_SEARCHED = ("input_preview", "output_preview", "error_message", "name")


class LastMessage(msgspec.Struct, frozen=True, kw_only=True):
    """What was said last, and the model call it belongs to."""

    span_id: str
    role: str
    preview: str


class TraceState(msgspec.Struct, frozen=True, kw_only=True):
    """What a trace had come to by a moment. Tokens and cost count once their call has ended."""

    at: Time
    started_count: Annotated[int, Meta(description="Events that had started, the ended ones included.")]
    open_count: Annotated[int, Meta(description="Events that had started and not ended.")]
    error_count: Annotated[int, Meta(description="Events that had ended in an error.")]
    call_count: Annotated[int, Meta(description="Model calls that had started.")]
    input_tokens: Annotated[int, Meta(description="Of all input classes together.")]
    output_tokens: Annotated[int, Meta(description="Of all output classes together.")]
    total_tokens: int
    tokens: Annotated[dict[str, int], Meta(description="By class, as far as the calls told them apart.")]
    cost_micros: Micros
    cost_usd: Usd
    unpriced_count: Annotated[int, Meta(description="Calls whose cost is unknown and not in `cost_micros`.")]
    message_count: Annotated[
        int | None,
        Meta(description="Messages of the latest model call by then; null without one, or where it is too large."),
    ]
    last_message: LastMessage | None


class EventMatches(msgspec.Struct, frozen=True, kw_only=True):
    """Which events of a trace a text was found in."""

    span_ids: list[str]
    is_more: Annotated[bool, Meta(description="There are more than these.")]


@bound_read(BUDGET_SECONDS, what="The state")
def get_trace_state(project_id: int, trace: TraceSummary, *, at: datetime) -> TraceState:
    """Return what the trace had come to by a moment, inferred events included.

    Exact: one aggregate on the primary key of `events`, bounded by the trace's times and the moment, and one more for
    inferred events; the latest model call and its messages, up to `STATE_MESSAGE_BYTES`, are read like an event.
    Raises `SlowReadError`.
    """
    sources = _sources(project_id, trace, until=at)
    rows = [_sum_up(events, at) for events in sources]
    total = {name: sum(row[name] or 0 for row in rows) for name in rows[0]}
    is_priced = any(row["cost_micros"] is not None for row in rows)
    cost_micros = total["cost_micros"] if is_priced else None
    call, messages = _find_conversation(project_id, trace, sources, at) if total["calls"] else (None, None)
    return TraceState(
        at=at,
        started_count=total["started"],
        open_count=total["open"],
        error_count=total["errors"],
        call_count=total["calls"],
        input_tokens=sum(total[name] for name in _READ),
        output_tokens=sum(total[name] for name in _WRITTEN),
        total_tokens=total["all_tokens"],
        tokens={name: total[name] for name in _TOKENS},
        cost_micros=cost_micros,
        cost_usd=format_usd(cost_micros),
        unpriced_count=total["unpriced"],
        message_count=None if messages is None else len(messages),
        last_message=_make_last(call, messages[-1]) if call and messages else None,
    )


@bound_read(BUDGET_SECONDS, what="The events")
def find_events_with_text(project_id: int, trace: TraceSummary, text: str) -> EventMatches:
    """Return up to `MOST_MATCHES` events whose name, error or beginning of input and output have a text, in any case.

    One query within the trace, on the primary key of `events`; one more for inferred events. Raises `SlowReadError`.
    """
    parts = ("", text.lower(), "")
    found: list[str] = []
    for events in _sources(project_id, trace, until=None):
        texts = Concat(
            *(
                piece
                for field in _SEARCHED
                for piece in (Coalesce(F(field), Value("", TextField())), Value("\n", TextField()))
            ),
            output_field=TextField(),
        )
        matching = events.annotate(texts=Lower(texts)).filter(matches_pattern("texts", parts))
        found += matching.order_by("started_at", "span_id").values_list("span_id", flat=True)[: MOST_MATCHES + 1]
    return EventMatches(span_ids=found[:MOST_MATCHES], is_more=len(found) > MOST_MATCHES)


def _sources(project_id: int, trace: TraceSummary, *, until: datetime | None) -> list[QuerySet[Event]]:
    """Return the trace's own events that had started by then, and those inferred to belong to it."""
    sources = [own_events(project_id, trace)]
    if part := find_inferred_part(project_id, trace):
        sources.append(inferred_events(project_id, part))
    return sources if until is None else [events.filter(started_at__lte=until) for events in sources]


def _sum_up(events: QuerySet[Event], at: datetime) -> dict[str, Any]:
    """Return the sums of one source, by the rules that `ingest/summaries.py` folds a trace with: of `ai` alone."""
    ended = Q(ended_at__lte=at)
    answered = ended & Q(kind="ai")
    told = _add_up(*_READ, *_WRITTEN)
    counted = Case(When(total_tokens__gt=0, then=F("total_tokens")), default=told)
    sums: dict[str, Any] = {name: Sum(name, filter=answered) for name in (*_TOKENS, "cost_micros")}
    return events.annotate(counted=counted).aggregate(
        started=Count("span_id"),
        open=Count("span_id", filter=Q(ended_at=None) | Q(ended_at__gt=at)),
        errors=Count("span_id", filter=ended & Q(status="error")),
        calls=Count("span_id", filter=Q(kind="ai")),
        unpriced=Count("span_id", filter=answered & Q(cost_micros=None, counted__gt=0)),
        all_tokens=Sum("counted", filter=answered),
        **sums,
    )


def _add_up(*names: str) -> Any:
    total: Any = Value(0)
    for name in names:
        total = total + Coalesce(F(name), 0)
    return total


def _find_conversation(
    project_id: int, trace: TraceSummary, sources: list[QuerySet[Event]], at: datetime
) -> tuple[str, list[Message] | None]:
    """Return the latest model call and those of its messages that had been exchanged; None where they are too large."""
    latest = [
        events.filter(kind="ai")
        .order_by("-started_at", "-span_id")
        .values_list("started_at", "span_id", "ended_at")[:1]
        for events in sources
    ]
    _, span_id, ended_at = max((row for rows in latest for row in rows), key=lambda row: row[:2])
    try:
        messages = get_event_messages(project_id, trace, span_id, most_bytes=STATE_MESSAGE_BYTES).items
    except (InvalidError, NotFoundError, BlobMissingError):
        return span_id, None
    has_answered = ended_at is not None and ended_at <= at
    return span_id, [message for message in messages if has_answered or message.side == "input"]


def _make_last(span_id: str, message: Message) -> LastMessage:
    said = " ".join(part.text for part in message.parts if part.text) or " ".join(
        part.name or part.type for part in message.parts
    )
    return LastMessage(span_id=span_id, role=message.role, preview=" ".join(said.split())[:_PREVIEW_CHARACTERS])
