"""Citus itself cannot be installed everywhere tests run: a stand-in takes the calls that the product makes of it.

The stand-in has functions and a catalogue table of the same names, parameters and refusals, as far as they are used. It
shows which statements are sent, not what a cluster makes of them (docs/scaling.md says what was seen of that).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection

from observability.services import distribution
from observability.services.distribution import distribute, plan_distribution, read_cluster
from observability.sql.store import DISTRIBUTED

_STAND_IN = """
CREATE TABLE pg_dist_partition (logicalrel regclass, partmethod "char", colocation text, shards integer);
CREATE FUNCTION citus_get_active_worker_nodes() RETURNS TABLE (node_name text, node_port bigint)
    LANGUAGE sql AS $$ VALUES ('node-1', 5432::bigint), ('node-2', 5432) $$;
CREATE FUNCTION create_distributed_table(
    table_name regclass, distribution_column text, distribution_type text DEFAULT 'hash',
    colocate_with text DEFAULT 'default', shard_count integer DEFAULT NULL
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_dist_partition WHERE logicalrel = table_name) THEN
        RAISE EXCEPTION 'table "%" is already distributed', table_name;
    END IF;
    IF colocate_with NOT IN ('default', 'none') AND shard_count IS NOT NULL THEN
        RAISE EXCEPTION 'Cannot use colocate_with with a table and shard_count at the same time';
    END IF;
    IF colocate_with NOT IN ('default', 'none')
        AND NOT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrel = colocate_with::regclass) THEN
        RAISE EXCEPTION 'relation % is not distributed', colocate_with;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = table_name AND attname = distribution_column) THEN
        RAISE EXCEPTION 'column "%" of relation "%" does not exist', distribution_column, table_name;
    END IF;
    INSERT INTO pg_dist_partition VALUES (table_name, 'h', colocate_with, shard_count);
END $$
"""


@pytest.fixture
def citus(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the database look as if it had Citus."""
    read_one = distribution._read_one
    monkeypatch.setattr(
        distribution, "_read_one", lambda statement: "14.0" if "extversion" in statement else read_one(statement)
    )
    with connection.cursor() as cursor:
        cursor.execute(_STAND_IN)
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE pg_dist_partition")
        cursor.execute("DROP FUNCTION citus_get_active_worker_nodes(), create_distributed_table")


def _read_distributed() -> list[tuple[str, str, int | None]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT logicalrel::text, colocation, shards FROM pg_dist_partition")
        return sorted((str(table), str(colocation), shards) for table, colocation, shards in cursor)


def test_plan__nothing_distributed__names_every_table_and_the_first_decides_the_shards() -> None:
    plan = plan_distribution(shards=8)

    assert plan[0] == (
        "SELECT create_distributed_table('traces', 'project_id', colocate_with => 'none', shard_count => 8)"
    )
    assert "SELECT create_distributed_table('events', 'project_id', colocate_with => 'traces')" in plan
    assert len(plan) == len(DISTRIBUTED)


def test_plan__some_are_distributed__names_the_others() -> None:
    plan = plan_distribution(distributed=frozenset(set(DISTRIBUTED) - {"steps"}))

    assert plan == ["SELECT create_distributed_table('steps', 'project_id', colocate_with => 'traces')"]


@pytest.mark.django_db
def test_command__no_extension__explains_itself_and_does_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("distribute")

    said = capsys.readouterr().out
    assert "has no Citus, so nothing was done" in said
    assert "Postgres 17 or 18 with Citus 14" in said
    assert "SELECT create_distributed_table('events', 'project_id', colocate_with => 'traces');" in said


def test_command__extension__distributes_every_table_beside_the_first(
    citus: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("distribute", "--shards", "8")

    assert "Citus 14.0" in capsys.readouterr().out
    others = [(table, "traces", None) for table in DISTRIBUTED if table != "traces"]
    assert _read_distributed() == sorted([*others, ("traces", "none", 8)])


def test_command__again__finds_nothing_to_do(citus: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("distribute")
    before = _read_distributed()

    call_command("distribute")

    assert "Every table is distributed already." in capsys.readouterr().out
    assert _read_distributed() == before


def test_command__dry_run__prints_the_sql_and_runs_none(citus: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("distribute", "--dry-run")

    assert capsys.readouterr().out.count("create_distributed_table(") == len(DISTRIBUTED)
    assert _read_distributed() == []


def test_distribute__interrupted__goes_on_with_the_rest(citus: None) -> None:
    run = distribute()
    first = [next(run), next(run)]
    run.close()  # type: ignore[attr-defined]

    rest = list(distribute())

    assert len({*first, *rest}) == len(DISTRIBUTED)
    assert read_cluster().distributed == set(DISTRIBUTED)


def test_distribute__statement_that_citus_refuses__is_told_and_time_is_limited_again(
    citus: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distribution, "_FIRST", "nowhere")

    with pytest.raises(DatabaseError, match="nowhere"):
        list(distribute())

    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("30s",)


@pytest.mark.django_db
def test_command__shards_out_of_range__is_refused() -> None:
    with pytest.raises(CommandError, match="shards: "):
        call_command("distribute", "--shards", "0")
