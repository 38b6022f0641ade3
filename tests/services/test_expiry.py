from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.models import ErrorGroup, Event, LogEntry, Payload, Project, SearchDocument, StepHour, Trace
from observability.services import expiry
from observability.services.expiry import DAY_TABLES, OTHER_TABLES, Ranges, count_expired, expire_project
from observability.sql.store import DISTRIBUTED, PARTITIONED
from tests.records import START, make_event, make_log, write

pytestmark = pytest.mark.usefixtures("store")

DAY = 86_400
BEFORE = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=30)
"""The start of the first day that is kept."""
OLD = (BEFORE - START).total_seconds() - 3 * DAY
"""Seconds from a test's usual moment to one three days before that."""
EVERYWHERE: Ranges = {table: [(None, BEFORE)] for table in PARTITIONED}


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "BATCH_ROWS", 4)


def _write_trace(project: Project, trace_id: str, *, at: float, children: int = 5, **fields: Any) -> None:
    write(
        project.pk,
        make_event(trace_id, at=at, input=b'"hello"', **fields),
        *(
            make_event(trace_id, f"s{n}", at=at + n, parent_span_id="root", name="search", input=b"1")
            for n in range(children)
        ),
        *(make_log(trace_id, f"line {n}", at=at + n) for n in range(3)),
    )


def _count_rows(trace_id: str) -> list[int]:
    return [m.objects.filter(trace_id=trace_id).count() for m in (Trace, Event, Payload, LogEntry, SearchDocument)]


def _expire(project: Project) -> dict[str, int]:
    removed: dict[str, int] = {}
    for table, rows in expire_project(project.pk, before=BEFORE, ranges=EVERYWHERE):
        removed[table] = removed.get(table, 0) + rows
    return removed


def _list_hours(project: Project) -> list[Any]:
    return list(StepHour.objects.filter(project_id=project.pk).order_by("kind", "key", "hour").values())


def test_tables__every_one_of_the_store__expires_or_is_named_here() -> None:
    # Names of steps and shared attributes are kept as long as their project.
    kept = {"steps", "resources"}
    of_their_own = {"traces", "error_groups"}

    assert {table.name for table in DAY_TABLES} == set(PARTITIONED)
    assert {table.name for table in (*DAY_TABLES, *OTHER_TABLES)} | kept | of_their_own == set(DISTRIBUTED)


def test_expire__older_and_younger_traces__exactly_the_older_go_whole(project: Project) -> None:
    _write_trace(project, "kept", at=0)
    hours = _list_hours(project)
    for number in range(6):
        _write_trace(project, f"old-{number}", at=OLD + number)

    removed = _expire(project)

    assert removed["traces"] == 6
    assert removed["events"] == 6 * 6
    assert removed["log_records"] == 6 * 3
    assert _count_rows("old-3") == [0, 0, 0, 0, 0]
    assert _count_rows("kept") == [1, 6, 6, 3, 1]
    assert _list_hours(project) == hours


def test_expire__other_projects_rows_of_the_same_day__stay(project: Project, foreign_project: Project) -> None:
    _write_trace(foreign_project, "theirs", at=OLD)
    _write_trace(project, "ours", at=OLD)

    _expire(project)

    assert _count_rows("ours") == [0, 0, 0, 0, 0]
    assert _count_rows("theirs") == [1, 6, 6, 3, 1]


def test_expire__batches__are_bounded_and_each_is_committed_when_it_is_yielded(project: Project) -> None:
    for number in range(3):
        _write_trace(project, f"old-{number}", at=OLD + number)
    left = Event.objects.count()

    for table, rows in expire_project(project.pk, before=BEFORE, ranges=EVERYWHERE):
        assert rows <= expiry.BATCH_ROWS
        assert not connection.in_atomic_block
        left -= rows if table == "events" else 0
        assert Event.objects.count() == left

    assert left == 0


def test_expire__trace_that_went_on_into_kept_days__goes_whole_and_leaves_its_figures(project: Project) -> None:
    _write_trace(project, "kept", at=0)
    hours = _list_hours(project)
    _write_trace(project, "long", at=OLD)
    write(
        project.pk,
        *(make_event("long", f"late{n}", at=n, parent_span_id="root", name="search") for n in range(7)),
        make_log("long", "late", at=3),
    )

    _expire(project)

    assert _count_rows("long") == [0, 0, 0, 0, 0]
    assert _count_rows("kept") == [1, 6, 6, 3, 1]
    assert _list_hours(project) == hours


def test_expire__first_event_of_a_kept_day_and_last_of_one_before__are_told_apart(project: Project) -> None:
    midnight = (BEFORE - START).total_seconds()
    _write_trace(project, "first", at=midnight, children=0)
    write(project.pk, make_event("last", at=midnight - 1e-6, lasts=None))

    _expire(project)

    assert _count_rows("first")[:2] == [1, 1]
    assert _count_rows("last")[:2] == [0, 0]


def test_expire__tombstone_of_a_deleted_trace__goes_too(project: Project) -> None:
    _write_trace(project, "old", at=OLD)
    Trace.objects.filter(trace_id="old").update(
        deleted_at=timezone.now(), purged_at=timezone.now(), fold_state={}, event_count=0
    )

    _expire(project)

    assert _count_rows("old") == [0, 0, 0, 0, 0]


def test_expire__error_groups__go_with_their_last_event(project: Project) -> None:
    for trace_id, at, message in (("old", OLD, "gone"), ("both", OLD, "lasting"), ("new", 0, "lasting")):
        write(project.pk, make_event(trace_id, at=at, status="error", error_message=message))

    _expire(project)

    assert list(ErrorGroup.objects.values_list("message", flat=True)) == ["lasting"]


def test_expire__days_left_to_be_dropped__are_not_touched(project: Project) -> None:
    _write_trace(project, "old", at=OLD)
    day = datetime.fromtimestamp(START.timestamp() + OLD, UTC).replace(hour=0, minute=0, second=0)
    left_out: Ranges = {key: [(None, day), (day + timedelta(days=1), BEFORE)] for key in PARTITIONED}

    removed = dict(expire_project(project.pk, before=BEFORE, ranges=left_out))

    assert removed.keys().isdisjoint(PARTITIONED)
    assert _count_rows("old")[:3] == [0, 6, 6]


def test_expire__row_that_ingest_holds__is_skipped_and_goes_the_next_time(project: Project) -> None:
    _write_trace(project, "busy", at=OLD)
    _write_trace(project, "idle", at=OLD)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                list(Trace.objects.select_for_update().filter(project_id=project.pk, trace_id="busy"))
                held.set()
                done.wait(60)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    _expire(project)
    during = Trace.objects.filter(trace_id__in=["busy", "idle"]).values_list("trace_id", flat=True)
    assert list(during) == ["busy"]
    done.set()
    thread.join()
    _expire(project)

    assert not Trace.objects.filter(trace_id="busy").exists()


def test_expire__sent_again_afterwards__is_a_new_trace(project: Project) -> None:
    _write_trace(project, "again", at=OLD)
    _expire(project)

    result = write(project.pk, make_event("again", at=0))

    assert result.accepted == 1
    assert Trace.objects.get(trace_id="again").event_count == 1


def test_count_expired__counts_what_goes_and_removes_nothing(project: Project) -> None:
    _write_trace(project, "kept", at=0)
    _write_trace(project, "old", at=OLD)

    counts = count_expired(project.pk, before=BEFORE)

    assert counts.items() >= {"traces": 1, "events": 6, "payloads": 6, "log_records": 3, "search_documents": 1}.items()
    assert _count_rows("old") == [1, 6, 6, 3, 1]
    removed = _expire(project)
    assert {table: removed[table] for table in counts} == counts


@pytest.mark.parametrize("table", [table for table in DAY_TABLES if table.name != "search_documents"])
def test_expire__batch__is_found_and_deleted_along_the_primary_key(table: Any) -> None:
    keys = ", ".join(table.keys)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(
            f"EXPLAIN SELECT {keys} FROM {table.name} WHERE {expiry._within(table.time)} ORDER BY {keys} OFFSET 9",
            {"project": 1, "since": expiry.EVER, "until": BEFORE},
        )
        plan = "\n".join(row[0] for row in cursor)

    assert "pkey" in plan
    assert "Sort " not in plan


@given(
    starts=st.lists(
        st.tuples(st.integers(-3 * DAY, 3 * DAY), st.integers(0, 2 * DAY)), min_size=1, max_size=5, unique=True
    ),
    stops=st.integers(1, 12),
)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_expire__any_times_and_interrupted_anywhere__leaves_exactly_what_is_kept(
    project: Project, starts: list[tuple[int, int]], stops: int
) -> None:
    midnight = (BEFORE - START).total_seconds()
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(DISTRIBUTED)}")
    for number, (start, lasts) in enumerate(starts):
        trace_id = f"t{number}"
        first, last = midnight + start, midnight + start + lasts
        write(
            project.pk,
            make_event(trace_id, at=first, lasts=lasts or 1),
            make_event(trace_id, "end", at=last, parent_span_id="root", name="search", input=b"1"),
            make_log(trace_id, "a line", at=last),
        )

    batches = expire_project(project.pk, before=BEFORE, ranges=EVERYWHERE)
    for _, _ in zip(range(stops), batches, strict=False):
        pass
    batches.close()  # type: ignore[attr-defined]
    _expire(project)

    kept = [f"t{number}" for number, (start, _) in enumerate(starts) if start >= 0]
    assert sorted(Trace.objects.values_list("trace_id", flat=True)) == kept
    assert sorted(Event.objects.values_list("trace_id", flat=True)) == sorted(kept * 2)
    assert sorted(LogEntry.objects.values_list("trace_id", flat=True)) == kept
    assert sorted(SearchDocument.objects.values_list("trace_id", flat=True).distinct()) == kept
    calls = StepHour.objects.filter(kind="tool").values_list("calls", flat=True)
    assert sum(calls) == len(kept)
    assert min([0, *calls]) == 0
