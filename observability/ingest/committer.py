"""A thread and a connection that run the writer's transactions.

The transaction is plain synchronous code in a thread of its own: psycopg then waits in C with the interpreter released,
where waiting on an event loop costs a third of a commit's processor time. A committer runs one transaction at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import connections

from observability.ingest.commit import Changes, Commit, Submission
from observability.ingest.counts import Counts
from observability.ingest.records import Rejected, WriteResult
from observability.ingest.statements import to_datetime

CONNECT_SECONDS = 3.0
STATEMENT_SECONDS = 30
_RETRIES = 3
_PREPARED_FROM = 5
"""Times that a connection runs a statement before it prepares it."""
_RECONNECT_SECONDS = 0.1

T = TypeVar("T")


class StoreOutdatedError(Exception):
    """The tables are not those of this version of the code."""


# Never a record's fault: a migration is missing, or a right. They are programming errors too, so they come first.
_SCHEMA_ERRORS = (
    psycopg.errors.UndefinedColumn,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.InsufficientPrivilege,
)

# What a record itself can be at fault for: values out of range for a column, text that UTF-8 cannot write.
CONTENT_ERRORS = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.ProgrammingError,
    psycopg.NotSupportedError,
    psycopg.errors.ProgramLimitExceeded,
    ValueError,
    TypeError,
    OverflowError,
)


class Committer:
    """Runs transactions, one after the other. Connects when first needed, and again when the connection was lost."""

    def __init__(self) -> None:
        self.conninfo = _make_conninfo()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ingest-commit")
        self._connection: psycopg.Connection[Any] | None = None

    async def store(self, submissions: list[Submission]) -> tuple[list[WriteResult], Changes]:
        """Store requests in one transaction; return once Postgres has committed it.

        Tried again from the start where another writer or a lost connection got in the way. Raises one of
        `CONTENT_ERRORS`, `StoreOutdatedError`, `psycopg.OperationalError` or `TimeoutError`.
        """
        return await self._run(lambda: self._store(submissions))

    async def count(self, rejected: Rejected, *, submission: Submission) -> None:
        """Count an item of a request that no transaction could store."""
        await self._run(lambda: self._count(rejected, submission))

    async def close(self) -> None:
        """Close the connection and end the thread."""
        await self._run(self._disconnect)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        """Run work in the thread. Where it takes too long, the connection is cut, so that the thread comes back."""
        running = asyncio.get_running_loop().run_in_executor(self._thread, work)
        try:
            async with asyncio.timeout(STATEMENT_SECONDS):
                return await asyncio.shield(running)
        except TimeoutError:
            self._cut()
            with contextlib.suppress(psycopg.Error, OSError):
                await running
            raise

    def _cut(self) -> None:
        """End the wait of the thread for a Postgres that answers nothing."""
        with contextlib.suppress(OSError, psycopg.Error):
            if self._connection is not None:
                with socket.socket(fileno=os.dup(self._connection.fileno())) as wire:
                    wire.shutdown(socket.SHUT_RDWR)

    # -- in the thread -------------------------------------------------------------------------------------------------

    def _store(self, submissions: list[Submission]) -> tuple[list[WriteResult], Changes]:
        look_up_all = False
        for attempt in range(_RETRIES):
            is_last = attempt == _RETRIES - 1
            try:
                connection = self._connect()
                with connection.transaction():
                    return Commit(connection, now_us=time.time_ns() // 1000, look_up_all=look_up_all).run(submissions)
            except psycopg.errors.UniqueViolation:
                # A row whose trace row retention took first, or a log without a trace sent twice at once.
                look_up_all = True
                if is_last:
                    raise
            except _SCHEMA_ERRORS as error:
                raise StoreOutdatedError(str(error)) from error
            except CONTENT_ERRORS:
                raise
            except psycopg.OperationalError:
                # A connection that a restart of Postgres left behind, or a deadlock. Storing again is harmless: a
                # commit whose answer was lost makes these rows duplicates.
                if is_last:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _count(self, rejected: Rejected, submission: Submission) -> None:
        counts = Counts()
        counts.add(
            WriteResult(accepted=0, duplicates=0, rejected=(rejected,)),
            project_id=submission.project_id,
            door=submission.door,
            public_id=submission.public_id,
        )
        connection = self._connect()
        with connection.transaction():
            counts.store(connection, to_datetime(time.time_ns() // 1000))

    def _connect(self) -> psycopg.Connection[Any]:
        """Return a connection that was good when last used; wait a moment for a Postgres that is restarting."""
        if self._connection is not None and not self._connection.closed:
            return self._connection
        deadline = time.monotonic() + CONNECT_SECONDS
        while True:
            try:
                threshold = _PREPARED_FROM if settings.DATABASE_PREPARES else None
                self._connection = psycopg.connect(self.conninfo, autocommit=True, prepare_threshold=threshold)
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_RECONNECT_SECONDS)
            else:
                return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _make_conninfo() -> str:
    """Return libpq's address of the same database that Django uses (a test database, perhaps)."""
    parameters = connections["default"].get_connection_params()
    names = ("dbname", "user", "password", "host", "port", "service", "passfile", "sslmode", "sslrootcert")
    given = {name: parameters[name] for name in names if parameters.get(name)}
    return psycopg.conninfo.make_conninfo(
        "",
        **given,
        connect_timeout=int(CONNECT_SECONDS),
        application_name="playhead-writer",
        options=f"-c statement_timeout={STATEMENT_SECONDS}s -c timezone=UTC",
    )
