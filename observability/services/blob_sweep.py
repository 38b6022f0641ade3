"""Removing blobs that no row names any more: what a purge left, and what a crash left before its commit.

Which rows name a blob is read off `payloads_blobs` and `log_records_blobs`, indexes of these rows alone, and the few
rows of `resources`. A blob that is being stored right now is young, and young blobs stay: see `blobs`.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from django.core.files.storage import storages
from django.db import connection
from django.utils import timezone

from observability.ingest.payloads import read_blob_reference
from observability.models import Project
from observability.services.blobs import GRACE, LocalBlobStorage, delete_blobs, list_blobs

log = structlog.get_logger(__name__)

_VALUES = ("input", "output", "attributes", "error_stack", "extra", "replay_input", "replay_output", "replay_extra")
_IS_BLOB = r"substr({}, 1, 5) = '\x00626c6f62'::bytea"
# The conditions are those of the indexes, word by word, so that Postgres sees that they hold every match.
_NAMED = f"""
SELECT value FROM payloads, LATERAL (VALUES {", ".join(f"({value})" for value in _VALUES)}) AS held (value)
WHERE project_id = %(project)s AND ({" OR ".join(_IS_BLOB.format(value) for value in _VALUES)})
AND {_IS_BLOB.format("value")}
UNION ALL
SELECT fields FROM log_records WHERE project_id = %(project)s AND {_IS_BLOB.format("fields")}
UNION ALL
SELECT attributes FROM resources WHERE project_id = %(project)s AND {_IS_BLOB.format("attributes")}
"""  # noqa: S608 - constants


def sweep_blobs(project_id: int, *, now: datetime | None = None) -> int:
    """Remove the project's blobs that nothing names, unless they are young, and return how many. Idempotent.

    One query for a project that has blobs, none for others. What is stored while this runs is safe at any point.
    """
    stored = set(list_blobs(project_id))
    if not stored:
        return 0
    removed = delete_blobs(project_id, stored - _list_named(project_id), now=now)
    if removed:
        log.info("blobs.swept", project_id=project_id, blobs=removed)
    return removed


def sweep_all_blobs() -> int:
    """Sweep every project, and what a crash left of files that were being written."""
    storage = storages["blobs"]
    if isinstance(storage, LocalBlobStorage):
        storage.remove_unfinished(timezone.now() - GRACE)
    return sum(sweep_blobs(project_id) for project_id in Project.objects.values_list("pk", flat=True))


def _list_named(project_id: int) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(_NAMED, {"project": project_id})
        references = [read_blob_reference(bytes(stored)) for (stored,) in cursor.fetchall()]
    return {reference.sha256 for reference in references if reference}
