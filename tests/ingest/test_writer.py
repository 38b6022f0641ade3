"""The writer against real Postgres."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.conf import LazySettings
from django.db import connection
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.ingest import committer
from observability.ingest.fingerprints import find_fingerprint
from observability.ingest.payloads import decrypt_replay_copy, unpack
from observability.ingest.records import EventRecord, LogRecord, WriteResult
from observability.ingest.sessions import SessionUpdate
from observability.ingest.statements import EVENTS, decode_event, decode_summary
from observability.ingest.summaries import fold_events, refold
from observability.ingest.writer import Writer, WriterBusyError, close_writer
from observability.models import Organization, Project
from tests.ingest.strategies import requests
from tests.records import START_US, make_decoded, make_event, make_log

Record = EventRecord | LogRecord
# What a repeat may change: the count of commits, and when things were stored.
_NOT_COMPARED = {"id", "project_id", "version", "received_at", "created_at", "updated_at", "first_seen_at"}


async def _make_project(**fields: Any) -> Project:
    organization = await Organization.objects.acreate(name="Writers", slug=uuid.uuid4().hex)
    return await Project.objects.acreate(organization=organization, name="Main", slug="main", **fields)


async def _write(writer: Writer, project: Project, *records: Record) -> WriteResult:
    return await writer.write(project_id=project.pk, decoded=make_decoded(*records), door="otlp")


@contextmanager
def hold_lock(table: str) -> Iterator[None]:
    """Keep everybody else from writing a table, over a connection of its own."""
    parameters = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    address = {name: parameters[name] for name in names if parameters.get(name)}
    with psycopg.connect(**address) as holder:
        holder.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        yield
        holder.rollback()


@sync_to_async
def _read(table: str, project: Project) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT to_jsonb(t) FROM {table} AS t WHERE project_id = %s", [project.pk])
        rows = [msgspec.json.decode(row) if isinstance(row, str) else row for (row,) in cursor.fetchall()]
    kept = [{name: value for name, value in row.items() if name not in _NOT_COMPARED} for row in rows]
    for row in kept:
        # Encryption never gives the same bytes twice.
        row.update({name: row[name] is not None for name in row if name.startswith("replay_")})
    return sorted(kept, key=lambda row: msgspec.json.encode(row, order="deterministic"))


async def _read_all(project: Project) -> dict[str, list[dict[str, Any]]]:
    tables = ("events", "payloads", "log_records", "traces", "step_hours")
    return {table: await _read(table, project) for table in tables}


@sync_to_async
def _read_columns(query: str, project: Project) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, [project.pk])
        return list(cursor.fetchall())


def _split(records: Sequence[Record], chance: random.Random) -> list[list[Record]]:
    parts: list[list[Record]] = []
    rest = list(records)
    while rest:
        size = chance.randint(1, len(rest))
        parts.append(rest[:size])
        rest = rest[size:]
    return parts


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=requests, chance=st.randoms(use_true_random=False))
async def test_write__shuffled_split_and_doubled__same_rows(
    writer: Writer, sent: list[list[Record]], chance: random.Random
) -> None:
    records = [record for request in sent for record in request]
    again = records + chance.choices(records, k=len(records) // 2)
    chance.shuffle(again)
    first, second = await _make_project(), await _make_project()

    for request in sent:
        await _write(writer, first, *request)
    await asyncio.gather(*(_write(writer, second, *part) for part in _split(again, chance)))

    once, twice = await _read_all(first), await _read_all(second)
    assert _without_empty_hours(twice) == _without_empty_hours(once)


def _without_empty_hours(tables: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Drop step hours that moved away again: an event that turned out to be another step's leaves zeros behind."""
    figures = ("calls", "events", "errors", "total_tokens", "cost_micros", "duration_ms")
    kept = [row for row in tables["step_hours"] if any(round(row[figure], 6) for figure in figures)]
    return tables | {"step_hours": kept}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=requests)
async def test_write__any_requests__summaries_equal_recomputation(writer: Writer, sent: list[list[Record]]) -> None:
    project = await _make_project()

    await asyncio.gather(*(_write(writer, project, *request) for request in sent))

    columns = ", ".join(EVENTS.columns)
    rows = [
        decode_event(row) for row in await _read_columns(f"SELECT {columns} FROM events WHERE project_id = %s", project)
    ]
    for summary in await _load_summaries(project):
        folded = fold_events(project.pk, summary.trace_id, [row for row in rows if row.trace_id == summary.trace_id])
        assert refold(summary, [row for row in rows if row.trace_id == summary.trace_id]) == summary
        assert folded.event_count == summary.event_count
    found = [(row, find_fingerprint(row)) for row in rows]
    assert [row.error_fingerprint for row in rows] == [error and error[0] for _, error in found]
    groups = await _read_columns(
        "SELECT fingerprint, kind, name, message FROM error_groups WHERE project_id = %s", project
    )
    assert {(error[0], row.kind, row.name, error[1]) for row, error in found if error} <= set(groups)


@sync_to_async
def _load_summaries(project: Project) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM traces WHERE project_id = %s", [project.pk])
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    for row in rows:
        if isinstance(row["fold_state"], str):
            row["fold_state"] = msgspec.json.decode(row["fold_state"])
    return [decode_summary(row) for row in rows]


async def test_write__resent_request__counts_duplicates(writer: Writer) -> None:
    project = await _make_project()
    records = (make_event(), make_log())

    first = await _write(writer, project, *records)
    second = await _write(writer, project, *records)

    assert (first.accepted, first.duplicates) == (2, 0)
    assert (second.accepted, second.duplicates) == (0, 2)


async def test_write__many_small_requests_at_once__each_answered_for_itself(writer: Writer) -> None:
    project = await _make_project()

    results = await asyncio.gather(*(_write(writer, project, make_event(span_id=f"s{n % 50}")) for n in range(100)))

    assert sum(result.accepted for result in results) == 50
    assert sum(result.duplicates for result in results) == 50
    assert len(await _read("events", project)) == 50


def _make_trace(name: str, count: int) -> list[EventRecord]:
    return [make_event(name, f"s{number}") for number in range(count)]


@sync_to_async
def _ask_connections(count: str) -> int:
    """Ask something that is counted over the writer's connections to Postgres."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {count} FROM pg_stat_activity "
            "WHERE application_name = 'playhead-writer' AND datname = current_database()"
        )
        return int(cursor.fetchone()[0])


async def _count_blocked() -> int:
    """Return how many of the writer's transactions wait for a lock."""
    return await _ask_connections("count(*) FILTER (WHERE wait_event_type = 'Lock')")


@pytest.mark.parametrize(
    ("rows", "patience_s", "traces_together"),
    [
        pytest.param([40, 40], 60, ["first", "second + third + last"], id="what-is-between-waits-for-the-next"),
        pytest.param([40, 40], 0.05, ["first", "second + third", "last"], id="what-is-between-does-not-wait-for-long"),
        pytest.param([40], 60, ["first", "second", "last"], id="one-request-for-each-committer"),
        pytest.param([1, 1], 60, ["first", "second + third", "last"], id="little-is-not-kept-waiting"),
        pytest.param([500, 500], 60, ["first", "second + third", "last"], id="much-is-not-kept-waiting"),
    ],
)
async def test_write__beside_a_transaction_under_way__shares_the_next_or_has_its_own(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, rows: list[int], patience_s: float, traces_together: list[str]
) -> None:
    monkeypatch.setattr("observability.ingest.writer.PATIENCE_S", patience_s)
    project = await _make_project()
    beside = [_make_trace(name, count) for name, count in zip(("second", "third"), rows, strict=False)]
    has_its_own = len(traces_together) == 3
    # What has ended counts no more.
    await _write(writer, project, *_make_trace("before", 1_000))

    async with asyncio.TaskGroup() as group:
        with hold_lock("events"):
            group.create_task(_write(writer, project, *_make_trace("first", 40)))
            while await _count_blocked() < 1:
                await asyncio.sleep(0.01)
            for records in beside:
                group.create_task(_write(writer, project, *records))
            while await _count_blocked() < 1 + has_its_own:
                await asyncio.sleep(0.01)
            # More than a committer takes to begin; where none is to begin, nothing changes.
            await asyncio.sleep(0.2)
            group.create_task(_write(writer, project, *_make_trace("last", 40)))
            await asyncio.sleep(0.2)

    found = await _read_columns(
        "SELECT xmin::text, string_agg(DISTINCT trace_id, ' + ') FROM events WHERE project_id = %s "
        "AND trace_id <> 'before' GROUP BY 1",
        project,
    )
    assert sorted(sorted(names.split(" + ")) for _, names in found) == sorted(
        sorted(names.split(" + ")) for names in traces_together
    )


async def test_close__while_what_waits_shares_the_next_transaction__stores_it_and_ends(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observability.ingest.writer.PATIENCE_S", 60)
    project = await _make_project()

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        with hold_lock("events"):
            for name in ("first", "second", "third", "last"):
                group.create_task(_write(writer, project, *_make_trace(name, 40)))
                while not await _count_blocked():
                    await asyncio.sleep(0.01)
            closing = group.create_task(close_writer())
            await asyncio.sleep(0.1)
        await closing

    assert len(await _read("events", project)) == 160


async def test_write__poison_record__rejected_alone_and_the_rest_stored(writer: Writer) -> None:
    project = await _make_project()
    records = [make_event(span_id=f"s{n}") for n in range(9)]
    # No wire format lets this through; a column that a bigint overflows stands for what we did not think of.
    records[4] = make_event(span_id="poison", sdk_event_id=2**63)

    result, beside = await asyncio.gather(
        _write(writer, project, *records), _write(writer, project, make_event(trace_id="other"))
    )

    assert (result.accepted, beside.accepted) == (8, 1)
    assert [(item.index, item.code) for item in result.rejected] == [(4, "unstorable")]
    assert len(await _read("events", project)) == 9


async def test_write__absurd_time__rejected_naming_the_field(writer: Writer) -> None:
    project = await _make_project()

    result = await _write(writer, project, make_event(started_at_us=1), make_event(span_id="good"))

    assert result.accepted == 1
    assert result.rejected[0].reason.startswith("start time:")


async def test_write__time_far_off__stored_and_flagged(writer: Writer) -> None:
    project = await _make_project()
    year_us = 365 * 86_400_000_000

    result = await _write(writer, project, make_event(started_at_us=START_US - year_us, ended_at_us=START_US))

    assert result.accepted == 1
    rows = await _read_columns("SELECT flags & 1, tableoid::regclass::text FROM events WHERE project_id = %s", project)
    assert rows == [(1, "events_default")]


async def test_write__secret_in_input__stored_redacted_with_encrypted_replay_copy(
    writer: Writer, settings: LazySettings
) -> None:
    project = await _make_project()
    original = b'{"url":"https://shop.example","headers":{"Authorization":"Bearer abcdefgh12345678"}}'

    await _write(writer, project, make_event(kind="http", name="fetch", input=original))

    rows = await _read_columns("SELECT input, replay_input FROM payloads WHERE project_id = %s", project)
    stored, replay = (bytes(value) for value in rows[0])
    assert b"abcdefgh12345678" not in unpack(stored)
    assert b"[REDACTED]" in unpack(stored)
    assert b"abcdefgh12345678" not in replay
    copy = decrypt_replay_copy(unpack(replay), tuple(settings.ENCRYPTION_KEYS))
    assert msgspec.json.decode(copy)["input"] == msgspec.json.decode(original)


async def test_write__switched_off_capture__withheld_and_flagged(writer: Writer) -> None:
    project = await _make_project(capture_inputs=False)

    await _write(writer, project, make_event(input=b'"private"', output=b'"public"'))

    rows = await _read_columns("SELECT input, output FROM payloads WHERE project_id = %s", project)
    assert rows[0][0] is None
    assert unpack(bytes(rows[0][1])) == b'"public"'
    assert await _read_columns("SELECT flags & 8 FROM events WHERE project_id = %s", project) == [(8,)]


async def test_write__value_over_the_bound__goes_to_a_blob(writer: Writer) -> None:
    project = await _make_project()
    value = b'"' + b"x" * (2**20 + 1) + b'"'

    await _write(writer, project, make_event(output=value))

    rows = await _read_columns(
        "SELECT output, output_bytes FROM payloads JOIN events USING (project_id, trace_id, started_at, span_id) "
        "WHERE project_id = %s",
        project,
    )
    assert len(bytes(rows[0][0])) < 100
    assert rows[0][1] == len(value)


async def test_write__trace_being_deleted__rejected_with_cause(writer: Writer) -> None:
    project = await _make_project()
    await _write(writer, project, make_event())
    await sync_to_async(_mark_deleted)(project)

    result = await _write(writer, project, make_event(span_id="late"), make_event(trace_id="other"))

    assert result.accepted == 1
    assert [item.code for item in result.rejected] == ["trace_deleted"]


def _mark_deleted(project: Project) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE traces SET deleted_at = now() WHERE project_id = %s", [project.pk])


async def test_write__row_without_its_trace_row__still_a_duplicate(writer: Writer) -> None:
    project = await _make_project()
    await _write(writer, project, make_event())
    await sync_to_async(_drop_traces)(project)

    result = await _write(writer, project, make_event(), make_event(span_id="new"))

    assert (result.accepted, result.duplicates) == (1, 1)


def _drop_traces(project: Project) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM traces WHERE project_id = %s", [project.pk])


async def test_write__counts_by_cause__add_up(writer: Writer) -> None:
    project = await _make_project()

    await _write(writer, project, make_event(), make_event(), make_event(span_id="bad", started_at_us=1))

    rows = await _read_columns("SELECT code, items FROM ingest_counts WHERE project_id = %s ORDER BY code", project)
    assert rows == [("accepted", 1), ("duplicate", 1), ("invalid", 1)]


async def test_write__session_updates_in_any_order__latest_metadata_kept(writer: Writer) -> None:
    project = await _make_project()
    late = SessionUpdate(session_id="s", seen_at_us=START_US + 5, metadata={"branch": "late"})
    early = SessionUpdate(session_id="s", seen_at_us=START_US, metadata={"branch": "early"}, ended_at_us=START_US)

    for update in (late, early):
        await writer.write(project_id=project.pk, decoded=make_decoded(), door="sdk", session=update)

    rows = await _read_columns(
        "SELECT metadata->>'branch', ended_at IS NOT NULL FROM sdk_sessions WHERE project_id = %s", project
    )
    assert rows == [("late", True)]


async def test_write__queue_full__busy(writer: Writer, settings: LazySettings) -> None:
    project = await _make_project()
    settings.INGEST_QUEUE_BYTES = -1

    with pytest.raises(WriterBusyError) as caught:
        await _write(writer, project, make_event())

    assert caught.value.retry_after_s >= 1


async def test_write__postgres_cannot_be_reached__busy_and_nothing_stored(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = await _make_project()
    monkeypatch.setattr(committer, "_make_conninfo", lambda: "host=/nonexistent connect_timeout=1")
    monkeypatch.setattr(committer, "CONNECT_SECONDS", 0.1)

    with pytest.raises(WriterBusyError):
        await _write(writer, project, make_event())

    assert await _read("events", project) == []


async def test_write__connection_ended_by_postgres__connects_again_and_stores(writer: Writer) -> None:
    project = await _make_project()
    await asyncio.gather(*(_write(writer, project, make_event(span_id=f"s{n}")) for n in range(4)))

    ended = await _ask_connections("count(pg_terminate_backend(pid, 5000))")
    result = await _write(writer, project, make_event(span_id="later"))

    assert ended >= 1
    assert result.accepted == 1
    assert len(await _read("events", project)) == 5


async def test_write__postgres_answers_nothing__busy_after_the_time_and_the_thread_is_free_again(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = await _make_project()
    monkeypatch.setattr(committer, "STATEMENT_SECONDS", 0.5)
    with hold_lock("traces"), pytest.raises(WriterBusyError):
        await _write(writer, project, make_event())

    result = await _write(writer, project, make_event(span_id="later"))

    assert result.accepted == 1


@pytest.mark.parametrize("error", [psycopg.errors.UndefinedColumn, psycopg.errors.InsufficientPrivilege])
async def test_write__tables_of_another_version__busy_and_no_record_blamed(
    writer: Writer, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(*_: object) -> None:
        raise error

    project = await _make_project()
    monkeypatch.setattr("observability.ingest.commit.Commit.run", fail)

    with pytest.raises(WriterBusyError):
        await _write(writer, project, make_event("t-1"), make_event("t-2"))


async def test_write__more_terms_than_a_tsvector_holds__all_are_found(writer: Writer) -> None:
    project = await _make_project()
    words = [uuid.uuid4().hex * 2 for _ in range(20_000)]
    records = [
        make_event(span_id=f"s{n}", input=b'"' + " ".join(words[n * 100 :][:100]).encode() + b'"') for n in range(200)
    ]

    result = await _write(writer, project, *records)

    assert result.accepted == 200
    assert await sync_to_async(_count_documents)(project, words[-1]) == 1


def _count_documents(project: Project, term: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM search_documents, unnest(terms) WHERE project_id = %s AND lexeme = %s",
            [project.pk, term],
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(("prepares", "threshold"), [(True, 5), (False, None)])
def test_committer__behind_a_pooler__prepares_no_statement(prepares: bool, threshold: int | None) -> None:
    with override_settings(DATABASE_PREPARES=prepares):
        connection = committer.Committer()._connect()

    with connection:
        assert connection.prepare_threshold == threshold
