"""The migrated schema, read off the catalogue, keeps to what Citus can distribute by project."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from observability.services.partitions import TIME_COLUMNS
from observability.sql.store import DISTRIBUTED

pytestmark = pytest.mark.django_db

_QUERIES = {
    "unique without the project": """
        SELECT i.indexrelid::regclass::text FROM pg_index i
        WHERE (i.indisunique OR i.indisexclusion) AND i.indrelid = ANY(%(tables)s::regclass[]) AND NOT EXISTS (
            SELECT FROM pg_attribute a
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey) AND a.attname = 'project_id')
    """,
    "unique without the partition column": """
        SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_partitioned_table p ON p.partrelid = i.indrelid
        WHERE i.indisunique AND i.indrelid = ANY(%(tables)s::regclass[]) AND NOT p.partattrs[0] = ANY(i.indkey)
    """,
    "no primary key": """
        SELECT c.oid::regclass::text FROM pg_class c WHERE c.oid = ANY(%(tables)s::regclass[])
        AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)
    """,
    "project is no bigint, or may be null": """
        SELECT c.oid::regclass::text FROM pg_class c WHERE c.oid = ANY(%(tables)s::regclass[]) AND NOT EXISTS (
            SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'project_id'
            AND a.atttypid = 'bigint'::regtype AND a.attnotnull)
    """,
    "foreign key": """
        SELECT conname::text FROM pg_constraint WHERE contype = 'f'
        AND (conrelid = ANY(%(tables)s::regclass[]) OR confrelid = ANY(%(tables)s::regclass[]))
    """,
    "trigger": "SELECT tgname::text FROM pg_trigger WHERE tgrelid = ANY(%(tables)s::regclass[])",
    "rule": "SELECT rulename::text FROM pg_rewrite WHERE ev_class = ANY(%(tables)s::regclass[])",
    "inherits without being a partition": """
        SELECT c.oid::regclass::text FROM pg_class c JOIN pg_inherits h ON h.inhrelid = c.oid
        WHERE c.oid = ANY(%(tables)s::regclass[]) AND NOT c.relispartition
    """,
    # A sequence is fine for a bigint alone: each node takes numbers from a range of its own.
    "a small number from a sequence": """
        SELECT a.attrelid::regclass || '.' || a.attname FROM pg_attrdef d
        JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
        WHERE d.adrelid = ANY(%(tables)s::regclass[]) AND a.atttypid <> 'bigint'::regtype
        AND pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval%%'
    """,
    "a default that each node answers for itself": """
        SELECT a.attrelid::regclass || '.' || a.attname FROM pg_attrdef d
        JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
        WHERE d.adrelid = ANY(%(tables)s::regclass[]) AND a.attgenerated = ''
        AND pg_get_expr(d.adbin, d.adrelid) ~* '(now|clock_timestamp|random|gen_random_uuid)\\('
    """,
    "unlogged or temporary": """
        SELECT oid::regclass::text FROM pg_class WHERE oid = ANY(%(tables)s::regclass[]) AND relpersistence <> 'p'
    """,
    "another owner's view reads it": """
        SELECT DISTINCT r.ev_class::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
        WHERE d.classid = 'pg_rewrite'::regclass AND d.refobjid = ANY(%(tables)s::regclass[])
    """,
}
"""What must not be found, and the catalogue query that finds it."""

# Each breaks one rule in a table of its own.
_COUNTER_EXAMPLES = {
    "unique without the project": ["CREATE TABLE bad (project_id bigint NOT NULL, id bigint PRIMARY KEY)"],
    "unique without the partition column": [],
    "no primary key": ["CREATE TABLE bad (project_id bigint NOT NULL)"],
    "project is no bigint, or may be null": ["CREATE TABLE bad (project_id integer PRIMARY KEY)"],
    "foreign key": ["CREATE TABLE bad (project_id bigint PRIMARY KEY REFERENCES observability_project)"],
    "trigger": [
        "CREATE TABLE bad (project_id bigint PRIMARY KEY)",
        "CREATE FUNCTION bad_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER bad BEFORE INSERT ON bad FOR EACH ROW EXECUTE FUNCTION bad_trigger()",
    ],
    "rule": [
        "CREATE TABLE bad (project_id bigint PRIMARY KEY)",
        "CREATE RULE bad AS ON DELETE TO bad DO INSTEAD NOTHING",
    ],
    "inherits without being a partition": [
        "CREATE TABLE bad_parent (project_id bigint)",
        "CREATE TABLE bad () INHERITS (bad_parent)",
    ],
    "a small number from a sequence": ["CREATE TABLE bad (project_id bigint PRIMARY KEY, id serial)"],
    "a default that each node answers for itself": [
        "CREATE TABLE bad (project_id bigint PRIMARY KEY, at timestamptz DEFAULT now())"
    ],
    "unlogged or temporary": ["CREATE UNLOGGED TABLE bad (project_id bigint PRIMARY KEY)"],
    "another owner's view reads it": [
        "CREATE TABLE bad (project_id bigint PRIMARY KEY)",
        "CREATE VIEW bad_view AS SELECT * FROM bad",
    ],
}


def _find(rule: str, tables: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_QUERIES[rule], {"tables": tables})
        return [row[0] for row in cursor]


def _list_store_tables() -> list[str]:
    """Return every table that Django does not make, and that is no partition."""
    made = connection.introspection.django_table_names(include_views=False)
    unmanaged = {model._meta.db_table for model in apps.get_models() if not model._meta.managed}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> ALL(%s)",
            [[*set(made) - unmanaged, "django_migrations"]],
        )
        return sorted(row[0] for row in cursor)


def test_schema__tables_of_the_store__are_those_that_are_distributed() -> None:
    assert _list_store_tables() == sorted(DISTRIBUTED)


@pytest.mark.parametrize("rule", _QUERIES)
def test_schema__rule__is_kept_by_every_table(rule: str) -> None:
    assert _find(rule, list(DISTRIBUTED)) == []


@pytest.mark.parametrize("rule", [rule for rule, made in _COUNTER_EXAMPLES.items() if made])
def test_rule__table_that_breaks_it__is_found(rule: str) -> None:
    with connection.cursor() as cursor:
        for statement in _COUNTER_EXAMPLES[rule]:
            cursor.execute(statement)

    assert _find(rule, ["bad"]) != []


def test_rules__each__has_its_counter_example() -> None:
    # Postgres itself refuses a unique key without the partition column.
    assert set(_COUNTER_EXAMPLES) == set(_QUERIES)


def test_schema__partitioned_tables__are_cut_by_their_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT partrelid::regclass::text, attname::text, partstrat::text FROM pg_partitioned_table "
            "JOIN pg_attribute ON attrelid = partrelid AND attnum = partattrs[0]"
        )
        found: dict[str, Any] = {table: (column, kind) for table, column, kind in cursor}

    assert found == {table: (column, "r") for table, column in TIME_COLUMNS.items()}
