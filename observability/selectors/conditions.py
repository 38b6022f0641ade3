"""Conditions that users phrase, made safe: wildcards without LIKE's own, and membership in text arrays."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.postgres.search import SearchQueryField
from django.db.models import BooleanField, F, Func, Q, Value
from django.db.models.functions import Cast

_ESCAPED = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


def matches_pattern(column: str, parts: Iterable[str]) -> Q:
    """Return the condition that the column is these texts with anything between them; no letter is special."""
    like = Func(
        F(column),
        Value(_make_like(parts)),
        template="%(expressions)s",
        arg_joiner=" LIKE ",
        output_field=BooleanField(),
    )
    return Q(like)


def matches_item_pattern(column: str, parts: Iterable[str]) -> Q:
    """As `matches_pattern`, for any one item of a text array."""
    some = Func(
        F(column),
        Value(_make_like(parts)),
        template="EXISTS (SELECT FROM unnest(%(expressions)s))",
        arg_joiner=") AS item WHERE item LIKE (",
        output_field=BooleanField(),
    )
    return Q(some)


def _make_like(parts: Iterable[str]) -> str:
    return "%".join(part.translate(_ESCAPED) for part in parts)


def matches_terms(column: str, terms: Iterable[str]) -> Q:
    """Return the condition that a `tsvector` holds every one of the terms; no term matches nothing.

    The terms are lexemes already (`ingest/terms.py`), so the query is cast, not parsed by a language's rules.
    """
    quoted = " & ".join("'" + term.replace("\\", "\\\\").replace("'", "''") + "'" for term in terms)
    if not quoted:
        return Q(pk__in=[])
    return Q(
        Func(
            F(column),
            Cast(Value(quoted), SearchQueryField()),
            template="%(expressions)s",
            arg_joiner=" @@ ",
            output_field=BooleanField(),
        )
    )
