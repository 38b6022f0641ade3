"""The writer: the only code that stores traces, events and log records.

One writer per web process. Requests hand over their records and wait for the commit that holds them; what waits shares
one transaction (group commit), so a lone small request waits milliseconds and a flood amortises each fsync over
thousands of rows.

Bounds: what waits is bounded in bytes (`INGEST_QUEUE_BYTES`); past that, and while Postgres cannot be reached,
`write` raises `WriterBusyError` and the door answers 503 with `Retry-After`. Nothing is acknowledged before it is
committed.

When a batch fails because of its content, it is cut in halves until the record at fault stands alone; that one is
rejected with the reason Postgres gave, all others are stored.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec
import psycopg
import structlog
from django.conf import settings
from django.db import OperationalError

from observability import live, metrics
from observability.ingest.commit import Changes, Submission
from observability.ingest.committer import CONTENT_ERRORS, Committer, StoreOutdatedError
from observability.ingest.prepare import Limits, Prepared, prepare
from observability.ingest.records import Decoded, Rejected, WriteResult
from observability.ingest.sessions import SessionUpdate, redact_session
from observability.services.blobs import store_blob
from observability.services.policies import ProjectPolicy, get_policy

log = structlog.get_logger(__name__)

_DAY_US = 86_400_000_000
_BATCH_ROWS = 5_000
_BATCH_BYTES = 16 * 2**20
_COMMITTERS = 2
"""Transactions under way at once: one waits for its fsync while the other's rows are encoded."""
_FEW_ROWS, _MANY_ROWS = 32, 1_000
"""What waits while another transaction is under way has its own at once where it is little, for its latency, or where
both are much. What is between waits for that one's end, with what comes until then: one commit costs less than two."""
PATIENCE_S = 0.1
"""The longest such wait, should that transaction be held up."""
INLINE_BYTES = 512 * 2**10
"""A body up to this size is decoded and prepared on the event loop, in at most some 25 ms. In a thread it would take
turns with the loop for the interpreter, which costs both of them an eighth more processor time."""


class WriterBusyError(Exception):
    """Nothing was stored; the sender should try again after `retry_after_s` seconds."""

    def __init__(self, reason: str, *, retry_after_s: int = 1) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class _Waiting(msgspec.Struct):
    submission: Submission
    done: asyncio.Future[WriteResult]
    due_at: float
    """When its patience ends, by the monotonic clock."""

    @property
    def rows(self) -> int:
        return len(self.submission.prepared.events) + len(self.submission.prepared.logs)


class Writer:
    """The queue, its committers and their connections. Belongs to one event loop."""

    def __init__(self) -> None:
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._queued_rows = 0
        self._requests_under_way = 0
        self._rows_under_way = 0
        self._wake = asyncio.Event()
        self._committers: list[asyncio.Task[None]] = []
        self._is_closing = False

    async def write(
        self,
        *,
        project_id: int,
        decoded: Decoded,
        door: str,
        session: SessionUpdate | None = None,
        public_id: str = "",
        body_bytes: int = 0,
    ) -> WriteResult:
        """Store what a door decoded and return once Postgres has committed it.

        Parameters
        ----------
        project_id
            The project of the key that sent it.
        decoded
            Good items and bad ones; the bad are counted and come back in the result beside any found here.
        door
            Name of the wire format, for the counts: `sdk`, `otlp`, ...
        session
            What the request tells about the SDK session that sent it.
        public_id
            Of the key that sent it, for the counts by key.
        body_bytes
            Size of the body it was decoded from: a large one is prepared in a thread.

        Raises `WriterBusyError` when it cannot be stored now; then nothing of it was.
        """
        if self._queued_bytes > settings.INGEST_QUEUE_BYTES:
            metrics.BUSY.labels(door).inc()
            raise WriterBusyError("The ingest queue is full.")
        policy = await _get_policy(project_id)
        prepared = await self._prepare(project_id, decoded, policy, is_large=body_bytes > INLINE_BYTES)
        if session is not None:
            session = redact_session(session, policy.rules)
        submission = Submission(project_id, door, prepared, session, public_id)
        waiting = _Waiting(submission, asyncio.get_running_loop().create_future(), time.monotonic() + PATIENCE_S)
        self._queue.append(waiting)
        self._queued_bytes += prepared.weight
        self._queued_rows += waiting.rows
        self._wake.set()
        self._start()
        return await waiting.done

    async def count_rejections(
        self, *, project_id: int, door: str, rejected: Sequence[Rejected], public_id: str = ""
    ) -> None:
        """Count items that never became records (a body that could not be read), as far as Postgres is there."""
        if rejected:
            decoded = Decoded(rejected=tuple(rejected))
            await self.write(project_id=project_id, decoded=decoded, door=door, public_id=public_id)

    async def close(self) -> None:
        """Commit what waits, then end. New writes are refused from here on by the server that is stopping."""
        self._is_closing = True
        self._wake.set()
        await asyncio.gather(*self._committers, return_exceptions=True)

    # -- before the commit ---------------------------------------------------------------------------------------------

    async def _prepare(self, project_id: int, decoded: Decoded, policy: ProjectPolicy, *, is_large: bool) -> Prepared:
        now_us = time.time_ns() // 1000
        arguments: dict[str, Any] = {
            "project_id": project_id,
            "capture": policy.capture,
            "rules": policy.rules,
            "limits": _make_limits(now_us),
            "now_us": now_us,
        }
        if is_large:
            prepared = await asyncio.to_thread(prepare, decoded, **arguments)
        else:
            prepared = prepare(decoded, **arguments)
        if prepared.blobs:
            # Before the commit: a row never names a blob that is not there.
            await asyncio.to_thread(_store_blobs, project_id, prepared.blobs)
        return prepared

    # -- committing ----------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        if not self._committers:
            self._committers = [asyncio.create_task(self._run(Committer())) for _ in range(_COMMITTERS)]

    async def _run(self, committer: Committer) -> None:
        """Take what waits, commit it, answer; until closed and empty."""
        while self._queue or not self._is_closing:
            if not self._queue or not self._is_due():
                await self._wait()
                continue
            batch = self._take_batch()
            rows = sum(waiting.rows for waiting in batch)
            self._requests_under_way += len(batch)
            self._rows_under_way += rows
            try:
                await self._commit(batch, committer)
            except (psycopg.OperationalError, TimeoutError) as error:
                log.warning("writer.unavailable", error=str(error))
                _fail(batch, WriterBusyError("Postgres cannot be reached."))
            except StoreOutdatedError as error:
                log.error("writer.store_outdated", error=str(error))
                _fail(batch, WriterBusyError("The tables are not those of this version.", retry_after_s=5))
            except Exception as error:
                # Isolation: a defect in one batch must not end the writer; its senders are told and try again.
                log.exception("writer.failed", requests=len(batch))
                _fail(batch, WriterBusyError(f"Storing failed: {type(error).__name__}.", retry_after_s=5))
            finally:
                self._requests_under_way -= len(batch)
                self._rows_under_way -= rows
                self._wake.set()
        await committer.close()

    async def _wait(self) -> None:
        """Wait for a request or the end of a commit; if something waits already, not longer than it has patience."""
        self._wake.clear()
        patience_s = self._queue[0].due_at - time.monotonic() if self._queue else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._wake.wait()

    def _is_due(self) -> bool:
        """Tell whether what waits is to be committed now, and not together with what comes until a commit has ended."""
        return (
            not self._requests_under_way
            or self._requests_under_way + len(self._queue) <= _COMMITTERS
            or self._queued_rows <= _FEW_ROWS
            or self._rows_under_way + self._queued_rows >= _MANY_ROWS
            or time.monotonic() >= self._queue[0].due_at
        )

    def _take_batch(self) -> list[_Waiting]:
        """Take from the queue what shares the next transaction: at least one request, at most the bounds."""
        batch: list[_Waiting] = []
        rows = weight = 0
        while self._queue and rows < _BATCH_ROWS and weight < _BATCH_BYTES:
            waiting = self._queue.popleft()
            rows += waiting.rows
            weight += waiting.submission.prepared.weight
            batch.append(waiting)
        self._queued_bytes -= weight
        self._queued_rows -= rows
        return batch

    async def _commit(self, batch: list[_Waiting], committer: Committer) -> None:
        """Store a batch; where its content is at fault, store its requests one by one."""
        try:
            with metrics.COMMIT.time():
                results, changes = await committer.store([waiting.submission for waiting in batch])
        except CONTENT_ERRORS as error:
            if len(batch) == 1:
                results, changes = [await _isolate(batch[0].submission, error, committer)], Changes({})
            else:
                middle = len(batch) // 2
                await self._commit(batch[:middle], committer)
                await self._commit(batch[middle:], committer)
                return
        for waiting, result in zip(batch, results, strict=True):
            _count(waiting.submission.door, result)
            if not waiting.done.done():
                waiting.done.set_result(result)
        live.announce(changes.versions)


def _count(door: str, result: WriteResult) -> None:
    metrics.ITEMS.labels(door, "committed").inc(result.accepted)
    metrics.ITEMS.labels(door, "duplicate").inc(result.duplicates)
    metrics.ITEMS.labels(door, "rejected").inc(len(result.rejected))


async def _isolate(submission: Submission, error: Exception, committer: Committer) -> WriteResult:
    """Store one request's records in ever smaller parts, until the one at fault stands alone and is rejected."""
    parts = _halve(submission)
    if parts is None:
        log.warning("writer.poison_record", project_id=submission.project_id, error=str(error))
        return await _reject_alone(submission, error, committer)
    outcomes: list[WriteResult] = []
    for part in parts:
        try:
            results, changes = await committer.store([part])
            live.announce(changes.versions)
            outcomes += results
        except CONTENT_ERRORS as part_error:
            outcomes.append(await _isolate(part, part_error, committer))
    return WriteResult(
        accepted=sum(outcome.accepted for outcome in outcomes),
        duplicates=sum(outcome.duplicates for outcome in outcomes),
        rejected=tuple(item for outcome in outcomes for item in outcome.rejected),
    )


async def _reject_alone(submission: Submission, error: Exception, committer: Committer) -> WriteResult:
    prepared = submission.prepared
    record = prepared.events[0].row if prepared.events else prepared.logs[0] if prepared.logs else None
    lines = str(error).strip().splitlines() or [type(error).__name__]
    rejected = Rejected(
        index=prepared.events[0].index if prepared.events else 0,
        code="unstorable",
        reason=f"cannot be stored: {lines[0]}"[:500],
        trace_id=record.trace_id if record else None,
        span_id=record.span_id if record else None,
    )
    await committer.count(rejected, submission=submission)
    return WriteResult(accepted=0, duplicates=0, rejected=(*prepared.rejected, rejected))


async def _get_policy(project_id: int) -> ProjectPolicy:
    try:
        return await get_policy(project_id)
    except (psycopg.OperationalError, OperationalError) as error:
        raise WriterBusyError("Postgres cannot be reached.") from error


def _halve(submission: Submission) -> list[Submission] | None:
    """Cut a request in two, its already rejected items and its session in the first; None when it is one record."""
    prepared = submission.prepared
    if len(prepared.events) + len(prepared.logs) <= 1:
        return None
    events, logs = len(prepared.events) // 2, len(prepared.logs) // 2
    if prepared.events and prepared.logs:
        events, logs = len(prepared.events), 0
    elif not prepared.events:
        events = 0
    first = msgspec.structs.replace(prepared, events=prepared.events[:events], logs=prepared.logs[:logs])
    second = msgspec.structs.replace(
        prepared, events=prepared.events[events:], logs=prepared.logs[logs:], rejected=[], resources={}
    )
    return [
        msgspec.structs.replace(submission, prepared=first),
        msgspec.structs.replace(submission, prepared=second, session=None),
    ]


def _fail(batch: list[_Waiting], error: WriterBusyError) -> None:
    for waiting in batch:
        metrics.BUSY.labels(waiting.submission.door).inc()
        if not waiting.done.done():
            waiting.done.set_exception(error)


def _make_limits(now_us: int) -> Limits:
    return Limits(
        blob_bytes=settings.INGEST_BLOB_BYTES,
        suspect_before_us=now_us - settings.PARTITION_DAYS_BACK * _DAY_US,
        suspect_after_us=now_us + settings.PARTITION_DAYS_AHEAD * _DAY_US,
        encryption_keys=tuple(settings.ENCRYPTION_KEYS),
    )


def _store_blobs(project_id: int, blobs: dict[str, bytes]) -> None:
    for content in blobs.values():
        store_blob(project_id, content)


_writers: dict[asyncio.AbstractEventLoop, Writer] = {}


def get_writer() -> Writer:
    """Return this event loop's writer, made at first use."""
    loop = asyncio.get_running_loop()
    writer = _writers.get(loop)
    if writer is None:
        writer = _writers[loop] = Writer()
    return writer


async def close_writer() -> None:
    """Commit what waits and end this event loop's writer, if it has one."""
    writer = _writers.pop(asyncio.get_running_loop(), None)
    if writer is not None:
        await writer.close()
