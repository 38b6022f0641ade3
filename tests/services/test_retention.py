from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from observability.errors import InvalidError
from observability.models import Event, Organization, Project, RetentionRun, Trace
from observability.services import expiry, partitions, retention
from observability.services.partitions import drop_partitions, ensure_partitions, list_partitions
from observability.services.retention import (
    list_expired_partitions,
    set_organization_retention,
    set_project_retention,
    start_retention,
    work_on_retention,
)
from observability.services.tenancy import change_plan
from observability.tasks import run_retention as run_task
from observability.tasks import start_retention as start_task
from tests.records import START, make_event, write

pytestmark = pytest.mark.usefixtures("store")

DAY = 86_400
TODAY = timezone.now().date()


@pytest.fixture(autouse=True)
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.conf.settings.RETENTION_SHARE", 1.0)


@pytest.fixture(autouse=True)
def clean_partitions(store: None) -> Iterator[None]:
    drop_partitions(date(9999, 1, 1))
    yield
    drop_partitions(date(9999, 1, 1))


def _write(project: Project, trace_id: str, *, days_ago: int) -> None:
    """Store a trace of three events on a day."""
    at = -days_ago * DAY
    children = (make_event(trace_id, f"s{n}", at=at, parent_span_id="root", name="search") for n in range(2))
    write(project.pk, make_event(trace_id, at=at), *children)


def _day(days_ago: int) -> date:
    return START.date() - timedelta(days=days_ago)


def _run() -> list[RetentionRun]:
    started = start_retention()
    while work_on_retention(seconds=60):
        pass
    return list(RetentionRun.objects.filter(pk__in=[run.pk for run in started]).order_by("pk"))


def _list_traces() -> list[str]:
    return sorted(Trace.objects.values_list("trace_id", flat=True))


# --- How long ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("plan", "days"), [("free", 90), ("pro", 365), ("team", 365), ("enterprise", 365)])
def test_kept_days__plan__says_how_many(project: Project, plan: str, days: int) -> None:
    change_plan(organization=project.organization, plan=plan)

    assert project.organization.kept_days == days
    assert project.kept_days == days


def test_kept_days__enterprise__chooses(project: Project) -> None:
    change_plan(organization=project.organization, plan="enterprise")
    set_organization_retention(organization=project.organization, days=30)

    assert project.kept_days == 30
    change_plan(organization=project.organization, plan="pro")
    assert project.kept_days == 365


def test_kept_days__project__may_keep_fewer_or_all(project: Project) -> None:
    set_project_retention(project=project, days=7, is_held=False)
    assert project.kept_days == 7

    set_project_retention(project=project, days=7, is_held=True)
    assert project.kept_days is None


def test_set_retention__not_allowed__names_the_field(project: Project) -> None:
    for days in (0, 40_000):
        with pytest.raises(InvalidError, match="retention days: give"):
            set_project_retention(project=project, days=days, is_held=False)
    with pytest.raises(InvalidError, match="retention days: at most the organization's 90"):
        set_project_retention(project=project, days=91, is_held=False)
    with pytest.raises(InvalidError, match="only the enterprise plan"):
        set_organization_retention(organization=project.organization, days=30)


# --- A run ------------------------------------------------------------------------------------------------------------


def test_run__days_past_and_not__removes_exactly_what_is_past(project: Project) -> None:
    for days_ago in (0, 89, 92, 400):
        _write(project, f"t{days_ago}", days_ago=days_ago)

    runs = _run()

    assert _list_traces() == ["t0", "t89"]
    assert set(Event.objects.values_list("trace_id", flat=True)) == set(_list_traces())
    assert [run.state for run in runs] == ["finished", "finished"]
    assert runs[0].counts["events"] == 3 * runs[0].counts["traces"]


def test_run__plans_of_organizations__each_by_its_own(project: Project, foreign_project: Project) -> None:
    change_plan(organization=foreign_project.organization, plan="pro")
    _write(project, "ours", days_ago=100)
    _write(foreign_project, "theirs", days_ago=100)

    ours, theirs, _ = _run()

    assert _list_traces() == ["theirs"]
    assert ours.counts["events"] == 3
    assert theirs.counts == {}


def test_run__legal_hold__keeps_everything(project: Project) -> None:
    set_project_retention(project=project, days=1, is_held=True)
    ensure_partitions(_day(400), _day(400))
    _write(project, "held", days_ago=400)

    _run()

    assert _list_traces() == ["held"]
    assert Event.objects.count() == 3


def test_run__day_that_nobody_keeps__is_dropped_whole(project: Project) -> None:
    ensure_partitions(_day(101), _day(99))
    for number in range(3):
        _write(project, f"old-{number}", days_ago=100)

    ours, days = _run()

    assert f"events_p{_day(100):%Y%m%d}" in days.dropped
    assert ours.counts.get("traces") == 3
    assert "events" not in ours.counts
    assert Event.objects.count() == 0
    assert [partition.name for partition in list_partitions("events")] == ["events_default"]


def test_run__day_that_somebody_keeps__rows_go_and_the_day_stays(project: Project, foreign_project: Project) -> None:
    change_plan(organization=foreign_project.organization, plan="pro")
    ensure_partitions(_day(100), _day(100))
    _write(project, "ours", days_ago=100)
    _write(foreign_project, "theirs", days_ago=100)

    ours, _, days = _run()

    assert ours.counts["events"] == 3
    assert f"events_p{_day(100):%Y%m%d}" not in days.dropped
    assert _list_traces() == ["theirs"]
    assert Event.objects.count() == 3


def test_run__day_that_would_be_made_again__is_emptied_but_not_dropped(project: Project) -> None:
    set_project_retention(project=project, days=1, is_held=False)
    ensure_partitions(_day(5), _day(5))
    _write(project, "old", days_ago=5)

    _, days = _run()

    assert Event.objects.count() == 0
    assert days.dropped == []


def test_run__project_or_organization_being_removed__is_left_to_its_removal(project: Project) -> None:
    _write(project, "old", days_ago=100)
    Project.objects.update(deleted_at=timezone.now())

    ours, _ = _run()

    assert ours.counts == {}
    assert _list_traces() == ["old"]


def test_drop__row_that_is_kept_comes_in_before__day_stays(project: Project, foreign_project: Project) -> None:
    change_plan(organization=foreign_project.organization, plan="pro")
    ensure_partitions(_day(100), _day(100))
    (found,) = [partition for partition in list_expired_partitions() if partition.table == "events"]
    _write(foreign_project, "late", days_ago=100)

    is_gone = partitions.drop_partition(found, keep_for=[foreign_project.pk])

    assert not is_gone
    assert Event.objects.count() == 3


# --- Interrupted, twice, slow -----------------------------------------------------------------------------------------


class _Killed(BaseException):
    """The process is gone: nobody catches this."""


@pytest.mark.parametrize("statements", [3, 9, 15, 21, 27, 33, 39])
def test_run__killed_at_any_statement__is_taken_up_and_ends_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch, statements: int
) -> None:
    monkeypatch.setattr(expiry, "BATCH_ROWS", 2)
    ensure_partitions(_day(100), _day(100))
    for number in range(3):
        _write(project, f"old-{number}", days_ago=100 + 10 * number)
    _write(project, "kept", days_ago=1)
    start_retention()

    left = statements

    def kill(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            raise _Killed
        return execute(sql, params, many, context)

    with pytest.raises(_Killed), connection.execute_wrapper(kill):
        work_on_retention(seconds=60)
    assert not work_on_retention(seconds=60)
    assert RetentionRun.objects.filter(finished_at=None).exists()
    RetentionRun.objects.exclude(claimed_until=None).update(claimed_until=timezone.now())
    work_on_retention(seconds=60)

    assert _list_traces() == ["kept"]
    assert Event.objects.count() == 3
    assert not RetentionRun.objects.filter(finished_at=None).exists()


def test_work__time_is_over__comes_again_and_goes_on(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "BATCH_ROWS", 2)
    for number in range(3):
        _write(project, f"old-{number}", days_ago=100)
    start_retention()

    calls = 1
    while work_on_retention(seconds=0):
        calls += 1

    assert calls > 5
    assert _list_traces() == []
    assert RetentionRun.objects.exclude(organization=None).get().counts["events"] == 9


def test_work__somebody_is_at_it__is_left_to_them(project: Project) -> None:
    _write(project, "old", days_ago=100)
    start_retention()
    retention._claim()

    assert work_on_retention(seconds=60) is False
    assert _list_traces() == ["old"]


def test_start__not_finished_yet__is_not_asked_for_again(project: Project) -> None:
    assert len(start_retention()) == 2
    assert start_retention() == []
    assert len(start_retention(is_dry_run=True)) == 2


def test_run__day_that_is_read_all_the_time__is_left_and_named(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_partitions(_day(100), _day(100))
    monkeypatch.setattr(partitions, "DROP_ATTEMPTS", 1)
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT count(*) FROM events")

        _, days = _run()

        cursor.execute("ROLLBACK")
    other.close()
    assert f"events_p{_day(100):%Y%m%d}" in days.note
    assert "events" not in " ".join(days.dropped)
    assert f"log_records_p{_day(100):%Y%m%d}" in days.dropped


def test_drop__reader_holds_the_table__others_read_on_and_it_succeeds_after(project: Project) -> None:
    ensure_partitions(_day(100), _day(100))
    _write(project, "kept", days_ago=0)
    holder, reader = connection.copy(), connection.copy()
    attempts: list[int] = []

    def pause(seconds: float) -> None:
        """Stand in for the pause between two attempts: read meanwhile, then let go."""
        attempts.append(1)
        with reader.cursor() as cursor:
            cursor.execute("SET statement_timeout = '5s'")
            cursor.execute("SELECT count(*) FROM events")
            assert cursor.fetchone()[0] == 3
        if len(attempts) == 3:
            holder.rollback()

    holder.set_autocommit(autocommit=False)
    with holder.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events")
    try:
        with patch("observability.services.partitions.time.sleep", pause):
            drop_partitions(TODAY)
    finally:
        holder.close()
        reader.close()

    assert len(attempts) == 3
    assert [partition.name for partition in list_partitions("events")] == ["events_default"]


# --- Dry runs, tasks, the command -------------------------------------------------------------------------------------


def test_dry_run__counts_the_same__and_removes_nothing(project: Project) -> None:
    ensure_partitions(_day(100), _day(100))
    _write(project, "old", days_ago=100)
    _write(project, "older", days_ago=120)

    ours, days = start_retention(is_dry_run=True)
    while work_on_retention(seconds=0):
        pass

    ours.refresh_from_db()
    days.refresh_from_db()
    assert (ours.counts["traces"], ours.counts["events"]) == (2, 6)
    assert f"events_p{_day(100):%Y%m%d}" in days.dropped
    assert _list_traces() == ["old", "older"]
    assert len(list_partitions("events")) == 2


def test_tasks__start_and_run__to_the_end(project: Project) -> None:
    _write(project, "old", days_ago=100)

    with patch("observability.tasks.run_retention.delay") as delay:
        start_task()
        run_task()

    assert delay.call_count == 1
    assert _list_traces() == []


def test_task__more_to_do__comes_again(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(project, "old", days_ago=100)
    monkeypatch.setattr("observability.tasks.RETENTION_SECONDS", 0)
    start_retention()

    with patch("observability.tasks.run_retention.delay") as delay:
        run_task()

    delay.assert_called_once_with()


def test_command__dry_and_real__says_what_goes(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    ensure_partitions(_day(100), _day(100))
    _write(project, "old", days_ago=100)

    call_command("retention", "--dry-run")
    dry = capsys.readouterr().out
    call_command("retention")
    real = capsys.readouterr().out

    assert "Acme: would remove 3 events" in dry
    assert "Whole days: would remove" in dry
    assert "Acme: removed" in real
    assert f"events_p{_day(100):%Y%m%d}" in real
    assert _list_traces() == []


def test_command__earlier_run_was_interrupted__goes_on_with_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(expiry, "BATCH_ROWS", 2)
    for number in range(3):
        _write(project, f"old-{number}", days_ago=100)
    start_retention()
    interrupt = patch("observability.services.retention.time.sleep", side_effect=KeyboardInterrupt)
    with interrupt, pytest.raises(KeyboardInterrupt):
        work_on_retention(seconds=60)

    call_command("retention")

    assert "Acme: removed 9 events" in capsys.readouterr().out
    assert _list_traces() == []


def test_organization__removed__takes_its_runs_along(project: Project) -> None:
    start_retention()

    Organization.objects.all().delete()

    assert RetentionRun.objects.count() == 1
