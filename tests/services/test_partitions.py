from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from observability.errors import InvalidError
from observability.services import partitions
from observability.services.partitions import (
    count_days_ahead,
    drop_partitions,
    ensure_current_partitions,
    ensure_partitions,
    list_partitions,
)
from observability.sql.store import PARTITIONED
from observability.tasks import ensure_partitions as ensure_partitions_task

DAY = date(2031, 5, 17)
NOON = datetime(2031, 5, 17, 12, tzinfo=UTC)


@pytest.fixture
def no_partitions(store: None) -> Iterator[None]:
    """Start and end with the default partitions only."""
    drop_partitions(date(9999, 1, 1))
    yield
    drop_partitions(date(9999, 1, 1))


pytestmark = pytest.mark.usefixtures("no_partitions")

INSERT_LOG = """
INSERT INTO log_records
(project_id, logged_at, received_at, version, flags, trace_id, record_hash, stream, level, message)
VALUES (1, %s, now(), 1, 0, 't', %s, 'log', 'info', 'hello')
"""


def _insert_log(logged_at: datetime, key: bytes) -> None:
    with connection.cursor() as cursor:
        cursor.execute(INSERT_LOG, [logged_at, key])


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def _ensure_day() -> None:
    """Run in a thread, which has a connection of its own to give back."""
    try:
        ensure_partitions(DAY, DAY)
    finally:
        connection.close()


@contextmanager
def _own_connection() -> Iterator[psycopg.Connection]:
    """Connect to the test database beside Django, as a writer does."""
    with psycopg.connect(settings.DATABASE_URL, dbname=connection.settings_dict["NAME"]) as opened:
        yield opened


def test_ensure_partitions__fresh_store__makes_one_a_day_and_table() -> None:
    made = ensure_partitions(DAY, DAY + timedelta(days=2))

    assert len(made) == 3 * len(PARTITIONED)
    assert "events_p20310517" in made
    assert [partition.first_day for partition in list_partitions("events")] == [
        DAY,
        DAY + timedelta(days=1),
        DAY + timedelta(days=2),
        None,
    ]


def test_ensure_partitions__again__makes_nothing() -> None:
    ensure_partitions(DAY, DAY + timedelta(days=1))

    assert ensure_partitions(DAY, DAY + timedelta(days=1)) == []


def test_ensure_partitions__days_in_wrong_order__names_the_field() -> None:
    with pytest.raises(InvalidError, match="last day: "):
        ensure_partitions(DAY, DAY - timedelta(days=1))


@pytest.mark.parametrize("table", PARTITIONED)
def test_ensure_partitions__made__has_the_parents_indexes_and_storage(table: str) -> None:
    ensure_partitions(DAY, DAY)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_index JOIN pg_inherits ON inhrelid = indexrelid WHERE indrelid = %s::regclass",
            [f"{table}_p20310517"],
        )
        attached = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM pg_index WHERE indrelid = %s::regclass", [table])
        of_parent = cursor.fetchone()
        cursor.execute(
            "SELECT count(*) FROM pg_attribute a JOIN pg_attribute b ON a.attname = b.attname "
            "WHERE a.attrelid = %s::regclass AND b.attrelid = %s::regclass AND a.attnum > 0 "
            "AND a.attstorage <> b.attstorage",
            [table, f"{table}_p20310517"],
        )
        different_storage = cursor.fetchone()
    assert attached == of_parent
    assert different_storage == (0,)


def test_ensure_partitions__default_holds_rows_of_the_day__moves_exactly_those() -> None:
    midnight = datetime(2031, 5, 17, tzinfo=UTC)
    for number, logged_at in enumerate(
        [midnight - timedelta(microseconds=1), midnight, NOON, midnight + timedelta(days=1)]
    ):
        _insert_log(logged_at, bytes([number]))

    ensure_partitions(DAY, DAY)

    assert _count("log_records_p20310517") == 2
    assert _count("log_records_default") == 2
    assert _count("log_records") == 4


def test_ensure_partitions__rows_after__lie_in_the_new_partition() -> None:
    ensure_partitions(DAY, DAY)

    _insert_log(NOON, b"1")

    assert _count("log_records_p20310517") == 1
    assert _count("log_records_default") == 0


def test_ensure_partitions__writers_under_way__none_fails_and_no_row_is_lost() -> None:
    written = 0
    failures: list[Exception] = []
    stop = threading.Event()

    def write(writer: int) -> None:
        nonlocal written
        number = 0
        with _own_connection() as own:
            while not stop.is_set():
                rows = [(NOON + timedelta(seconds=index), b"%d-%d-%d" % (writer, number, index)) for index in range(20)]
                try:
                    with own.cursor() as cursor:
                        cursor.executemany(INSERT_LOG, rows)
                    own.commit()
                except psycopg.Error as error:
                    own.rollback()
                    failures.append(error)
                else:
                    with lock:
                        written += len(rows)
                number += 1

    lock = threading.Lock()
    threads = [threading.Thread(target=write, args=[writer]) for writer in range(3)]
    for thread in threads:
        thread.start()
    while written < 200:
        stop.wait(0.01)

    ensure_partitions(DAY, DAY)

    at_return = written
    while written < at_return + 200:
        stop.wait(0.01)
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert _count("log_records_p20310517") == written
    assert _count("log_records_default") == 0


def test_ensure_partitions__four_runs_at_once__each_partition_once() -> None:
    made: list[str] = []
    failures: list[Exception] = []

    def ensure() -> None:
        try:
            made.extend(ensure_partitions(DAY, DAY + timedelta(days=3)))
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ensure) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(made) == len(set(made)) == 4 * len(PARTITIONED)


def test_ensure_partitions__reader_holds_the_default__writers_go_on_and_it_succeeds_after() -> None:
    waited_ms: list[float] = []
    with _own_connection() as reader, _own_connection() as writer:
        reader.execute("SELECT count(*) FROM log_records")
        thread = threading.Thread(target=_ensure_day)
        thread.start()

        for number in range(10):
            started = timezone.now()
            writer.execute(INSERT_LOG, [NOON, b"%d" % number])
            writer.commit()
            waited_ms.append((timezone.now() - started) / timedelta(milliseconds=1))
        reader.commit()
        thread.join(timeout=30)

    assert not thread.is_alive()
    assert max(waited_ms) < partitions.LOCK_TIMEOUT_MS + 300
    assert _count("log_records_p20310517") == 10


def test_drop_partitions__before_a_day__drops_whole_older_days_only() -> None:
    ensure_partitions(DAY, DAY + timedelta(days=2))
    _insert_log(NOON, b"1")
    _insert_log(NOON + timedelta(days=1), b"2")

    dropped = drop_partitions(DAY + timedelta(days=1))

    assert sorted(dropped) == sorted(f"{table}_p20310517" for table in PARTITIONED)
    assert _count("log_records") == 1
    assert list_partitions("events")[-1].is_default


def test_count_days_ahead__gap__counts_up_to_it() -> None:
    today = timezone.now().date()
    ensure_partitions(today, today + timedelta(days=2))
    ensure_partitions(today + timedelta(days=4), today + timedelta(days=5))

    assert count_days_ahead() == 2


def test_count_days_ahead__nothing_made__says_that_today_is_missing() -> None:
    assert count_days_ahead() == -1


def test_ensure_current_partitions__settings__cover_the_days_around_today() -> None:
    ensure_current_partitions()

    assert count_days_ahead() == settings.PARTITION_DAYS_AHEAD
    first_day = list_partitions("events")[0].first_day
    assert first_day == timezone.now().date() - timedelta(days=settings.PARTITION_DAYS_BACK)


def test_ensure_partitions_task__run__makes_those_of_today() -> None:
    ensure_partitions_task()

    assert count_days_ahead() >= 0


def test_partitions_command__from_and_to__makes_and_lists(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("partitions", "--from", "2031-05-17", "--to", "2031-05-18")
    call_command("partitions")

    output = capsys.readouterr().out
    assert f"Made {2 * len(PARTITIONED)} partitions" in output
    assert "events_p20310518" in output
    assert "any other day" in output


def test_partitions_command__half_a_span__is_refused() -> None:
    with pytest.raises(CommandError, match="--from and --to"):
        call_command("partitions", "--from", "2031-05-17")
