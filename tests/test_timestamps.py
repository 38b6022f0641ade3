from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from psycopg import adapters
from psycopg.pq import Format

from observability.timestamps import UtcLoader


@pytest.mark.django_db
def test_connection__times_of_all_sorts__loaded_compiled_in_utc() -> None:
    given = [
        datetime(2026, 11, 21, 4, 5, 6, 789012, tzinfo=UTC),
        datetime(1970, 1, 1, tzinfo=UTC) - timedelta(microseconds=1),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ]

    with connection.cursor() as cursor:
        cursor.execute("SELECT unnest(%s::timestamptz[]), NULL::timestamptz", [given])
        rows = cursor.fetchall()
        loader = cursor.connection.adapters.get_loader(adapters.types["timestamptz"].oid, Format.TEXT)

    assert rows == [(at, None) for at in given]
    assert {row[0].tzinfo for row in rows} == {UTC}
    assert loader is UtcLoader
