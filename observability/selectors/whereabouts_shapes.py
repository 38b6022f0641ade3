"""What the search for an id answers."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Level = Literal["ok", "info", "warning", "error"]


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is known."""

    name: str
    value: str


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One answer: what became of it, and what to do next."""

    code: Annotated[str, Meta(description="Stable word for the verdict, such as `found` or `rejected`.")]
    level: Level
    title: str
    next_step: str
    facts: list[Fact] = []
    project: str | None = None
    """`<organization>/<project>` where it is another one than that asked about."""
    trace_id: str | None = None
    setting: str | None = None
    """Which page of the settings helps: `keys`, `capture`, `quickstart`."""


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is known of an id, most telling first."""

    id: str
    items: list[Verdict]
    is_partial: Annotated[bool, Meta(description="Not everything was looked at: the time was used up.")] = False
