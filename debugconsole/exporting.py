"""A session's lines as a file: what is still in its stream, as the session may see it, oldest first.

Made page by page, so memory stays flat, and only as far as the stream had come when it began. It ends at `MOST_LINES`,
`MOST_BYTES` or `MOST_READ`, or when the session may not go on; the last line says so, and how many lines are not in it
and why. NDJSON has the events of the streams. A cell of CSV that a spreadsheet would take for a formula gets an
apostrophe in front.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import structlog
from asgiref.sync import async_to_sync
from django.db import DatabaseError

from debugconsole.errors import BusyError
from debugconsole.models import DebugSession
from debugconsole.readers.backfill import oldest_shown_ms
from debugconsole.readers.pages import Look, is_other_stream, turn_page
from debugconsole.readers.streams import STREAM_ERRORS, look_after, look_back, make_client
from debugconsole.services.sessions import judge_sessions
from debugconsole.viewing import make_filter, make_source
from debugconsole.wire.lines import EntryId, write_time
from debugconsole.wire.prepare import Prepared, Preparer, Unshown
from debugconsole.wire.tokens import START, Position
from observability.errors import NotFoundError
from observability.ingest.redaction import InvalidRedactionRuleError, RedactionRules
from observability.selectors.trace_export import make_cell
from observability.services.policies import load_policy

log = structlog.get_logger(__name__)

MOST_LINES = 10_000
MOST_BYTES = 8 * 2**20
MOST_READ = 50_000
"""Entries that are looked at: a filter that lets nothing through must come to an end, too."""
PAGE = 200
CSV_COLUMNS = (
    *("id", "n", "ts", "received_at", "level", "stream", "origin", "tenant", "extension", "install", "request"),
    *("version", "trace", "pod", "boot", "seq", "message", "truncated", "redactions", "fields"),
)


@dataclass(slots=True)
class Summary:
    """What is in a file, and what is not. `cut` is why it ends before the stream does."""

    rows: int = 0
    bytes: int = 0
    read: int = 0
    filtered: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    cut: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether it has every line that the filter asks for and that is still in the stream."""
        return self.cut is None and not self.dropped


class LineExport:
    """One reading of a session's stream. Made, it has looked at the stream once: raises `BusyError` if it cannot."""

    def __init__(self, session: DebugSession) -> None:
        self.summary = Summary()
        self._session = session
        self._source = make_source(session)
        self._filter = make_filter(session, session.filter)
        self._preparer = Preparer(self._source, _load_rules(session.extension.project_id))
        try:
            self._last = _look(self._source.key, None).last
        except STREAM_ERRORS as error:
            raise BusyError("The server of the streams cannot be reached.") from error

    def write_ndjson(self) -> Iterator[bytes]:
        """Return the pieces of an NDJSON file: an event a line, and `{"export": {...}}` at the end."""
        for lines in self._read():
            yield self._keep_to_bounds([item.json + b"\n" for item in lines])
        said = self.summary
        told = {
            "rows": said.rows,
            "is_complete": said.is_complete,
            "cut": said.cut,
            "filtered": said.filtered,
            "dropped": dict(said.dropped),
        }
        yield msgspec.json.encode({"export": told}) + b"\n"

    def write_csv(self) -> Iterator[bytes]:
        """Return the pieces of a CSV file: names, then a line each; what begins with `#` at the end is not a line."""
        yield _write_row(CSV_COLUMNS)
        for lines in self._read():
            yield self._keep_to_bounds([_write_row(_make_cells(item)) for item in lines])
        said = self.summary
        if not said.is_complete:
            dropped = ", ".join(f"{count} {cause}" for cause, count in sorted(said.dropped.items()))
            yield _write_row([f"# not complete after {said.rows} lines: {said.cut or ''} {dropped}".rstrip()])

    def _read(self) -> Iterator[list[Prepared]]:
        """Return what may be shown, page by page, until the end or `summary.cut`."""
        at = START
        while at.id < self._last and self.summary.cut is None:
            if not self._may_go_on():
                self.summary.cut = "ended"
                return
            try:
                look = _look(self._source.key, at, until=self._last)
            except STREAM_ERRORS as error:
                log.warning("debug.export_broken", key=self._source.key, error=repr(error))
                self.summary.cut = "source_unavailable"
                return
            if is_other_stream(look, at):
                self.summary.cut = "reset"
                return
            page = turn_page(look, at)
            if at is not START:
                self.summary.dropped.update({"retention": page.lost} if page.lost else {})
            if not page.entries:
                return
            yield self._choose(page.entries, page.first_ordinal)
            at = page.position

    def _choose(self, entries: list[tuple[EntryId, list[bytes]]], first_ordinal: int) -> list[Prepared]:
        said, oldest_ms = self.summary, oldest_shown_ms()
        profile = self._session.redaction_profile
        chosen: list[Prepared] = []
        for place, (entry_id, pairs) in enumerate(entries):
            item = self._preparer.prepare(entry_id, pairs, first_ordinal + place, profile=profile)
            if entry_id.ms < oldest_ms:
                continue
            if isinstance(item, Unshown):
                said.dropped[str(item.cause)] += 1
            elif self._filter.matches(item.line):
                chosen.append(item)
            else:
                said.filtered += 1
        said.read += len(entries)
        if said.read >= MOST_READ and entries[-1][0] < self._last:
            said.cut = "read"
        return chosen

    def _keep_to_bounds(self, lines: list[bytes]) -> bytes:
        """Return as many lines as still fit, and note it when not all do."""
        said, kept = self.summary, 0
        for line in lines:
            if said.rows == MOST_LINES or said.bytes + len(line) > MOST_BYTES:
                said.cut = "lines" if said.rows == MOST_LINES else "bytes"
                break
            kept += 1
            said.rows += 1
            said.bytes += len(line)
        return b"".join(lines[:kept])

    def _may_go_on(self) -> bool:
        try:
            return judge_sessions([self._session.pk])[self._session.pk].reason is None
        except DatabaseError as error:
            log.warning("debug.export_unverifiable", session=str(self._session.pk), error=repr(error))
            return False


def _load_rules(project_id: int) -> RedactionRules | None:
    """Return a project's rules; None when they cannot be used, and so every line is withheld."""
    try:
        return load_policy(project_id).rules
    except (NotFoundError, InvalidRedactionRuleError) as error:
        log.warning("debug.rules_unknown", project_id=project_id, error=str(error))
        return None


@async_to_sync
async def _look(key: str, at: Position | None, *, until: EntryId | None = None) -> Look:
    """Look at what follows a position, itself included; without one at the newest entry alone."""
    client = make_client()
    try:
        if at is None:
            return await look_back(client, key, None, count=1)
        return await look_after(client, key, at.id, count=PAGE + 1, until=until)
    finally:
        await client.aclose()


def _make_cells(item: Prepared) -> list[Any]:
    line = item.line
    received = write_time(line.id.ms)
    values = {
        "id": str(line.id),
        "n": item.ordinal,
        "ts": received if line.ts_ms is None else write_time(line.ts_ms),
        "received_at": received,
        "redactions": "; ".join(f"{each.count} {each.kind}" for each in line.redactions),
        "fields": None if line.fields is None else msgspec.json.encode(line.fields).decode(),
    }
    return [make_cell(values[name] if name in values else getattr(line, name)) for name in CSV_COLUMNS]


def _write_row(cells: Any) -> bytes:
    row = io.StringIO()
    csv.writer(row).writerow(cells)
    return row.getvalue().encode(errors="replace")
