"""What Postgres does for a read: the indexes it walks, the days it looks into, and the tables it reads row by row.

Each statement of the read is run once more by EXPLAIN ANALYZE. Only what was carried out counts: an Append over many
days whose LIMIT was reached in the newest has looked into that one alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection


@dataclass
class Plan:
    """Of all statements of a read. Indexes bear the names that migrations give them, not those of their partitions."""

    indexes: set[str] = field(default_factory=set)
    read_alone: set[str] = field(default_factory=set)
    """Those of the indexes that answered without rows of their table."""
    days: dict[str, set[str]] = field(default_factory=dict)
    """By partitioned table: `20261127`, or `default`."""
    scanned: set[str] = field(default_factory=set)
    """Tables with rows of which all were looked at."""


def explain(read: Callable[[], object]) -> Plan:
    """Carry out a read and return what Postgres did for it."""
    statements: list[tuple[str, Any]] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH")) and "set_config" not in sql:
            statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        read()
    plan, roots = Plan(), _find_roots()
    for sql, params in statements:
        for node in _walk(_explain_one(sql, params)):
            _add(plan, node, roots)
    return plan


def _explain_one(sql: str, params: Any) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params)
        [[found]] = cursor.fetchall()
    top: dict[str, Any] = found[0]["Plan"]
    return top


def _walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes that were carried out."""
    if node["Actual Loops"]:
        yield node
        for child in node.get("Plans", ()):
            yield from _walk(child)


def _add(plan: Plan, node: dict[str, Any], roots: dict[str, str]) -> None:
    if "Index Name" in node:
        index = roots.get(node["Index Name"], node["Index Name"])
        plan.indexes.add(index)
        if node["Node Type"] == "Index Only Scan":
            plan.read_alone.add(index)
    relation = node.get("Relation Name")
    if relation is None:
        return
    table = roots.get(relation, relation)
    if table != relation:
        plan.days.setdefault(table, set()).add(relation.removeprefix(f"{table}_").removeprefix("p"))
    # A day without rows costs nothing to scan.
    if node["Node Type"] == "Seq Scan" and (node["Actual Rows"] or node.get("Rows Removed by Filter")):
        plan.scanned.add(table)


def _find_roots() -> dict[str, str]:
    """Return the name of the partitioned table or index that each partition belongs to."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT child.relname, parent.relname FROM pg_inherits "
            "JOIN pg_class AS child ON child.oid = inhrelid JOIN pg_class AS parent ON parent.oid = inhparent"
        )
        return dict(cursor.fetchall())
