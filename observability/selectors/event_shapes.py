"""What the selectors of one event return. The conventions are those of `shapes`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from observability.ingest.otlp.messages import Message
from observability.selectors.shapes import EventSummary, Time


class EventValue(msgspec.Struct, frozen=True, kw_only=True):
    """One value of an event, or why it is not here."""

    state: Annotated[
        Literal["present", "absent", "withheld", "too_large", "unavailable"],
        Meta(
            description="`absent`: never sent; `withheld`: the project does not capture it; `too_large`: read it whole "
            "from the values endpoint; `unavailable`: its storage does not have it."
        ),
    ]
    value: Annotated[msgspec.Raw | None, Meta(description="The JSON value as received, redacted; when `present`.")] = (
        None
    )
    preview: Annotated[str | None, Meta(description="The beginning of its JSON text, when `too_large`.")] = None
    size_bytes: Annotated[int | None, Meta(description="Bytes of its JSON text.")] = None


class CostLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the tokens of one class cost: `tokens` times `usd_per_million`, exactly."""

    token_class: str
    tokens: int
    usd_per_million: Annotated[str, Meta(description="US dollars for a million tokens of this class, as a decimal.")]
    cost_usd: Annotated[str, Meta(description="US dollars, not rounded.")]


Basis = Literal["computed", "stated", "unknown"]


class Pricing(msgspec.Struct, frozen=True, kw_only=True):
    """How the cost of a model call came about, or why it is not known."""

    basis: Annotated[
        Basis,
        Meta(description="`stated`: the sender said what it cost, and that is what is stored."),
    ]
    reason: Annotated[
        Literal["no_model", "no_usage", "unknown_model", "unpriced_class"] | None,
        Meta(description="Why the price list comes to no cost."),
    ] = None
    cost_lines: Annotated[
        list[CostLine], Meta(description="By the list that is installed now; empty where it mixes its rates.")
    ] = []
    list_cost_micros: Annotated[int | None, Meta(description="What the list comes to; compare with `cost_micros`.")] = (
        None
    )
    source: Annotated[str | None, Meta(description="The price list with its version, and the model it found.")] = None


class EventDetail(EventSummary, frozen=True, kw_only=True, omit_defaults=False):
    """One event with everything that is known of it."""

    trace_id: Annotated[str, Meta(description="The trace it is stored under.")]
    source: Annotated[str, Meta(description="The door it came through: `sdk` or `otlp`.")]
    dialect: Annotated[str | None, Meta(description="Which dialect of attributes was understood.")]
    received_at: Time
    workflow_name: str | None
    session_id: str | None
    user_id: str | None
    environment: str | None
    service_name: str | None
    service_version: str | None
    correlation_id: str | None
    tags: list[str]
    prompt_version: str | None
    sdk_event_id: Annotated[int | None, Meta(description="The SDK's own event counter.")]
    input: EventValue
    output: EventValue
    attributes: Annotated[
        EventValue,
        Meta(
            description="All raw attributes the sender gave. Where one of them became the input or the output and is "
            "longer than 256 KiB, or is not stored, its place is named instead."
        ),
    ]
    error_stack: EventValue
    extra: Annotated[EventValue, Meta(description="What has no field of its own: links, stream text, parameters.")]
    resource: Annotated[EventValue, Meta(description="Attributes shared by the sender's events.")]
    pricing: Annotated[Pricing | None, Meta(description="For model calls, and whatever else has a cost.")]
    messages: Annotated[
        list[Message] | None,
        Meta(description="The messages of a model call; null where the values are too large: read them on their own."),
    ]


class EventMessages(msgspec.Struct, frozen=True, kw_only=True):
    """The messages of a model call: what it was sent, then what came back."""

    items: list[Message]
