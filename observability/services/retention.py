"""How long data is kept, and the daily run that removes what is past it.

A project keeps as many days as its organization's plan says, or fewer; under a legal hold, all of them. The day a row
is past is a whole UTC day, so that `expiry` and whole partitions agree.

1. At 02:00 UTC beat asks for a run: `start_retention` writes a row for each organization, and a last one for days.
2. `work_on_retention` takes the oldest row that is not finished and goes on with it for a few seconds, then asks to be
   called again, so that it never keeps a worker from other tasks. It works `RETENTION_SHARE` of the time and waits the
   rest, so that ingest and reads go on. With each batch it counts on the row and pushes `claimed_until` on; a row whose
   worker died is taken up when that has passed. Taken up or done twice, it finds less to do.
3. An organization's run deletes rows, except in days that nobody keeps any more: those are left for the last row's run,
   which drops them whole. Under a lock that keeps writers out it looks again whether anybody still has rows there.

A dry run goes the same way and only counts. Large values go with the next sweep of blobs (`blob_sweep`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import structlog
from celery import current_app
from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from observability.errors import InvalidError
from observability.models import Organization, Project, RetentionRun
from observability.services.expiry import Range, count_expired, expire_project
from observability.services.partitions import Partition, drop_partition, holds_rows, list_partitions
from observability.sql.store import PARTITIONED

log = structlog.get_logger(__name__)

CLAIM = timedelta(minutes=5)
KEPT_RUNS = timedelta(days=400)
_LONGEST_DAYS = 36_500

Batch = dict[str, int]
"""Rows by table."""


def set_organization_retention(*, organization: Organization, days: int | None) -> None:
    """Choose how long an enterprise organization's data is kept; None for the plan's own. Raises `InvalidError`."""
    _check_days(days)
    if days is not None and organization.plan != Organization.Plan.ENTERPRISE:
        raise InvalidError("retention days: only the enterprise plan chooses them; projects may keep fewer days")
    organization.retention_days = days
    organization.save(update_fields=["retention_days"])


def set_project_retention(*, project: Project, days: int | None, is_held: bool) -> None:
    """Choose how long a project's data is kept, and whether a legal hold keeps it for ever. Raises `InvalidError`."""
    _check_days(days)
    if days is not None and days > project.organization.kept_days:
        raise InvalidError(f"retention days: at most the organization's {project.organization.kept_days}")
    project.retention_days = days
    project.is_held = is_held
    project.save(update_fields=["retention_days", "is_held"])


def start_retention(*, is_dry_run: bool = False, organization_ids: Sequence[int] | None = None) -> list[RetentionRun]:
    """Ask for a run over every organization, then over whole days; or over the given organizations alone.

    One that is not finished is not asked for again.
    """
    with transaction.atomic():
        RetentionRun.objects.filter(created_at__lt=timezone.now() - KEPT_RUNS).delete()
        waiting = RetentionRun.objects.filter(finished_at=None, is_dry_run=is_dry_run)
        under_way = set(waiting.values_list("organization_id", flat=True))
        present = Organization.objects.filter(deleted_at=None).order_by("pk").values_list("pk", flat=True)
        wanted = [*present, None] if organization_ids is None else list(present.filter(pk__in=organization_ids))
        return RetentionRun.objects.bulk_create(
            RetentionRun(organization_id=organization_id, is_dry_run=is_dry_run)
            for organization_id in wanted
            if organization_id not in under_way
        )


def request_retention() -> None:
    """Have a worker go on with what was asked for, once this transaction is committed."""
    transaction.on_commit(lambda: current_app.send_task("observability.tasks.run_retention"), robust=True)


def work_on_retention(*, seconds: float) -> bool:
    """Go on with what was asked for, for about so many seconds; say whether there is more to do now.

    False also while somebody else is at it.
    """
    end = time.monotonic() + seconds
    while (run := _claim()) is not None:
        try:
            if not _go_on(run, end):
                return True
        except BaseException:
            # Whoever comes next need not wait until the claim is over, as for one that was killed.
            RetentionRun.objects.filter(pk=run.pk).update(claimed_until=None)
            raise
    return False


def read_cutoffs() -> dict[int, date | None]:
    """Return the first day that each project keeps, None for one that keeps all; without projects being removed."""
    today = timezone.now().date()
    projects = Project.objects.filter(deleted_at=None).select_related("organization")
    return {
        project.pk: None if project.kept_days is None else today - timedelta(days=project.kept_days)
        for project in projects
    }


def list_expired_partitions() -> list[Partition]:
    """Return the partitions that hold no row which anybody keeps: to be dropped whole.

    Days that would be made again at once (`PARTITION_DAYS_BACK`) are never among them.
    """
    cutoffs = read_cutoffs()
    newest = timezone.now().date() - timedelta(days=settings.PARTITION_DAYS_BACK)
    # A day that is past for nobody need not be looked into.
    newest = min(newest, max((day for day in cutoffs.values() if day is not None), default=date.min))
    return [
        partition
        for table in PARTITIONED
        for partition in list_partitions(table)
        if partition.end_day is not None
        and partition.end_day <= newest
        and not holds_rows(partition, _list_keepers(partition, cutoffs))
    ]


# --- One run ----------------------------------------------------------------------------------------------------------


def _claim() -> RetentionRun | None:
    """Take the oldest run that is not finished, unless somebody is at it. The update decides who has it."""
    now = timezone.now()
    run = RetentionRun.objects.filter(finished_at=None).order_by("pk").first()
    if run is None:
        return None
    free = RetentionRun.objects.filter(Q(claimed_until=None) | Q(claimed_until__lte=now), pk=run.pk, finished_at=None)
    run.claimed_until, run.started_at = now + CLAIM, run.started_at or now
    is_mine = free.update(claimed_until=run.claimed_until, started_at=run.started_at)
    return run if is_mine else None


def _go_on(run: RetentionRun, end: float) -> bool:
    """Work on a run until it is finished or the time is over; say which."""
    counts = Counter(run.counts)
    started = time.monotonic()
    for batch in _list_work(run):
        counts.update(batch)
        is_over = time.monotonic() >= end
        RetentionRun.objects.filter(pk=run.pk).update(
            counts=counts,
            dropped=run.dropped,
            done_project_id=run.done_project_id,
            claimed_until=None if is_over else timezone.now() + CLAIM,
        )
        if is_over:
            return False
        time.sleep((time.monotonic() - started) * (1 / settings.RETENTION_SHARE - 1))
        started = time.monotonic()
    RetentionRun.objects.filter(pk=run.pk).update(finished_at=timezone.now(), claimed_until=None, note=run.note)
    log.info("retention.finished", run_id=run.pk, organization_id=run.organization_id, rows=sum(counts.values()))
    return True


def _list_work(run: RetentionRun) -> Iterator[Batch]:
    if run.organization_id is None:
        return _count_days(run) if run.is_dry_run else _drop_days(run)
    return _count_rows(run) if run.is_dry_run else _delete_rows(run)


def _delete_rows(run: RetentionRun) -> Iterator[Batch]:
    expired = list_expired_partitions()
    for project, before in _list_projects(run):
        ranges = {table: _list_ranges(table, expired, before.date()) for table in PARTITIONED}
        for table, rows in expire_project(project.pk, before=before, ranges=ranges):
            yield {table: rows}
        run.done_project_id = project.pk


def _count_rows(run: RetentionRun) -> Iterator[Batch]:
    for project, before in _list_projects(run):
        run.done_project_id = project.pk
        yield count_expired(project.pk, before=before)


def _list_projects(run: RetentionRun) -> Iterator[tuple[Project, datetime]]:
    """Yield the organization's projects with the first moment each keeps, leaving out those under a legal hold."""
    cutoffs = read_cutoffs()
    left = Project.objects.filter(organization=run.organization_id, deleted_at=None, pk__gt=run.done_project_id)
    for project in left.order_by("pk"):
        day = cutoffs.get(project.pk)
        if day is not None:
            yield project, _start_of(day)


def _drop_days(run: RetentionRun) -> Iterator[Batch]:
    """Drop whole days. The rows are counted as the planner estimates them."""
    busy = []
    for partition in list_expired_partitions():
        try:
            is_gone = drop_partition(partition, keep_for=_list_keepers(partition, read_cutoffs()))
        except OperationalError as error:
            log.warning("retention.day_is_busy", partition=partition.name, error=str(error))
            busy.append(partition.name)
            continue
        if is_gone:
            run.dropped.append(partition.name)
            yield {partition.table: partition.estimated_rows}
    if busy:
        run.note = f"Still read all the time, so left for the next run: {', '.join(busy)}"


def _count_days(run: RetentionRun) -> Iterator[Batch]:
    for partition in list_expired_partitions():
        if partition.name not in run.dropped:
            run.dropped.append(partition.name)
            yield {partition.table: partition.estimated_rows}


def _list_keepers(partition: Partition, cutoffs: dict[int, date | None]) -> list[int]:
    """Return the projects that keep a day of the partition."""
    end = partition.end_day or date.max
    return [project_id for project_id, first_day in cutoffs.items() if first_day is None or first_day < end]


def _list_ranges(table: str, expired: Sequence[Partition], until: date) -> list[Range]:
    """Return the stretches of time before a day that no partition about to be dropped holds."""
    ranges: list[Range] = []
    since: datetime | None = None
    for partition in expired:
        if partition.table != table or partition.first_day is None or partition.end_day is None:
            continue
        if partition.first_day >= until:
            break
        if since is None or since < _start_of(partition.first_day):
            ranges.append((since, _start_of(partition.first_day)))
        since = _start_of(partition.end_day)
    if since is None or since < _start_of(until):
        ranges.append((since, _start_of(until)))
    return ranges


def _start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _check_days(days: int | None) -> None:
    if days is not None and not 1 <= days <= _LONGEST_DAYS:
        raise InvalidError(f"retention days: give a number from 1 to {_LONGEST_DAYS:,}, or nothing")
