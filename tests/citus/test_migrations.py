"""Migrations of distributed tables go shard by shard, through `ChangeStore`, whatever else they do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.db import connection, migrations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from observability.sql.operations import GO_SHARD_BY_SHARD, HAS_CITUS, ChangeStore
from observability.sql.store import DISTRIBUTED
from tests.citus.rules import find_breaches

_CHANGES = re.compile(rf"\b(create|alter|drop|truncate)\b[^;]*\b({'|'.join(DISTRIBUTED)})\b", re.IGNORECASE)


def _list_statements(operation: migrations.RunSQL) -> list[str]:
    found: list[str] = []
    for given in (operation.sql, operation.reverse_sql):
        found += [given] if isinstance(given, str) else [str(statement) for statement in given or ()]
    return found


def _find_careless(operations: Sequence[Operation]) -> Iterator[str]:
    """Yield statements that change the store's tables outside `ChangeStore`."""
    for operation in operations:
        if isinstance(operation, migrations.RunSQL) and not isinstance(operation, ChangeStore):
            yield from filter(_CHANGES.search, _list_statements(operation))


MIGRATIONS = {
    name: migration.operations
    for (app, name), migration in MigrationLoader(None).disk_migrations.items()
    if app == "observability"
}


@pytest.mark.parametrize("name", sorted(MIGRATIONS))
def test_migration__change_of_the_store__goes_shard_by_shard(name: str) -> None:
    assert list(_find_careless(MIGRATIONS[name])) == []


@pytest.mark.parametrize("name", sorted(MIGRATIONS))
def test_migration__its_sql__keeps_to_citus(name: str) -> None:
    statements = [
        statement
        for operation in MIGRATIONS[name]
        if isinstance(operation, migrations.RunSQL)
        for statement in _list_statements(operation)
    ]

    assert {statement: find_breaches(statement) for statement in statements if find_breaches(statement)} == {}


def test_find_careless__plain_sql__is_found() -> None:
    plain = migrations.RunSQL(["ALTER TABLE events ADD COLUMN x text", "SELECT 1"], "DROP INDEX y")

    assert list(_find_careless([plain])) == ["ALTER TABLE events ADD COLUMN x text"]


@pytest.mark.django_db
@pytest.mark.parametrize("way", ["database_forwards", "database_backwards"])
def test_change_store__without_citus__asks_and_waits_briefly_for_locks(
    way: str, django_assert_num_queries: Any
) -> None:
    change = ChangeStore("SELECT 1", "SELECT 1")

    with connection.schema_editor() as editor, django_assert_num_queries(3) as asked:
        getattr(change, way)("observability", editor, None, None)

    assert [query["sql"] for query in asked] == ["SET LOCAL lock_timeout = '5s'", HAS_CITUS, "SELECT 1"]


@pytest.mark.django_db
def test_change_store__with_citus__goes_shard_by_shard_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observability.sql.operations.HAS_CITUS", "SELECT true")
    change = ChangeStore("CREATE TABLE in_sequence AS SELECT current_setting('citus.multi_shard_modify_mode') AS mode")

    with connection.schema_editor() as editor:
        change.database_forwards("observability", editor, None, None)

    with connection.cursor() as cursor:
        cursor.execute("SELECT mode FROM in_sequence")
        assert f"SET LOCAL citus.multi_shard_modify_mode = '{cursor.fetchone()[0]}'" == GO_SHARD_BY_SHARD
