"""Which fields a query may name, and what may stand behind them."""

from __future__ import annotations

import difflib
import enum
from dataclasses import dataclass

from observability.flags import EventFlag


class FieldKind(enum.Enum):
    """What the values of a field are, and so which operators it takes."""

    CHOICE = "choice"
    """One of a few words. Takes `:` and `!=`."""
    TEXT = "text"
    """Any text, compared whole; `*` stands for anything. Takes `:` and `!=`."""
    CONTAINED = "contained"
    """A long text: found by any part of it, whatever the case. Takes `:` and `!=`."""
    COUNT = "count"
    """A whole number. Takes every operator, as all below."""
    DURATION = "duration"
    COST = "cost"
    TIME = "time"


COMPARABLE = {FieldKind.COUNT, FieldKind.DURATION, FieldKind.COST, FieldKind.TIME}
"""Kinds that take `>`, `>=`, `<` and `<=`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field. `hint` is what help and completion say of it, `example` a value that it takes."""

    name: str
    kind: FieldKind
    hint: str
    example: str
    choices: tuple[str, ...] = ()
    alias: str = ""
    is_ordered: bool = False
    """Whether its choices stand in their order, so that it takes every operator."""
    takes_regex: bool = False
    """Whether `/…/` is an RE2 pattern as its value."""

    @property
    def is_comparable(self) -> bool:
        """Whether it takes `>`, `>=`, `<` and `<=`."""
        return self.is_ordered or self.kind in COMPARABLE


FLAG_NAMES = tuple(flag.name.lower() for flag in EventFlag if flag.name and not flag.name.startswith("HAS_"))
"""What a reader must be told of; which values a payload has is not among them."""

_TEXT, _COUNT = FieldKind.TEXT, FieldKind.COUNT
FIELDS = {
    field.name: field
    for field in (
        Field(
            name="status",
            kind=FieldKind.CHOICE,
            hint="How it ended, or that it runs",
            example="error",
            choices=("running", "ok", "error"),
        ),
        Field(name="workflow", kind=_TEXT, hint="Workflow or agent name", example="chat*"),
        Field(name="model", kind=_TEXT, hint="A model it called", example="gpt*"),
        Field(name="session", kind=_TEXT, hint="Session id", example="3f0c2a52"),
        Field(name="user", kind=_TEXT, hint="User id", example="user-42"),
        Field(name="environment", kind=_TEXT, hint="Environment", example="production", alias="env"),
        Field(name="service", kind=_TEXT, hint="Service name", example="support-desk"),
        Field(name="version", kind=_TEXT, hint="Service version", example="1.4.*"),
        Field(name="agent", kind=_TEXT, hint="Agent name", example="triage"),
        Field(name="tag", kind=_TEXT, hint="A tag it has", example="beta"),
        Field(name="correlation", kind=_TEXT, hint="Correlation id", example="order-7"),
        Field(
            name="source",
            kind=FieldKind.CHOICE,
            hint="The door it came through",
            example="sdk",
            choices=("sdk", "otlp"),
        ),
        Field(
            name="flag",
            kind=FieldKind.CHOICE,
            hint="What a reader must be told of",
            example="redacted",
            choices=FLAG_NAMES,
        ),
        Field(name="error", kind=FieldKind.CONTAINED, hint="Part of the error message", example='"card declined"'),
        Field(name="id", kind=_TEXT, hint="Trace id", example="chat::17952*", alias="trace"),
        Field(name="duration", kind=FieldKind.DURATION, hint="How long it took", example="2s"),
        Field(name="cost", kind=FieldKind.COST, hint="US dollars", example="0.01"),
        Field(name="tokens", kind=_COUNT, hint="Tokens in all", example="1k"),
        Field(name="input_tokens", kind=_COUNT, hint="Tokens of input", example="1k"),
        Field(name="output_tokens", kind=_COUNT, hint="Tokens of output", example="500"),
        Field(name="events", kind=_COUNT, hint="Number of events", example="100"),
        Field(name="errors", kind=_COUNT, hint="Number of events that failed", example="1"),
        Field(name="logs", kind=_COUNT, hint="Number of log records", example="1"),
        Field(name="started", kind=FieldKind.TIME, hint="When it started", example="-2h"),
        Field(name="ended", kind=FieldKind.TIME, hint="When it ended", example="2026-11-01"),
    )
}
_ALIASES = {field.alias: field for field in FIELDS.values() if field.alias}
# What users of other products type for a field of ours.
_OTHER_WORDS = {
    "name": "workflow",
    "latency": "duration",
    "price": "cost",
    "timestamp": "started",
    "message": "error",
    "trace_id": "id",
    "session_id": "session",
    "user_id": "user",
    "tags": "tag",
    "flags": "flag",
    "models": "model",
}


def find_field(name: str) -> Field | None:
    """Return the field of this name or short name, whatever the case."""
    lower = name.lower()
    return FIELDS.get(lower) or _ALIASES.get(lower)


def suggest_field(name: str) -> str | None:
    """Return the field that was probably meant."""
    lower = name.lower()
    if lower in _OTHER_WORDS:
        return _OTHER_WORDS[lower]
    return next(iter(difflib.get_close_matches(lower, [*FIELDS, *_ALIASES], n=1)), None)
