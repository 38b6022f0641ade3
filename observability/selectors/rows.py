"""Statements that are written out in SQL, and the parts of them that the ORM spells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet, FullResultSet
from django.db import connection
from django.db.models import Q, QuerySet

from observability.models import Trace

Sql = tuple[str, Sequence[Any]]
"""Text and its parameters."""


def read_rows(query: str, parameters: Mapping[str, Any] | Sequence[Any]) -> list[dict[str, Any]]:
    """Return what the query finds, each row by the names of its columns."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def spell_rows(rows: Sequence[QuerySet[Trace, Any]]) -> Sql | None:
    """Return all rows of these querysets as one SELECT; None where there can be none."""
    found: list[Sql] = []
    for each in rows:
        try:
            found.append(each.query.sql_with_params())
        except EmptyResultSet:
            # A comparison that no number of the column's size can fulfil.
            continue
    return join(" UNION ALL ", found) if found else None


def spell_condition(condition: Q) -> Sql:
    """Return a condition on columns of a relation that is called `traces`."""
    query = Trace.objects.filter(condition).query
    try:
        text, parameters = query.get_compiler(connection=connection).compile(query.where)
    except FullResultSet:
        return "true", []
    except EmptyResultSet:
        return "false", []
    return text, list(parameters)


def join(separator: str, parts: Sequence[Sql]) -> Sql:
    """Return parts of a statement as one."""
    return separator.join(text for text, _ in parts), [each for _, parameters in parts for each in parameters]


def run(statement: Sql) -> list[tuple[Any, ...]]:
    """Return what a statement finds that is beyond the ORM."""
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
