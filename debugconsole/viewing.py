"""What every transport does: a session's feed opened, watched over, and closed, with its counters kept.

    feed = await begin(session, after=token)
    try:
        while True:
            taken = await feed.take(...)
            ...                                  # send; token_of(feed, taken.position) is where to go on
            if taken.end: break
    finally:
        await finish(feed)

While any feed is open, the warden looks every few seconds whether each still may be, and writes down how far it is.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from uuid import UUID
from weakref import WeakKeyDictionary

import psycopg
import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.db import DatabaseError
from psycopg_pool import PoolTimeout

from debugconsole.filters import Filter, parse_filter
from debugconsole.metrics import RESUMES
from debugconsole.models import DebugSession
from debugconsole.readers.feed import Feed, FeedLimits, FeedStats
from debugconsole.readers.hub import Hub, get_hub
from debugconsole.readers.pace import PaceLimits
from debugconsole.services.sessions import attach_session, end_session, judge_sessions, record_progress
from debugconsole.wire.envelope import EndReason, Notice, NoticeCode
from debugconsole.wire.keys import stream_key
from debugconsole.wire.prepare import Source
from debugconsole.wire.tokens import Position, TokenError, read_token, write_token
from observability.query import Exact, QueryError, Term

log = structlog.get_logger(__name__)

CHECK_SECONDS = 3.0
"""How often every open session is judged again: what was taken away ends within this and the time of one check."""
KEEP_SECONDS = 9.0
UNVERIFIABLE_SECONDS = 30.0
"""For how long sessions go on while nobody can say whether they may."""
_FINAL = frozenset((EndReason.CLOSED, EndReason.EXPIRED, EndReason.REVOKED, EndReason.POLICY_CHANGED, EndReason.IDLE))
"""Why a session is over, and not only a connection of it."""
_DATABASE_ERRORS = (DatabaseError, psycopg.Error, PoolTimeout, OSError)


def make_source(session: DebugSession) -> Source:
    """Return the stream of a session's extension. Its tenant is its organization's, never a parameter."""
    extension = session.extension
    tenant = str(extension.organization.tenant_id)
    prefix: str = settings.DEBUG_STREAM_PREFIX
    key = stream_key(prefix, tenant=tenant, extension=extension.extension_id)
    return Source(prefix=prefix, key=key, tenant=tenant, extension=extension.extension_id)


def make_filter(session: DebugSession, text: str) -> Filter:
    """Return a filter that lets nothing through which the session is not about. Raises `QueryError`."""
    query = parse_filter(text).query
    for field, value in (("install", session.install_id), ("request", session.request_id)):
        if value:
            query = query.with_item(Term(field, ":", (Exact(value),)))
    return Filter(query)


async def begin(session: DebugSession, *, after: str = "", owner: str = "") -> Feed:
    """Open a session's feed. Raises `TokenError`, `EndedError`, `BusyError`.

    `after` is a token that the session was given; with an `owner`, one that any session of that owner was.
    """
    source = make_source(session)
    owner = owner or str(session.pk)
    position = _read_position(after, owner, source) if after else None
    session = await database_sync_to_async(_admit)(session, is_resumed=position is not None)
    feed = Feed(
        session_id=str(session.pk),
        owner=owner,
        source=source,
        project_id=session.extension.project_id,
        filter=make_filter(session, session.filter),
        limits=FeedLimits(pace=PaceLimits(lines_per_second=session.lines_per_second)),
        tail=session.tail,
        after=position,
        transport=session.transport,
        profile=session.redaction_profile,
    )
    feed.sample(session.sample)
    if session.is_paused:
        feed.pause()
    hub = get_hub()
    try:
        await hub.open(feed)
    except BaseException:
        # Nobody is connected after all, and the sweep would take the session for one whose process is gone.
        await hub.close(feed)
        await _detach(session)
        raise
    _wardens.setdefault(asyncio.get_running_loop(), Warden(hub)).watch(feed, session)
    return feed


async def finish(feed: Feed, *, reason: EndReason | None = None) -> FeedStats:
    """Close a feed and keep its last counters.

    With a reason, or where the feed ended for one that holds for the session, that is over; else it can be resumed.
    """
    if reason is None and feed.end_ is not None and feed.end_.reason in _FINAL:
        reason = feed.end_.reason
    stats = await get_hub().close(feed, is_over=reason is not None)
    warden = _wardens.get(asyncio.get_running_loop())
    if warden is not None:
        await warden.forget(feed, stats)
    if reason is not None:
        await _end_session(UUID(feed.session_id), reason)
    return stats


def session_of(feed: Feed) -> DebugSession:
    """Return the row of an open feed's session as it was read last, a few seconds ago at most."""
    return _wardens[asyncio.get_running_loop()].sessions[feed]


def renew_session(feed: Feed, session: DebugSession) -> None:
    """Go on with a row that was changed just now, if the feed is still open."""
    warden = _wardens[asyncio.get_running_loop()]
    if feed in warden.sessions:
        warden.sessions[feed] = session


def look_again() -> None:
    """Let what this process shows follow at once what was just changed, by whichever thread this is."""
    for loop, warden in list(_wardens.items()):
        if not loop.is_closed():
            loop.call_soon_threadsafe(warden.hurry)


async def drain(seconds: float) -> None:
    """Tell all viewers of this process to go on elsewhere, and wait until they were told, but not for long."""
    hub = get_hub()
    hub.end_all(EndReason.SERVER_DRAIN, retry_ms=1_000)
    until = time.monotonic() + seconds
    while hub.feeds and time.monotonic() < until:
        await asyncio.sleep(0.02)


def token_of(feed: Feed, position: Position) -> str:
    """Return the token with which the session goes on behind a position."""
    return write_token(position, secret=_secret(), session=feed.owner, key=feed.source.key)


class Warden:
    """Looks after the open feeds of one event loop."""

    def __init__(self, hub: Hub) -> None:
        self.sessions: dict[Feed, DebugSession] = {}
        self._hub = hub
        self._kept: dict[Feed, FeedStats] = {}
        self._task: asyncio.Task[None] | None = None
        self._is_hurried = asyncio.Event()
        self._verified_at = time.monotonic()
        self._kept_at = time.monotonic()

    def watch(self, feed: Feed, session: DebugSession) -> None:
        """Look after a feed from now on."""
        self.sessions[feed] = session
        self._kept[feed] = feed.stats()
        if self._task is None or self._task.done():
            self._verified_at = time.monotonic()
            self._task = asyncio.create_task(self._run(), name="debug warden")

    async def forget(self, feed: Feed, stats: FeedStats) -> None:
        """Keep a feed's last counters, and look after it no more."""
        before = self._kept.pop(feed, None)
        self.sessions.pop(feed, None)
        if before is not None:
            await self._keep(feed, before, stats, is_attached=self._hub.feeds.get(feed.session_id) is not None)

    def hurry(self) -> None:
        """Look again at once: something was changed."""
        self._is_hurried.set()

    async def check(self) -> None:
        """Judge every feed's session, and end those that may not go on."""
        feeds = {UUID(feed.session_id): feed for feed in self._kept if feed.end_ is None}
        before = dict(self.sessions)
        if not feeds:
            return
        try:
            verdicts = await database_sync_to_async(judge_sessions)(list(feeds))
        except _DATABASE_ERRORS as error:
            log.warning("debug.sessions_unverifiable", error=repr(error))
            if time.monotonic() - self._verified_at > UNVERIFIABLE_SECONDS:
                for feed in feeds.values():
                    feed.end(EndReason.UNVERIFIABLE, retry_ms=5_000)
            return
        self._verified_at = time.monotonic()
        for session_id, (session, reason) in verdicts.items():
            feed = feeds[session_id]
            if reason is not None:
                await self._end(feed, session_id, reason)
            elif session is not None and self.sessions.get(feed) is before[feed]:
                # Not where the viewer changed the row meanwhile: this one is older.
                self.sessions[feed] = session
                try:
                    _steer(feed, before[feed], session)
                except QueryError as error:
                    # One row that cannot be read must not leave the others unjudged.
                    log.warning("debug.session_unsteerable", session=str(session_id), error=str(error))

    async def keep(self) -> None:
        """Write down how far every feed is."""
        for feed, before in list(self._kept.items()):
            stats = feed.stats()
            if feed in self._kept:
                self._kept[feed] = stats
                await self._keep(feed, before, stats, is_attached=True)

    async def _run(self) -> None:
        while self._kept:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_hurried.wait(), CHECK_SECONDS)
            self._is_hurried.clear()
            try:
                await self.check()
                if time.monotonic() - self._kept_at >= KEEP_SECONDS:
                    self._kept_at = time.monotonic()
                    await self.keep()
            except Exception:
                # Nobody would look after the sessions any more.
                log.exception("debug.warden_failed")

    async def _end(self, feed: Feed, session_id: UUID, reason: EndReason) -> None:
        if reason in (EndReason.REVOKED, EndReason.POLICY_CHANGED):
            # What waits is not theirs to see any more.
            feed.settle()
            feed.tell(Notice(code=NoticeCode.POLICY_CHANGED))
        feed.end(reason)
        await _end_session(session_id, reason)

    async def _keep(self, feed: Feed, before: FeedStats, stats: FeedStats, *, is_attached: bool) -> None:
        counts = {
            name: getattr(stats, name) - getattr(before, name)
            for name in ("produced", "delivered", "filtered", "redacted", "bytes")
        }
        dropped = {
            str(cause): count - before.dropped.get(cause, 0)
            for cause, count in stats.dropped.items()
            if count != before.dropped.get(cause, 0)
        }
        try:
            await database_sync_to_async(record_progress)(
                session_id=UUID(feed.session_id), counts=counts, dropped=dropped, is_attached=is_attached
            )
        except _DATABASE_ERRORS as error:
            # The sweep calls the session lost when this goes on.
            log.warning("debug.progress_unwritten", session=feed.session_id, error=repr(error))


_wardens: WeakKeyDictionary[asyncio.AbstractEventLoop, Warden] = WeakKeyDictionary()


async def _end_session(session_id: UUID, reason: EndReason) -> None:
    try:
        await database_sync_to_async(end_session)(session_id=session_id, reason=reason)
    except _DATABASE_ERRORS as error:
        # The sweep ends it later.
        log.warning("debug.session_end_unwritten", session=str(session_id), error=repr(error))


async def _detach(session: DebugSession) -> None:
    with suppress(*_DATABASE_ERRORS):
        await database_sync_to_async(record_progress)(session_id=session.pk, counts={}, dropped={}, is_attached=False)


def _steer(feed: Feed, before: DebugSession, session: DebugSession) -> None:
    """Do with a feed what was asked for elsewhere, and say so."""
    if session.filter != before.filter:
        first = feed.set_filter(make_filter(session, session.filter))
        feed.tell(Notice(code=NoticeCode.FILTER_CHANGED, detail=session.filter, from_=first))
    if session.sample != before.sample:
        feed.sample(session.sample)
        feed.tell(Notice(code=NoticeCode.SAMPLE_CHANGED, rate=session.sample))
    if session.is_paused != before.is_paused:
        (feed.pause if session.is_paused else feed.resume)()
        code = NoticeCode.PAUSED if session.is_paused else NoticeCode.RESUMED
        feed.tell(Notice(code=code, detail="elsewhere"))


def _admit(session: DebugSession, *, is_resumed: bool) -> DebugSession:
    """Judge a session once more before anything is shown: what was decided at its start may hold no longer."""
    reason = judge_sessions([session.pk])[session.pk].reason
    if reason is not None:
        end_session(session_id=session.pk, reason=reason)
    return attach_session(session=session, is_resumed=is_resumed)


def _read_position(after: str, owner: str, source: Source) -> Position:
    try:
        return read_token(after, secret=_secret(), session=owner, key=source.key)
    except TokenError:
        RESUMES.labels("invalid").inc()
        raise


def _secret() -> bytes:
    return settings.SECRET_KEY.encode()
