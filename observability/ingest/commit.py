"""One transaction of the writer: many requests' rows in, exact summaries and rollups out.

The steps, in the order in which every process takes its locks (so two writers never deadlock):

1. Join the halves within the batch (`merge.py`), fold it into summaries (`summaries.py`) as if all its traces were
   new, and upsert those in key order. That inserts the new ones whole and locks the others, so all writers of one
   trace take turns from here on.
2. Only if some existed: read their summaries, and the stored state of the events that arrive again, and join and fold
   once more against those. A trace that is new cannot have events, so the usual batch reads nothing.
3. COPY new rows straight into their tables; changed rows go through a staging table and one upsert.
4. Upsert summaries that existed before, forget the counts of past days that changed (`past_days.py`), upsert hourly
   step figures, discovered steps, error groups, resources, sessions and counts.

Plain COPY plus rare upsert instead of staging everything: docs/adr/0001. Nothing here retries; `writer.py` does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from observability.ingest import statements as sql
from observability.ingest.counts import Counts
from observability.ingest.fingerprints import find_fingerprint
from observability.ingest.merge import merge_events
from observability.ingest.past_days import FORGET_DAYS, list_past_days
from observability.ingest.prepare import Prepared, PreparedEvent
from observability.ingest.records import Rejected, WriteResult
from observability.ingest.rows import KEY_FIELDS, EventKey, EventRow, LogRow, PayloadRow, TraceKey
from observability.ingest.search import make_search_rows
from observability.ingest.sessions import SessionUpdate
from observability.ingest.statements import (
    StoreTable,
    copy_summary,
    decode_event,
    decode_summary,
    encode_summaries,
    to_datetime,
    to_us,
)
from observability.ingest.step_figures import StepFigures
from observability.ingest.summaries import Summary, empty_summary, fold_event, fold_log, refold


class Submission(msgspec.Struct):
    """One request waiting for its commit."""

    project_id: int
    door: str
    prepared: Prepared
    session: SessionUpdate | None = None
    public_id: str = ""
    """Of the key it came with."""


class Changes(msgspec.Struct):
    """What a commit made visible, for the hints after it: the new version of each changed trace."""

    versions: dict[TraceKey, int]


class _Pending(msgspec.Struct):
    """One event of the batch: what the database held, and what it is to hold."""

    stored: EventRow | None
    row: EventRow
    payload: PayloadRow
    is_changed: bool


class Commit:
    """The state of one transaction. Used once."""

    def __init__(self, connection: Connection[Any], *, now_us: int, look_up_all: bool = False) -> None:
        self.connection = connection
        self.now_us = now_us
        # Set after a key collision: some rows exist without their trace row (retention took that first).
        self.look_up_all = look_up_all
        self.summaries: dict[TraceKey, Summary] = {}
        self.before: dict[TraceKey, Summary | None] = {}
        self.deleted: set[TraceKey] = set()
        self.events: dict[EventKey, _Pending] = {}
        self.logs: dict[EventKey, LogRow] = {}
        self.lexemes: dict[TraceKey, list[bytes]] = defaultdict(list)
        self.results: list[WriteResult] = []

    def run(self, submissions: Sequence[Submission]) -> tuple[list[WriteResult], Changes]:
        """Store everything and return one result per submission. The caller opens and ends the transaction."""
        self._take_all(submissions, {}, set())
        self._fold_new()
        existing = self._lock_traces()
        if existing or self.deleted or self.look_up_all or any(not log.trace_id for log in self.logs.values()):
            self._load_summaries(existing)
            self._take_all(submissions, self._load_events(), self._load_log_keys())
            self._fold_again()
        changed = [pending for pending in self.events.values() if pending.is_changed]
        self._stamp_versions(changed)
        self._copy_events(changed)
        self._copy_logs()
        self._copy_search_rows()
        self._store_summaries()
        self._forget_days()
        self._store_steps(changed)
        self._store_error_groups(changed)
        self._store_resources(submissions)
        self._store_sessions(submissions)
        self._store_counts(submissions)
        return self.results, Changes(self._list_versions())

    # -- taking requests in --------------------------------------------------------------------------------------------

    def _take_all(
        self, submissions: Sequence[Submission], known_events: dict[EventKey, EventRow], known_logs: set[EventKey]
    ) -> None:
        """Join all requests' records into one batch, from scratch, against what is known to be stored."""
        self.events.clear()
        self.logs.clear()
        self.lexemes.clear()
        self.results = [self._take(submission, known_events, known_logs) for submission in submissions]

    def _take(
        self, submission: Submission, known_events: dict[EventKey, EventRow], known_logs: set[EventKey]
    ) -> WriteResult:
        """Join one request's records into the batch, in order, and count what they changed."""
        prepared = submission.prepared
        rejected = list(prepared.rejected)
        changed: list[str] = []
        for event in prepared.events:
            if (submission.project_id, event.row.trace_id) in self.deleted:
                rejected.append(_reject_deleted(event.index, event.row.trace_id, event.row.span_id))
            elif self._take_event(event, known_events):
                changed.append(event.row.trace_id)
        for index, log in enumerate(prepared.logs):
            if (submission.project_id, log.trace_id) in self.deleted:
                rejected.append(_reject_deleted(index, log.trace_id, log.span_id))
            elif self._take_log(log, known_logs):
                changed.append(log.trace_id)
        for trace_id in set(changed):
            self.lexemes[submission.project_id, trace_id] += prepared.lexemes.get(trace_id, ())
        taken = len(prepared.events) + len(prepared.logs) - (len(rejected) - len(prepared.rejected))
        return WriteResult(accepted=len(changed), duplicates=taken - len(changed), rejected=tuple(rejected))

    def _take_event(self, event: PreparedEvent, known: dict[EventKey, EventRow]) -> bool:
        """Join one event into the batch; say whether it changed anything."""
        key = event.row.key
        pending = self.events.get(key)
        if pending is None:
            stored = known.get(key)
            if stored is None:
                self.events[key] = _Pending(None, event.row, event.payload, is_changed=True)
                return True
            empty = PayloadRow(project_id=key[0], trace_id=key[1], started_at_us=key[2], span_id=key[3])
            pending = self.events[key] = _Pending(stored, stored, empty, is_changed=False)
        row, payload, is_changed = merge_events((pending.row, pending.payload), (event.row, event.payload))
        if is_changed:
            pending.row, pending.payload, pending.is_changed = row, payload, True
        return is_changed

    def _take_log(self, log: LogRow, known: set[EventKey]) -> bool:
        """Join one log record into the batch; say whether it is new."""
        if log.key in known or log.key in self.logs:
            return False
        self.logs[log.key] = log
        return True

    # -- traces --------------------------------------------------------------------------------------------------------

    def _fold_new(self) -> None:
        """Fold the batch as if none of its traces existed; right for all that turn out to be new."""
        for pending in self.events.values():
            fold_event(self._summary_of(pending.row), None, pending.row)
        for log in self.logs.values():
            if log.trace_id:
                fold_log(self._summary_of(log), log.logged_at_us)

    def _summary_of(self, row: EventRow | LogRow) -> Summary:
        key = (row.project_id, row.trace_id)
        summary = self.summaries.get(key)
        if summary is None:
            summary = self.summaries[key] = empty_summary(*key)
            self.before[key] = None
        return summary

    def _lock_traces(self) -> list[TraceKey]:
        """Insert the rows of new traces and lock the others; return those that existed and are not being deleted."""
        if not self.summaries:
            return []
        fresh = [self.summaries[key] for key in sorted(self.summaries)]
        cursor = self.connection.execute(sql.LOCK_TRACES, [encode_summaries(fresh, self.now_us)])
        existing: list[TraceKey] = []
        for project_id, trace_id, version, is_deleted in cursor:
            if is_deleted:
                self.deleted.add((project_id, trace_id))
            elif version > 1:
                existing.append((project_id, trace_id))
        return existing

    def _load_summaries(self, keys: list[TraceKey]) -> None:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(sql.LOAD_SUMMARIES, [[key[0] for key in keys], [key[1] for key in keys]])
            for row in cursor:
                before = decode_summary(row)
                self.before[before.project_id, before.trace_id] = before

    def _fold_again(self) -> None:
        """Fold from what was stored, now that it is known; traces that an event contradicts are folded from rows."""
        self.summaries = {
            key: empty_summary(*key) if before is None else copy_summary(before)
            for key, before in self.before.items()
            if key not in self.deleted
        }
        for pending in self.events.values():
            if pending.is_changed:
                fold_event(self._summary_of(pending.row), pending.stored, pending.row)
        for log in self.logs.values():
            if log.trace_id:
                fold_log(self._summary_of(log), log.logged_at_us)
        for key, summary in self.summaries.items():
            if summary.is_stale:
                self.summaries[key] = self._refold(summary)

    def _refold(self, summary: Summary) -> Summary:
        """Fold a trace from its rows as stored, overlaid with what this batch changes."""
        cursor = self.connection.execute(
            sql.LOAD_TRACE_EVENTS, [summary.project_id, summary.trace_id, to_datetime(summary.started_at_us)]
        )
        rows = {row.key: row for row in map(decode_event, cursor)}
        for key, pending in self.events.items():
            if key[:2] == (summary.project_id, summary.trace_id):
                rows[key] = pending.row
        return refold(summary, rows.values())

    def _is_touched(self, key: TraceKey) -> bool:
        return self.before[key] != self.summaries[key]

    def _list_versions(self) -> dict[TraceKey, int]:
        return {key: summary.version for key, summary in self.summaries.items() if self._is_touched(key)}

    # -- what is stored already ----------------------------------------------------------------------------------------

    def _must_look_up(self, key: EventKey) -> bool:
        return self.look_up_all or not key[1] or self.before.get(key[:2]) is not None

    def _load_events(self) -> dict[EventKey, EventRow]:
        """Read the stored state of the batch's events that may exist, by primary key."""
        keys = [key for key in self.events if self._must_look_up(key)]
        rows = self._look_up(sql.LOAD_EVENTS, keys)
        return {row.key: row for row in map(decode_event, rows)}

    def _load_log_keys(self) -> set[EventKey]:
        """Return which of the batch's log records are stored already."""
        keys = [key for key in self.logs if self._must_look_up(key)]
        rows = self._look_up(sql.LOAD_LOG_KEYS, keys)
        return {(project, trace, to_us(logged_at), digest) for project, trace, logged_at, digest in rows}

    def _look_up(self, query: bytes, keys: list[EventKey]) -> list[tuple[Any, ...]]:
        if not keys:
            return []
        keys.sort()
        times = [to_datetime(key[2]) for key in keys]
        cursor = self.connection.execute(
            query,
            {
                "projects": [key[0] for key in keys],
                "traces": [key[1] for key in keys],
                "times": times,
                "spans": [key[3] for key in keys],
                # A range beside the keys lets the planner drop the partitions of other days.
                "first": min(times),
                "last": max(times),
            },
        )
        return cursor.fetchall()

    # -- rows -------------------------------------------------------------------------------------------------------

    def _stamp_versions(self, changed: list[_Pending]) -> None:
        """Give each changed row the version of its trace, by which readers ask for what is new, and its fingerprint."""
        for pending in changed:
            pending.row.version = self._summary_of(pending.row).version
            error = find_fingerprint(pending.row)
            pending.row.error_fingerprint = error and error[0]
        for log in self.logs.values():
            log.version = self._summary_of(log).version if log.trace_id else 1

    def _copy_events(self, changed: list[_Pending]) -> None:
        new = [pending for pending in changed if pending.stored is None]
        self._copy(sql.EVENTS, [pending.row for pending in new])
        self._copy(sql.PAYLOADS, [pending.payload for pending in new if _has_value(pending.payload)])
        again = [pending for pending in changed if pending.stored is not None]
        self._upsert(sql.EVENTS, [pending.row for pending in again])
        self._upsert(sql.PAYLOADS, [pending.payload for pending in again if _has_value(pending.payload)])

    def _copy_logs(self) -> None:
        self._copy(sql.LOG_RECORDS, list(self.logs.values()))

    def _copy_search_rows(self) -> None:
        """Store what the commit's traces can be searched for; see `search.py`."""
        starts = {
            key: (self.summaries[key].started_at_us, self.summaries[key].version) for key in self.lexemes if key[1]
        }
        documents, segments = make_search_rows(self.lexemes, starts, now_us=self.now_us)
        self._copy(sql.SEARCH_DOCUMENTS, documents)
        self._copy(sql.SEARCH_SEGMENTS, segments)

    def _copy(self, table: StoreTable, rows: Sequence[msgspec.Struct], *, staged: bool = False) -> None:
        if not rows:
            return
        encoded = table.encode(rows)
        with self.connection.cursor().copy(table.copy_staged if staged else table.copy) as copy:
            if encoded is not None:
                copy.write(encoded)
                return
            copy.set_types(table.types)
            for values in map(table.to_values, rows):
                copy.write_row(values)

    def _upsert(self, table: StoreTable, rows: Sequence[msgspec.Struct]) -> None:
        """Stage rows that exist already and replace them by one statement."""
        if rows:
            self.connection.execute(table.create_staging)
            self._copy(table, rows, staged=True)
            self.connection.execute(table.upsert)

    # -- summaries and figures --------------------------------------------------------------------------------------

    def _store_summaries(self) -> None:
        """Write the summaries of traces that existed; new ones were inserted whole."""
        touched = [
            summary for key, summary in self.summaries.items() if self.before[key] is not None and self._is_touched(key)
        ]
        if touched:
            self.connection.execute(sql.STORE_SUMMARIES, [encode_summaries(touched, self.now_us)])

    def _forget_days(self) -> None:
        """Put past days in question on which a trace started that this commit changes, before it or after it."""
        starts = (
            (summary.project_id, summary.started_at_us)
            for key, after in self.summaries.items()
            if self._is_touched(key)
            for summary in (self.before[key], after)
            if summary is not None
        )
        days = list_past_days(starts, self.now_us)
        if days:
            self.connection.execute(FORGET_DAYS, _to_columns(days))

    def _store_steps(self, changed: list[_Pending]) -> None:
        """Move the hourly figures of workflows, tools and prompts by what changed, and note newly seen ones."""
        figures = StepFigures()
        for key, summary in self.summaries.items():
            figures.move_workflow(self.before[key], summary)
        for pending in changed:
            figures.move_call(pending.stored, pending.row, self._summary_of(pending.row).workflow_name)
        now = to_datetime(self.now_us)
        steps = figures.list_steps()
        if steps:
            self.connection.execute(sql.STORE_STEPS, [now, *_to_columns(steps)])
        hours = figures.list_hours()
        if hours:
            self.connection.execute(sql.STORE_STEP_HOURS, _to_columns(hours))

    def _store_error_groups(self, changed: list[_Pending]) -> None:
        """Note what newly seen fingerprints stand for."""
        groups = {
            (row.project_id, *error): (row.kind, row.name)
            for row in (pending.row for pending in changed)
            if (error := find_fingerprint(row))
        }
        if groups:
            rows = [(project, digest, *named, message) for (project, digest, message), named in sorted(groups.items())]
            self.connection.execute(sql.STORE_ERROR_GROUPS, _to_columns(rows))

    def _store_resources(self, submissions: Sequence[Submission]) -> None:
        found = {
            (submission.project_id, digest): value
            for submission in submissions
            for digest, value in submission.prepared.resources.items()
        }
        if found:
            keys = sorted(found)
            self.connection.execute(
                sql.STORE_RESOURCES,
                [to_datetime(self.now_us), [k[0] for k in keys], [k[1] for k in keys], [found[k] for k in keys]],
            )

    def _store_sessions(self, submissions: Sequence[Submission]) -> None:
        sessions: dict[tuple[int, str], SessionUpdate] = {}
        for submission in submissions:
            if submission.session is not None:
                key = (submission.project_id, submission.session.session_id)
                known = sessions.get(key)
                sessions[key] = submission.session if known is None else known.join(submission.session)
        for (project_id, _), update in sorted(sessions.items()):
            self.connection.execute(
                sql.STORE_SESSION,
                {
                    "project_id": project_id,
                    "session_id": update.session_id,
                    "metadata": Jsonb(update.metadata),
                    "seen_at": to_datetime(update.seen_at_us),
                    "ended_at": None if update.ended_at_us is None else to_datetime(update.ended_at_us),
                },
            )

    def _store_counts(self, submissions: Sequence[Submission]) -> None:
        """Count what became of every item, and keep samples of the rejected."""
        counts = Counts()
        for submission, result in zip(submissions, self.results, strict=True):
            counts.add(result, project_id=submission.project_id, door=submission.door, public_id=submission.public_id)
        counts.store(self.connection, to_datetime(self.now_us))


def _reject_deleted(index: int, trace_id: str, span_id: str | None) -> Rejected:
    reason = "trace id: this trace was deleted and is being purged"
    return Rejected(index=index, code="trace_deleted", reason=reason, trace_id=trace_id, span_id=span_id)


def _has_value(payload: PayloadRow) -> bool:
    values = msgspec.structs.astuple(payload)[len(KEY_FIELDS) :]
    return values.count(None) < len(values)


def _to_columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Turn rows into the arrays that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)]
