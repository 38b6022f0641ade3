"""What a client of a socket asks for and the database has a say in. Each answer is made when it is sent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import psycopg
import structlog
from channels.db import database_sync_to_async
from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from debugconsole.filters import Filter
from debugconsole.readers.feed import Feed
from debugconsole.services.sessions import change_session, extend_session
from debugconsole.transports import commands
from debugconsole.transports.commands import Command, Reply
from debugconsole.viewing import make_filter, renew_session, session_of
from debugconsole.wire.envelope import EndReason
from observability.errors import ObservabilityError
from observability.query import QueryError

log = structlog.get_logger(__name__)

_OPS = {
    commands.SetFilter: "filter",
    commands.Pause: "pause",
    commands.Resume: "resume",
    commands.Sample: "sample",
    commands.Extend: "extend",
    commands.Close: "close",
}


class Requests:
    """Serves one client, one request after another."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def serve(self, command: Command) -> Callable[[], Reply]:
        """Do what is asked and return what makes the answer, between two batches."""
        try:
            if isinstance(command, commands.SetFilter):
                return await self._set_filter(command)
            if isinstance(command, commands.Extend):
                return await self._extend()
            return await self._steer(command)
        except ObservabilityError as error:
            code, detail = error.code, str(error)
        except (DatabaseError, psycopg.Error, PoolTimeout) as error:
            log.warning("debug.request_unserved", error=repr(error))
            code, detail = "unavailable", "The store cannot be reached; try again."
        return partial(commands.Refused, for_=_OPS[type(command)], code=code, detail=detail)

    async def _set_filter(self, command: commands.SetFilter) -> Callable[[], Reply]:
        feed, session = self._feed, session_of(self._feed)
        try:
            session = await database_sync_to_async(change_session)(session=session, filter=command.expr)
        except QueryError as error:
            place = {"position": error.position, "length": error.length}
            return partial(commands.FilterError, rev=command.rev, detail=str(error), **place)
        renew_session(feed, session)
        return partial(self._apply, make_filter(session, session.filter), command.rev, session.filter)

    def _apply(self, filter: Filter, rev: int, expr: str) -> Reply:
        return commands.FilterOk(rev=rev, from_=self._feed.set_filter(filter), expr=expr)

    async def _extend(self) -> Callable[[], Reply]:
        session = await database_sync_to_async(extend_session)(session=session_of(self._feed))
        renew_session(self._feed, session)
        return partial(commands.Extended, session.expires_at.isoformat(), session.hard_expires_at.isoformat())

    async def _steer(self, command: Command) -> Callable[[], Reply]:
        feed = self._feed
        if isinstance(command, commands.Pause):
            await self._keep(is_paused=True)
            feed.pause()
        elif isinstance(command, commands.Resume):
            await self._keep(is_paused=False)
            feed.resume()
        elif isinstance(command, commands.Sample):
            await self._keep(sample=command.rate)
            feed.sample(command.rate)
        elif isinstance(command, commands.Close):
            feed.end(EndReason.CLOSED)
        return partial(commands.Done, for_=_OPS[type(command)])

    async def _keep(self, **changes: Any) -> None:
        session = await database_sync_to_async(change_session)(session=session_of(self._feed), **changes)
        renew_session(self._feed, session)
