"""The desk's own database: tickets and their notes, in SQLite, in memory."""

from __future__ import annotations

import sqlite3
from typing import Any

from demo.catalogue import CUSTOMERS

SCHEMA = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT, language TEXT, city TEXT);
CREATE TABLE tickets (
  id INTEGER PRIMARY KEY, customer_id INTEGER, workflow TEXT, subject TEXT, state TEXT DEFAULT 'open'
);
CREATE TABLE notes (id INTEGER PRIMARY KEY, ticket_id INTEGER, author TEXT, body TEXT);
CREATE INDEX tickets_by_customer ON tickets (customer_id, id);
"""


class TicketDatabase:
    """A connection with two methods, so that a client library can wrap them."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.executescript(SCHEMA)
        rows = [(c.id, c.name, c.email, c.language, c.city) for c in CUSTOMERS]
        self.connection.executemany("INSERT INTO customers VALUES (?, ?, ?, ?, ?)", rows)

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        """Return all rows of a SELECT."""
        return [dict(row) for row in self.connection.execute(sql, parameters)]

    def execute(self, sql: str, parameters: tuple[Any, ...] = ()) -> int:
        """Run one change; return the new row's id, or how many rows changed."""
        cursor = self.connection.execute(sql, parameters)
        return cursor.lastrowid or cursor.rowcount
