"""The real tables: what the models say of them. (Whether they can be distributed: `tests/citus`.)

Django makes none of these tables and compares nothing with them; this does.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models

from observability.sql.store import PARTITIONED

STORE_MODELS = [model for model in apps.get_app_config("observability").get_models() if not model._meta.managed]
TABLES = sorted(model._meta.db_table for model in STORE_MODELS)
# Types that hold the same: a model cannot say `jsonb` or `timestamptz` in the words of the catalogue.
TYPES = {"timestamp with time zone": "timestamptz", "double precision": "float8"}

_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull
FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""
_PRIMARY_KEY = """
SELECT a.attname
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indexrelid
WHERE i.indrelid = %s::regclass AND i.indisprimary ORDER BY a.attnum
"""


def _query(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def _list_model_columns(model: type[models.Model]) -> set[tuple[str, str, bool]]:
    """Return name, type and nullability of each column that the model says there is."""
    return {
        (field.column, str(field.db_type(connection)), field.null)
        for field in model._meta.concrete_fields
        if field.column is not None
    }


def _rename(name: str) -> str:
    return TYPES.get(name, name)


def test_store__models__are_those_of_every_table_without_one_of_djangos() -> None:
    assert {"events", "payloads", "log_records", "search_documents", "traces", "resources"} <= set(TABLES)


@pytest.mark.django_db
@pytest.mark.parametrize("model", STORE_MODELS, ids=lambda model: model._meta.db_table)
def test_model__its_table__has_the_same_columns_types_and_nullability(model: type[models.Model]) -> None:
    real = {(name, _rename(kind), is_null) for name, kind, is_null in _query(_COLUMNS, model._meta.db_table)}

    said = {(name, _rename(kind), is_null) for name, kind, is_null in _list_model_columns(model)}

    assert said == real


@pytest.mark.django_db
@pytest.mark.parametrize("model", STORE_MODELS, ids=lambda model: model._meta.db_table)
def test_model__primary_key__is_the_tables(model: type[models.Model]) -> None:
    said = [field.column for field in model._meta.pk_fields]

    assert said == [name for (name,) in _query(_PRIMARY_KEY, model._meta.db_table)]


@pytest.mark.django_db
def test_tables__that_are_partitioned__have_a_default_partition() -> None:
    partitioned = _query(
        "SELECT partrelid::regclass::text, partdefid::regclass::text FROM pg_partitioned_table ORDER BY 1"
    )

    assert partitioned == [(table, f"{table}_default") for table in sorted(PARTITIONED)]
