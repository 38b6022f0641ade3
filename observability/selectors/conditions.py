"""Conditions that users phrase, made safe: wildcards without LIKE's own, and membership in text arrays."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.postgres.search import SearchQueryField
from django.db.models import BooleanField, F, Func, Q, Value
from django.db.models.functions import Cast

_ESCAPED = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_", "*": "%"})


def has_wildcard(text: str) -> bool:
    """Say whether the text asks for more than equality."""
    return "*" in text


def matches_text(column: str, text: str) -> Q:
    """Return the condition that the column equals the text, in which `*` stands for anything and nothing else does."""
    if not has_wildcard(text):
        return Q(**{column: text})
    like = Func(
        F(column),
        Value(text.translate(_ESCAPED)),
        template="%(expressions)s",
        arg_joiner=" LIKE ",
        output_field=BooleanField(),
    )
    return Q(like)


def matches_item(column: str, text: str) -> Q:
    """As `matches_text`, for any one item of a text array."""
    if not has_wildcard(text):
        return Q(**{f"{column}__contains": [text]})
    some = Func(
        F(column),
        Value(text.translate(_ESCAPED)),
        template="EXISTS (SELECT FROM unnest(%(expressions)s))",
        arg_joiner=") AS item WHERE item LIKE (",
        output_field=BooleanField(),
    )
    return Q(some)


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
