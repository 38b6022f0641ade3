"""Spreading the store over the nodes of a Citus cluster, by project.

Every table that grows with what is sent is distributed by `project_id`, all of them co-located, so that whatever reads
or writes one project is done by one node in one transaction. Tables of people, projects and keys stay plain tables of
the coordinator: nothing joins them with the store, so none has to be a reference table.

Each table is a statement of its own, committed on its own. What is distributed already is left alone, so an interrupted
run is simply started again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from django.db import connection

from observability.errors import InvalidError
from observability.sql.store import DISTRIBUTED

log = structlog.get_logger(__name__)

SHARDS = 16
"""Per table. Every shard of a partitioned table has each day's partition, so more cost planning time: 8 to 32."""
_FIRST = "traces"
_MOST_SHARDS = 1_024


@dataclass(frozen=True, slots=True)
class Cluster:
    """What there is: `version` of the extension, None where it is not created; `is_available` where it could be."""

    server_version: str
    version: str | None
    is_available: bool
    nodes: tuple[str, ...] = ()
    distributed: frozenset[str] = frozenset()


def read_cluster() -> Cluster:
    """Look at the extension, its nodes and the tables that are distributed."""
    server_version = _read_one("SHOW server_version")
    version = _read_one("SELECT extversion FROM pg_extension WHERE extname = 'citus'")
    if version is None:
        is_available = _read_one("SELECT count(*) FROM pg_available_extensions WHERE name = 'citus'") != 0
        return Cluster(server_version=str(server_version), version=None, is_available=is_available)
    with connection.cursor() as cursor:
        cursor.execute("SELECT node_name || ':' || node_port FROM citus_get_active_worker_nodes() ORDER BY 1")
        nodes = tuple(str(row[0]) for row in cursor)
        cursor.execute("SELECT logicalrel::text FROM pg_dist_partition WHERE partmethod = 'h'")
        distributed = frozenset(str(row[0]) for row in cursor)
    return Cluster(str(server_version), str(version), is_available=True, nodes=nodes, distributed=distributed)


def plan_distribution(*, shards: int = SHARDS, distributed: frozenset[str] = frozenset()) -> list[str]:
    """Return the statements that distribute what is not yet distributed. Raises `InvalidError`.

    The first table decides the number of shards; the others lie with it, shard by shard.
    """
    if not 1 <= shards <= _MOST_SHARDS:
        raise InvalidError(f"shards: give a number from 1 to {_MOST_SHARDS:,}")
    ordered = [_FIRST, *(table for table in DISTRIBUTED if table != _FIRST)]
    return [_spell(table, shards) for table in ordered if table not in distributed]


def distribute(*, shards: int = SHARDS) -> Iterator[str]:
    """Distribute what is not yet distributed, and yield each statement once it is committed."""
    cluster = read_cluster()
    for statement in plan_distribution(shards=shards, distributed=cluster.distributed):
        with connection.cursor() as cursor:
            # It copies what is stored.
            cursor.execute("SET statement_timeout = 0")
            try:
                cursor.execute(statement)
            finally:
                cursor.execute("RESET statement_timeout")
        log.info("distribution.table_distributed", statement=statement)
        yield statement


def _spell(table: str, shards: int) -> str:
    where = f"colocate_with => '{_FIRST}'"
    if table == _FIRST:
        where = f"colocate_with => 'none', shard_count => {shards}"
    return f"SELECT create_distributed_table('{table}', 'project_id', {where})"


def _read_one(statement: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone()
    return row[0] if row else None
