"""Partitions made while the real writer stores into the days they are for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connection, connections

from observability.ingest.writer import Writer
from observability.models import Project
from observability.services.partitions import drop_partitions, ensure_partitions
from tests.records import make_decoded, make_event, make_log

DAY = date(2031, 5, 17)
DAYS = 3
START_US = int(datetime(2031, 5, 17, 12, tzinfo=UTC).timestamp()) * 1_000_000
DAY_US = 86_400_000_000


@pytest.fixture
def only_default_partitions(store: None) -> Iterator[None]:
    drop_partitions(date(9999, 1, 1))
    yield
    drop_partitions(date(9999, 1, 1))


@pytest_asyncio.fixture
async def writer(only_default_partitions: None) -> AsyncIterator[Writer]:
    opened = Writer()
    yield opened
    await opened.close()
    # The thread that ran the test's queries keeps its connection; the test database could not be dropped.
    await sync_to_async(connections.close_all)()


def _count(tables: list[str]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {' + '.join(f'(SELECT count(*) FROM {table})' for table in tables)}")
        return int(cursor.fetchone()[0])


async def test_ensure_partitions__writer_stores_those_days__every_write_succeeds(
    writer: Writer, project: Project
) -> None:
    written: list[int] = []
    stop = asyncio.Event()

    async def send(sender: int) -> None:
        number = 0
        while not stop.is_set():
            at = START_US + number % DAYS * DAY_US
            trace_id = f"trace-{sender}-{number // 2}"
            running = make_event(
                trace_id=trace_id, span_id="root", started_at_us=at, ended_at_us=None, status="running"
            )
            ended = make_event(trace_id=trace_id, span_id="root", started_at_us=at, ended_at_us=at + 1_000_000)
            line = make_log(trace_id=trace_id, logged_at_us=at, message=f"line {number}")
            await writer.write(project_id=project.pk, decoded=make_decoded(running), door="otlp")
            result = await writer.write(project_id=project.pk, decoded=make_decoded(ended, line), door="otlp")
            written.append(result.accepted)
            number += 1

    senders = [asyncio.create_task(send(sender)) for sender in range(8)]
    while len(written) < 50:
        await asyncio.sleep(0.01)
    await sync_to_async(ensure_partitions)(DAY, DAY + timedelta(days=DAYS - 1))
    at_return = len(written)
    while len(written) < at_return + 50:
        await asyncio.sleep(0.01)
    stop.set()
    await asyncio.gather(*senders)

    assert set(written) == {2}
    assert await sync_to_async(_count)(["log_records"]) == len(written)
    assert await sync_to_async(_count)(["events"]) == len(written)
    assert await sync_to_async(_count)([f"{table}_default" for table in ("events", "payloads", "log_records")]) == 0
