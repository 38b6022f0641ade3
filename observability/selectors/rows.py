"""Rows of a query that is written out in SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection


def read_rows(query: str, parameters: Mapping[str, Any] | Sequence[Any]) -> list[dict[str, Any]]:
    """Return what the query finds, each row by the names of its columns."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]
