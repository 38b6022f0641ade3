"""One look at a stream behind an entry that the client names by its plain id, without a feed.

For clients that keep nothing but that id. It does not say how many entries came before, so what was trimmed behind it
cannot be counted: that something was is told.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from channels.db import database_sync_to_async

from debugconsole.filters import Filter
from debugconsole.models import DebugSession
from debugconsole.readers.backfill import LEAD_IN, oldest_shown_ms
from debugconsole.readers.hub import load_rules
from debugconsole.readers.pages import Look
from debugconsole.readers.streams import WATCHDOG_SECONDS, look_after, look_back, make_client
from debugconsole.services.sessions import record_progress
from debugconsole.transports import limits
from debugconsole.viewing import make_filter, make_source
from debugconsole.wire.envelope import Cause, Notice, NoticeCode
from debugconsole.wire.lines import ZERO_ID, EntryId
from debugconsole.wire.prepare import Prepared, Preparer, Unshown


class Glance(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Lines, oldest first, and the id behind which to look next."""

    events: list[msgspec.Raw]
    last_id: str
    notices: list[Notice] = []


async def glance(session: DebugSession, last_id: EntryId, *, most: int) -> Glance:
    """Return what follows an entry, or for `0-0` the newest lines. Raises what `STREAM_ERRORS` holds.

    What it showed is kept with the session, like what a connection does.
    """
    source = make_source(session)
    preparer = Preparer(source, await load_rules(session.extension.project_id))
    async with asyncio.timeout(WATCHDOG_SECONDS), make_client() as client:
        before, look = await _look(client, source.key, last_id, most)
    for entry_id, pairs in before:
        # A private key that began there hides what follows.
        preparer.prepare(entry_id, pairs, 0)
    profile = session.redaction_profile
    items = [preparer.prepare(entry_id, pairs, 0, profile=profile) for entry_id, pairs in look.entries]
    account = _Account(make_filter(session, session.filter))
    for item in items:
        if not account.add(item):
            break
    await database_sync_to_async(record_progress)(
        session_id=session.pk, counts=account.counts, dropped=account.dropped, is_attached=False
    )
    is_cut = last_id != ZERO_ID and look.first is not None and look.first > last_id and look.trimmed > 0
    return Glance(
        events=[msgspec.Raw(json) for json in account.lines],
        last_id=str(account.last or last_id),
        notices=[Notice(code=NoticeCode.CURSOR_TOO_OLD)] if is_cut else [],
    )


async def _look(client: Any, key: str, last_id: EntryId, most: int) -> tuple[list[Any], Look]:
    """Return the entries before those that are asked for, and a look at these."""
    if last_id == ZERO_ID:
        look = await look_back(client, key, None, count=most + LEAD_IN)
        before, look.entries[:] = look.entries[:-most], look.entries[-most:]
        return before, look
    earlier = await look_back(client, key, last_id, count=LEAD_IN)
    look = await look_after(client, key, last_id, count=most + 1)
    look.entries[:] = [entry for entry in look.entries if entry[0] > last_id][:most]
    return earlier.entries, look


class _Account:
    """What became of each entry, up to the last that fits."""

    def __init__(self, filter: Filter) -> None:
        self.lines: list[bytes] = []
        self.last: EntryId | None = None
        self.dropped: dict[str, int] = {}
        self.counts = dict.fromkeys(("produced", "delivered", "filtered", "redacted", "bytes"), 0)
        self._filter = filter
        self._oldest_ms = oldest_shown_ms()

    def add(self, item: Prepared | Unshown) -> bool:
        """Account for an entry; say whether there was room for it."""
        if isinstance(item, Prepared) and self.lines and self.counts["bytes"] + len(item.json) > limits.POLL_BYTES:
            return False
        self.last = item.id
        self.counts["produced"] += 1
        if isinstance(item, Unshown) or item.id.ms < self._oldest_ms:
            cause = item.cause if isinstance(item, Unshown) else Cause.RETENTION
            self.dropped[cause] = self.dropped.get(cause, 0) + 1
        elif not self._filter.matches(item.line):
            self.counts["filtered"] += 1
        else:
            self.lines.append(item.json)
            self.counts["delivered"] += 1
            self.counts["redacted"] += item.line.hidden
            self.counts["bytes"] += len(item.json)
        return True
