"""Deleting a project, or many traces of one: hidden at once, removed in the background with progress.

1. `delete_project` marks the row in one short transaction. From then on no page or API finds the project, and its keys
   are refused; other processes follow within a few seconds, which is why the removal waits `START_AFTER`.
2. `run_deletion` removes what belongs to it: trace by trace, `BATCH_TRACES` of them and `BATCH_ROWS` rows a
   transaction, then what belongs to no trace, values in blob storage, and the project's own row. Interrupted, it goes
   on where it stopped; two at once do the same work twice and no harm.
3. An organization that is deleted goes with the last of its projects.

Deleting traces hides them batch by batch as `services/purge.py` does with one, and purges each when its time to be
restored is over.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from celery import current_app
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from observability.errors import NotFoundError
from observability.models import Deletion, Organization, Project, Trace, User
from observability.services import purge
from observability.services.blobs import GRACE as BLOB_GRACE
from observability.services.blobs import delete_blobs, list_blobs
from observability.services.keys import forget_keys
from observability.services.policies import forget_policies

log = structlog.get_logger(__name__)

START_AFTER = timedelta(seconds=15)
AGAIN_AFTER = timedelta(seconds=31)
BATCH_TRACES = 100
BATCH_ROWS = 2_000
_SLUG_LENGTH = 60

_OF_TRACES = {
    "payloads": ("trace_id", "started_at", "span_id"),
    "events": ("trace_id", "started_at", "span_id"),
    "log_records": ("trace_id", "logged_at", "record_hash"),
    "search_documents": ("trace_id", "started_at", "version", "part"),
}
_OF_PROJECT = {
    **_OF_TRACES,
    "search_segments": ("started_at", "segment_id"),
    "traces": ("trace_id",),
    "trace_days": ("day",),
    "resources": ("hash",),
    "steps": ("kind", "key"),
    "step_hours": ("kind", "key", "hour"),
    "error_groups": ("fingerprint",),
    "sdk_sessions": ("session_id",),
    "ingest_counts": ("door", "hour", "code"),
    "ingest_rejections": ("id",),
    "key_days": ("public_id", "day", "code"),
}
"""Tables that hold a project's rows, with the rest of their primary keys."""


@transaction.atomic
def delete_project(*, project: Project, requested_by: User | None) -> Deletion:
    """Hide a project and have it removed. Its slug is free at once. Raises `NotFoundError`."""
    locked = Project.objects.select_for_update().filter(pk=project.pk, deleted_at=None).first()
    if locked is None:
        raise NotFoundError("No such project.")
    locked.deleted_at = timezone.now()
    locked.slug = f"{locked.slug[: _SLUG_LENGTH - 22]}-{locked.pk}"
    locked.save(update_fields=["deleted_at", "slug"])
    deletion = Deletion.objects.create(
        kind=Deletion.Kind.PROJECT,
        organization=locked.organization,
        project_id=locked.pk,
        name=locked.name,
        requested_by=requested_by,
    )
    transaction.on_commit(forget_keys, robust=True)
    transaction.on_commit(forget_policies, robust=True)
    transaction.on_commit(lambda: _request(deletion.pk), robust=True)
    return deletion


@transaction.atomic
def delete_organization(*, organization: Organization, requested_by: User | None) -> None:
    """Hide an organization with all its projects and have it removed. Raises `NotFoundError`."""
    locked = Organization.objects.select_for_update().filter(pk=organization.pk, deleted_at=None).first()
    if locked is None:
        raise NotFoundError("No such organization.")
    locked.deleted_at = timezone.now()
    locked.slug = f"{locked.slug[: _SLUG_LENGTH - 22]}-{locked.pk}"
    locked.save(update_fields=["deleted_at", "slug"])
    projects = list(locked.projects.filter(deleted_at=None).order_by("pk"))
    for project in projects:
        delete_project(project=project, requested_by=requested_by)
    if not locked.projects.exists():
        locked.delete()


@transaction.atomic
def delete_traces(
    *, project: Project, until: datetime, requested_by: User | None, since: datetime | None = None
) -> Deletion:
    """Have all traces deleted that started before a moment (and not before another)."""
    deletion = Deletion.objects.create(
        kind=Deletion.Kind.TRACES,
        organization=project.organization,
        project_id=project.pk,
        name=project.name,
        since=since,
        until=until,
        requested_by=requested_by,
    )
    transaction.on_commit(lambda: _request(deletion.pk, at_once=True), robust=True)
    return deletion


def run_deletion(deletion_id: int) -> bool:
    """Do what can be done now, and return whether it is finished. Idempotent; nothing to do for one that is gone."""
    deletion = Deletion.objects.filter(pk=deletion_id, finished_at=None).first()
    if deletion is None:
        return True
    is_done = _remove_project(deletion) if deletion.kind == Deletion.Kind.PROJECT else _remove_traces(deletion)
    if is_done:
        Deletion.objects.filter(pk=deletion.pk).update(finished_at=timezone.now())
        log.info("deletion.finished", deletion_id=deletion.pk, project_id=deletion.project_id, kind=deletion.kind)
        _remove_empty_organization(deletion.organization_id)
    return is_done


def list_unfinished_deletions() -> list[int]:
    """Return what a lost message or a crash left behind, oldest first."""
    late = Deletion.objects.filter(finished_at=None, requested_at__lte=timezone.now() - START_AFTER)
    return list(late.order_by("pk").values_list("pk", flat=True)[:100])


# --- A project --------------------------------------------------------------------------------------------------------


def _remove_project(deletion: Deletion) -> bool:
    if deletion.requested_at > timezone.now() - START_AFTER:
        return False
    project_id = deletion.project_id
    traces = Trace.objects.filter(project_id=project_id)
    _expect(deletion, traces)
    while batch := list(traces.order_by("trace_id").values_list("trace_id", flat=True)[:BATCH_TRACES]):
        for table in _OF_TRACES:
            while _delete_batch(table, project_id, trace_ids=batch):
                pass
        _advance(deletion, _delete_batch("traces", project_id, trace_ids=batch))
    for table in _OF_PROJECT:
        while _delete_batch(table, project_id):
            pass
    delete_blobs(project_id, list_blobs(project_id), now=timezone.now() + BLOB_GRACE)
    for project in Project.objects.filter(pk=project_id, deleted_at__isnull=False):
        # Saved and deleted one by one: the audit log hears of that.
        project.delete()
    return True


def _delete_batch(table: str, project_id: int, *, trace_ids: list[str] | None = None) -> int:
    """Delete up to `BATCH_ROWS` rows by primary key, in a transaction, and return how many."""
    keys = ", ".join(_OF_PROJECT[table])
    of_traces = "" if trace_ids is None else "AND trace_id = ANY(%(traces)s)"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE project_id = %(project)s AND ({keys}) IN ("  # noqa: S608 - names from above
            f"SELECT {keys} FROM {table} WHERE project_id = %(project)s {of_traces} LIMIT %(limit)s)",
            {"project": project_id, "traces": trace_ids, "limit": BATCH_ROWS},
        )
        return int(cursor.rowcount)


def _remove_empty_organization(organization_id: int) -> None:
    organization = Organization.objects.filter(pk=organization_id, deleted_at__isnull=False).first()
    if organization is not None and not organization.projects.exists():
        organization.delete()


# --- Traces -----------------------------------------------------------------------------------------------------------


def _remove_traces(deletion: Deletion) -> bool:
    """Hide all of them, then purge those whose time to be restored is over. Served by `traces_newest`."""
    found = Trace.objects.filter(project_id=deletion.project_id, started_at__lt=deletion.until)
    if deletion.since is not None:
        found = found.filter(started_at__gte=deletion.since)
    _expect(deletion, found.filter(purged_at=None))
    shown = found.filter(deleted_at=None).order_by("started_at", "trace_id").values_list("trace_id", flat=True)
    while batch := list(shown[:BATCH_TRACES]):
        for trace_id in batch:
            _hide(deletion.project_id, trace_id)
    ripe = found.filter(deleted_at__lte=timezone.now() - purge.GRACE, purged_at=None).order_by("started_at", "trace_id")
    while batch := list(ripe.values_list("trace_id", flat=True)[:BATCH_TRACES]):
        for trace_id in batch:
            purge.purge_trace(project_id=deletion.project_id, trace_id=trace_id)
        _advance(deletion, len(batch))
    return not found.filter(deleted_at__isnull=False, purged_at=None).exists()


def _hide(project_id: int, trace_id: str) -> None:
    try:
        purge.delete_trace(project_id=project_id, trace_id=trace_id, is_purge_requested=False)
    except NotFoundError:
        # Somebody else deleted it meanwhile.
        log.info("deletion.trace_gone", project_id=project_id, trace_id=trace_id)


# --- Progress ---------------------------------------------------------------------------------------------------------


def _expect(deletion: Deletion, traces: QuerySet[Trace]) -> None:
    """Note at the start how much there is to do."""
    if not deletion.expected:
        deletion.expected = traces.count()
        Deletion.objects.filter(pk=deletion.pk).update(expected=deletion.expected)


def _advance(deletion: Deletion, removed: int) -> None:
    Deletion.objects.filter(pk=deletion.pk).update(removed=F("removed") + removed)


def _request(deletion_id: int, *, at_once: bool = False) -> None:
    countdown = 0 if at_once else START_AFTER.total_seconds() + 1
    current_app.send_task("observability.tasks.run_deletion", args=[deletion_id], countdown=countdown)
