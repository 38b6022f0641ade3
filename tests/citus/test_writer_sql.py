"""The writer goes around Django's connections, so its statements are read where they stand."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from observability.ingest import statements
from observability.sql.store import PARTITIONED
from tests.citus.rules import find_breaches


def _read(statement: Any) -> str:
    if isinstance(statement, sql.Composable):
        return statement.as_string()
    return statement.decode() if isinstance(statement, bytes) else str(statement)


INGEST = Path(statements.__file__).parent
# The staging table is a temporary one of the connection; a copy of a table's columns reads no row.
STAGED = [
    statement
    for value in vars(statements).values()
    if isinstance(value, statements.StoreTable)
    for statement in (value.copy, value.copy_staged, value.upsert)
]
NAMED = [
    value
    for name, value in vars(statements).items()
    if name.isupper() and name[0] != "_" and isinstance(value, sql.Composed | bytes | str)
]
TEXTS = [_read(statement) for statement in (*STAGED, *NAMED)]


def _list_executed(source: str) -> Iterator[str]:
    """Yield what `execute` and `copy` are given where it is not a name of `statements` or of a table there."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="execute" | "executemany" | "copy"), args=[first, *_]) if (
                not isinstance(first, ast.Attribute | ast.Name | ast.IfExp)
            ):
                yield ast.unparse(first)


@pytest.mark.parametrize("statement", TEXTS, ids=lambda text: " ".join(text.split())[:50])
def test_writer__statement__keeps_to_citus(statement: str) -> None:
    assert find_breaches(statement) == ()


def test_writer__statements__are_all_found() -> None:
    assert len(STAGED) == 3 * len(PARTITIONED)
    assert {"LOAD_EVENTS", "LOCK_TRACES", "STORE_STEP_HOURS"} <= {
        name for name, value in vars(statements).items() if any(value is statement for statement in NAMED)
    }


def test_ingest__sql__stands_nowhere_else() -> None:
    found = {path.name: list(_list_executed(path.read_text())) for path in INGEST.rglob("*.py")}

    assert {name: written for name, written in found.items() if written} == {}


def test_list_executed__sql_on_the_spot__is_found() -> None:
    assert list(_list_executed("connection.execute('SELECT 1')")) == ["'SELECT 1'"]
