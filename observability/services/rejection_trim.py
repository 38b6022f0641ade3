"""Keeping the newest samples of what was rejected, a project at a time. The counts by cause stay longer."""

from __future__ import annotations

import structlog
from django.db import connection

from observability.models import Project

KEPT = 1_000
"""Samples of each project that stay. Between two runs there are more."""
_BATCH = 10_000

log = structlog.get_logger(__name__)

# Along the primary key, from the newest kept one down; the id it starts from is the same in every batch or higher.
_TRIM = """
DELETE FROM ingest_rejections WHERE project_id = %(project)s AND id IN (
    SELECT id FROM ingest_rejections WHERE project_id = %(project)s AND id <= (
        SELECT id FROM ingest_rejections WHERE project_id = %(project)s ORDER BY id DESC OFFSET %(kept)s LIMIT 1
    ) ORDER BY id LIMIT %(batch)s
)
"""


def trim_rejections(project_id: int, *, kept: int = KEPT, batch: int = _BATCH) -> int:
    """Remove all but the newest samples, in short transactions, and return how many went. Idempotent."""
    removed = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_TRIM, {"project": project_id, "kept": kept, "batch": batch})
            count: int = cursor.rowcount
        removed += count
        if count < batch:
            break
    if removed:
        log.info("rejections.trimmed", project_id=project_id, rows=removed)
    return removed


def trim_all_rejections() -> int:
    """Trim every project, one after another: a query on the primary key each."""
    return sum(trim_rejections(project_id) for project_id in Project.objects.values_list("pk", flat=True).iterator())
