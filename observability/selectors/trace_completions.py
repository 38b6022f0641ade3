"""What may come next in a query: names of fields, and values that traces really have."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from observability.errors import InvalidError
from observability.query.fields import COMPARABLE, FIELDS, Field, FieldKind, find_field, suggest_field
from observability.query.values import ANYTHING, Exact, write_value
from observability.selectors.budget import Budget, OutOfTimeError
from observability.selectors.trace_facets import list_frequent_values
from observability.selectors.trace_filters import COLUMNS, FACETS
from observability.selectors.traces import list_recent_values

BUDGET_SECONDS = 0.5


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """One way to go on."""

    text: Annotated[
        str, Meta(description="What to write: `status:`, or of a value its spelling, in quotes if need be.")
    ]
    kind: Literal["field", "operator", "value", "example"]
    count: Annotated[int | None, Meta(description="Of a value: how many of the newest traces have it.")] = None
    detail: str = ""


class Completions(msgspec.Struct, frozen=True, kw_only=True):
    """Ways to go on, the likeliest first."""

    items: list[Completion]


def list_completions(project_id: int, *, field: str = "", prefix: str = "", limit: int = 20) -> Completions:
    """Return fields whose name begins so, or with a `field`, its values that do. Raises `InvalidError` for no field.

    Values are those of the newest traces, as far as `BUDGET_SECONDS` go; a comparable field has operators and an
    example instead.
    """
    if not field:
        return Completions(items=_complete_fields(prefix)[:limit])
    known = find_field(field)
    if known is None:
        meant = suggest_field(field)
        raise InvalidError(f"field: there is no `{field}`" + (f", did you mean `{meant}`?" if meant else ""))
    if known.kind in COMPARABLE:
        return Completions(items=_complete_operators(known)[:limit])
    if known.kind is FieldKind.CONTAINED:
        return Completions(items=[_make_example(known)][:limit])
    return Completions(items=_complete_values(project_id, known, prefix.strip('"'), limit))


def _complete_fields(prefix: str) -> list[Completion]:
    lower = prefix.lower()
    fitting = [field for field in FIELDS.values() if field.name.startswith(lower) or field.alias.startswith(lower)]
    return [Completion(text=f"{field.name}:", kind="field", detail=field.hint) for field in fitting]


def _complete_operators(field: Field) -> list[Completion]:
    texts = [f"{field.name}{operator}" for operator in (">", ">=", "<", "<=")]
    operators = [Completion(text=text, kind="operator", detail=field.hint) for text in texts]
    return [*operators, _make_example(field)]


def _make_example(field: Field) -> Completion:
    operator = ">" if field.kind in COMPARABLE else ":"
    return Completion(text=f"{field.name}{operator}{field.example}", kind="example", detail=field.hint)


def _complete_values(project_id: int, field: Field, prefix: str, limit: int) -> list[Completion]:
    if field.name in FACETS:
        counted = list_frequent_values(project_id, field.name, prefix=prefix, limit=limit)
    else:
        try:
            with Budget(BUDGET_SECONDS).spend():
                counted = list_recent_values(project_id, COLUMNS[field.name], prefix=prefix, limit=limit)
        except OutOfTimeError:
            counted = []
    rest = [choice for choice in field.choices if choice.startswith(prefix.lower()) and choice not in dict(counted)]
    items = [
        Completion(text=write_value(field, Exact(value)), kind="value", count=count)
        for value, count in [*counted, *((choice, 0) for choice in rest)]
    ]
    if not prefix and not field.choices:
        items.append(Completion(text=write_value(field, ANYTHING), kind="value", detail="Any; with - before it: none"))
    return items[:limit]
