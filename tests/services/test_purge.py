from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection, transaction

from observability.errors import NotFoundError
from observability.models import Event, LogEntry, Payload, Project, SearchDocument, SearchSegment, StepHour, Trace
from observability.services import purge
from observability.services.purge import delete_trace, list_unfinished_purges, purge_trace, restore_traces
from observability.tasks import purge_trace as purge_task
from observability.tasks import resume_purges
from tests.records import make_event, make_log, write

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture(autouse=True)
def sent() -> Any:
    """Catch the tasks that are sent: no worker runs here."""
    with patch("observability.services.purge.current_app.send_task") as send_task:
        yield send_task


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let purges begin at once; tests of the wait set their own."""
    monkeypatch.setattr(purge, "GRACE", timedelta(0))


def _write_trace(project: Project, trace_id: str = "gone") -> None:
    write(
        project.pk,
        make_event(trace_id, input=b'"hello"', user_id="someone"),
        *(make_event(trace_id, f"s{n}", at=n, parent_span_id="root", name="search", input=b"1") for n in range(9)),
        *(make_log(trace_id, f"line {n}", at=n) for n in range(7)),
    )


def _count_rows(trace_id: str = "gone") -> list[int]:
    return [model.objects.filter(trace_id=trace_id).count() for model in (Event, Payload, LogEntry, SearchDocument)]


def test_delete__a_trace__hidden_and_handed_to_a_worker(project: Project, sent: Any) -> None:
    _write_trace(project)

    delete_trace(project_id=project.pk, trace_id="gone")

    sent.assert_called_once_with("observability.tasks.purge_trace", args=[project.pk, "gone"], countdown=1, retry=False)
    assert list_unfinished_purges() == [(project.pk, "gone")]


def test_delete__again_foreign_or_unknown__not_found(project: Project, foreign_project: Project) -> None:
    _write_trace(project)
    delete_trace(project_id=project.pk, trace_id="gone")

    for project_id, trace_id in ((project.pk, "gone"), (project.pk, "never"), (foreign_project.pk, "gone")):
        with pytest.raises(NotFoundError):
            delete_trace(project_id=project_id, trace_id=trace_id)


def test_delete__broker_unreachable__deleted_all_the_same(project: Project, sent: Any) -> None:
    sent.side_effect = ConnectionError
    _write_trace(project)

    delete_trace(project_id=project.pk, trace_id="gone")

    assert list_unfinished_purges() == [(project.pk, "gone")]


def test_purge__in_batches__every_row_goes_and_a_tombstone_stays(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "BATCH_ROWS", 4)
    _write_trace(project)
    _write_trace(project, "kept")
    delete_trace(project_id=project.pk, trace_id="gone")

    removed = purge_trace(project_id=project.pk, trace_id="gone")

    assert removed == 10 + 7
    assert _count_rows() == [0, 0, 0, 0]
    assert _count_rows("kept") == [10, 10, 7, 1]
    tombstone = Trace.objects.get(trace_id="gone")
    assert tombstone.purged_at is not None
    assert (tombstone.user_id, tombstone.input_preview, tombstone.workflow_name) == (None, None, "")
    assert (tombstone.event_count, tombstone.log_count) == (0, 0)
    assert list_unfinished_purges() == []


def test_purge__interrupted__what_is_left_is_counted_and_taken_up(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "BATCH_ROWS", 4)
    _write_trace(project)
    delete_trace(project_id=project.pk, trace_id="gone")

    purge._purge_batch(project.pk, "gone", timedelta(0))

    assert Trace.objects.get(trace_id="gone").event_count == 6
    assert _count_rows()[:2] == [6, 6]
    resume_purges()
    assert _count_rows() == [0, 0, 0, 0]


def test_purge__search_segments__go_with_the_last_of_their_traces(project: Project) -> None:
    _write_trace(project)
    _write_trace(project, "kept")
    before = SearchSegment.objects.count()
    delete_trace(project_id=project.pk, trace_id="gone")

    purge_trace(project_id=project.pk, trace_id="gone")

    left = set(SearchSegment.objects.values_list("segment_id", flat=True))
    assert before == 2
    assert left == {SearchDocument.objects.get(trace_id="kept").segment_id}


def test_purge__trace_that_is_not_deleted_or_not_there__left_alone(project: Project) -> None:
    _write_trace(project)

    purge_task(project.pk, "gone")
    purge_task(project.pk, "never")

    assert _count_rows() == [10, 10, 7, 1]


def test_purge__twice__nothing_more_to_do(project: Project) -> None:
    _write_trace(project)
    delete_trace(project_id=project.pk, trace_id="gone")

    assert [purge_trace(project_id=project.pk, trace_id="gone") for _ in range(2)] == [17, 0]


def test_purge__hourly_figures__return_to_what_is_left(project: Project) -> None:
    _write_trace(project, "kept")
    before = list(StepHour.objects.order_by("kind", "key", "hour").values())
    _write_trace(project)

    delete_trace(project_id=project.pk, trace_id="gone")
    purge_trace(project_id=project.pk, trace_id="gone")

    after = list(StepHour.objects.order_by("kind", "key", "hour").values())
    assert after == before


def test_restore__before_the_purge__everything_is_as_it_was(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purge, "GRACE", timedelta(seconds=30))
    _write_trace(project)
    before: dict[str, Any] = {**Trace.objects.filter(trace_id="gone").values().get()}
    hours = list(StepHour.objects.order_by("kind", "key", "hour").values())
    delete_trace(project_id=project.pk, trace_id="gone")

    purge_task(project.pk, "gone")
    resume_purges()
    refused = write(project.pk, make_event("gone", "meanwhile", at=50))
    restored = restore_traces(project_id=project.pk, trace_ids=["gone", "gone", "never"])

    assert restored == ["gone"]
    assert [item.code for item in refused.rejected] == ["trace_deleted"]
    after: dict[str, Any] = {**Trace.objects.filter(trace_id="gone").values().get()}
    assert after.pop("version") > before.pop("version") + 1
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == before
    assert list(StepHour.objects.order_by("kind", "key", "hour").values()) == hours
    assert _count_rows() == [10, 10, 7, 1]
    assert not write(project.pk, make_event("gone", "afterwards", at=60)).rejected


@pytest.mark.parametrize("is_purged", [False, True])
def test_restore__purge_has_begun__not_brought_back(
    project: Project, monkeypatch: pytest.MonkeyPatch, *, is_purged: bool
) -> None:
    monkeypatch.setattr(purge, "BATCH_ROWS", 4)
    _write_trace(project)
    delete_trace(project_id=project.pk, trace_id="gone")
    purge._purge_batch(project.pk, "gone", timedelta(0))
    if is_purged:
        purge_trace(project_id=project.pk, trace_id="gone")

    assert restore_traces(project_id=project.pk, trace_ids=["gone"]) == []
    assert Trace.objects.get(trace_id="gone").deleted_at is not None


def test_restore__not_deleted_or_foreign__left_alone(project: Project, foreign_project: Project) -> None:
    _write_trace(project)
    _write_trace(project, "kept")
    delete_trace(project_id=project.pk, trace_id="gone")

    assert restore_traces(project_id=project.pk, trace_ids=["kept"]) == []
    assert restore_traces(project_id=foreign_project.pk, trace_ids=["gone"]) == []
    assert Trace.objects.get(trace_id="kept").version == 1


def test_restore__deleted_again__the_first_deletions_purge_comes_too_early(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_trace(project)
    delete_trace(project_id=project.pk, trace_id="gone")
    restore_traces(project_id=project.pk, trace_ids=["gone"])
    purge_task(project.pk, "gone")
    monkeypatch.setattr(purge, "GRACE", timedelta(seconds=30))
    delete_trace(project_id=project.pk, trace_id="gone")

    purge_task(project.pk, "gone")

    assert _count_rows() == [10, 10, 7, 1]
    assert restore_traces(project_id=project.pk, trace_ids=["gone"]) == ["gone"]


def test_restore__while_a_purge_has_the_row__waits_and_finds_it_begun(project: Project) -> None:
    _write_trace(project)
    delete_trace(project_id=project.pk, trace_id="gone")

    with ThreadPoolExecutor(max_workers=1) as thread:
        with transaction.atomic():
            purge._purge_batch(project.pk, "gone", timedelta(0))
            restoring = thread.submit(_restore_in_a_thread, project.pk)
            _wait_for_a_lock()
        restored = restoring.result(timeout=20)

    assert restored == []
    assert Trace.objects.get(trace_id="gone").deleted_at is not None


def _restore_in_a_thread(project_id: int) -> list[str]:
    try:
        return restore_traces(project_id=project_id, trace_ids=["gone"])
    finally:
        connection.close()


def _wait_for_a_lock() -> None:
    """Return once another connection waits for a lock: then it is behind this transaction, not before it."""
    with connection.cursor() as cursor:
        for _ in range(100_000):
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")


@pytest.mark.parametrize("is_purged", [False, True])
def test_write__to_a_deleted_trace__refused_and_stays_deleted(project: Project, *, is_purged: bool) -> None:
    _write_trace(project)
    delete_trace(project_id=project.pk, trace_id="gone")
    if is_purged:
        purge_trace(project_id=project.pk, trace_id="gone")

    result = write(project.pk, make_event("gone", "late", at=99), make_event("other"))

    assert [item.code for item in result.rejected] == ["trace_deleted"]
    assert not Event.objects.filter(span_id="late").exists()


def test_purge__rows_found_through_their_keys(project: Project) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN " + purge._DELETE_EVENTS,
            {"project": 1, "trace": "t", "first": "2026-01-01", "last": "2026-01-02", "times": [], "spans": []},
        )
        plan = "\n".join(row[0] for row in cursor)

    assert "_pkey" in plan
    assert "Seq Scan" not in plan
