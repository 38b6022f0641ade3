"""The columns that the trace list can show."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from observability.errors import InvalidError


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its word in addresses and stored choices, and its heading. `is_number` aligns it to the end."""

    name: str
    label: str
    is_number: bool = False


COLUMNS = {
    column.name: column
    for column in (
        Column("status", "Status"),
        Column("run", "Workflow"),
        Column("id", "Trace"),
        Column("started", "Started"),
        Column("duration", "Duration", is_number=True),
        Column("events", "Events", is_number=True),
        Column("errors", "Errors", is_number=True),
        Column("tokens", "Tokens", is_number=True),
        Column("cost", "Cost", is_number=True),
        Column("session", "User, session"),
        Column("environment", "Environment"),
        Column("model", "Model"),
        Column("agent", "Agent"),
        Column("service", "Service"),
        Column("version", "Version"),
        Column("tags", "Tags"),
        Column("logs", "Logs", is_number=True),
        Column("input", "Input"),
        Column("output", "Output"),
        Column("error", "Error message"),
        Column("correlation", "Correlation"),
        Column("source", "Source"),
    )
}
# What a row is known and opened by, so it is always there.
FIXED_COLUMN = "run"
USUAL_COLUMNS = (
    "status",
    "run",
    "id",
    "started",
    "duration",
    "events",
    "errors",
    "tokens",
    "cost",
    "session",
    "environment",
)


def check_columns(names: Iterable[str]) -> list[str]:
    """Return the columns in their order, each once, with the one that is always there. Raises `InvalidError`."""
    chosen = list(dict.fromkeys(names))
    unknown = [name for name in chosen if name not in COLUMNS]
    if unknown:
        raise InvalidError(f"columns: choose from {', '.join(COLUMNS)}")
    return chosen if not chosen or FIXED_COLUMN in chosen else [FIXED_COLUMN, *chosen]


def find_columns(names: Iterable[str]) -> list[Column]:
    """Return the columns of a stored choice: those that still exist, or the usual ones if none does."""
    known = [COLUMNS[name] for name in names if name in COLUMNS]
    return known or [COLUMNS[name] for name in USUAL_COLUMNS]
