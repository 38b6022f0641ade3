"""Index what is searched by segment: the documents of a commit share one index entry for each of their terms."""

from __future__ import annotations

import zlib
from datetime import timedelta
from typing import Any, ClassVar

import django.contrib.postgres.fields
from django.db import migrations, models

from observability.sql.operations import ChangeStore

# No index but these: rows are found through the terms.
SEARCH_SEGMENTS = """
CREATE TABLE search_segments (
    project_id bigint NOT NULL,
    started_at timestamptz NOT NULL,
    segment_id bigint NOT NULL,
    terms integer[] NOT NULL,
    PRIMARY KEY (project_id, started_at, segment_id)
) PARTITION BY RANGE (started_at)
"""
SEARCH_SEGMENTS_TERMS = "CREATE INDEX search_segments_terms ON search_segments USING gin (terms)"
# The documents of a segment that was found.
SEARCH_DOCUMENTS_BY_SEGMENT = "CREATE INDEX search_documents_by_segment ON search_documents (project_id, segment_id)"
SEARCH_TERMS_BEFORE = "CREATE INDEX search_documents_terms ON search_documents USING gin (terms)"

# Fifty documents a segment, of one project and day.
_NUMBER_DOCUMENTS = """
UPDATE search_documents AS d SET segment_id = k.segment_id FROM (
    SELECT trace_id, started_at, version, part, %(first)s + row_number() OVER (ORDER BY started_at) / 50 AS segment_id
    FROM search_documents WHERE project_id = %(project)s AND started_at >= %(since)s AND started_at < %(until)s
) AS k
WHERE d.project_id = %(project)s AND d.started_at >= %(since)s AND d.started_at < %(until)s
AND d.trace_id = k.trace_id AND d.started_at = k.started_at AND d.version = k.version AND d.part = k.part
"""
_LIST_SEGMENTS = """
SELECT segment_id, max(started_at), array_agg(DISTINCT lexeme) FROM search_documents, unnest(terms)
WHERE project_id = %(project)s AND started_at >= %(since)s AND started_at < %(until)s GROUP BY segment_id
"""


def make_segments(apps: Any, schema_editor: Any) -> None:
    """Give the documents that are there segments, a project and day after the other."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT project_id, date_trunc('day', started_at, 'UTC') FROM search_documents")
        for number, (project_id, day) in enumerate(sorted(cursor.fetchall()), start=1):
            of_day = {"project": project_id, "since": day, "until": day + timedelta(days=1)}
            cursor.execute(_NUMBER_DOCUMENTS, of_day | {"first": number * 10**9})
            cursor.execute(_LIST_SEGMENTS, of_day)
            rows = [
                (project_id, started_at, segment_id, [zlib.crc32(term.encode()) - 2**31 for term in terms])
                for segment_id, started_at, terms in cursor.fetchall()
            ]
            cursor.executemany("INSERT INTO search_segments VALUES (%s, %s, %s, %s)", rows)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("observability", "0013_traces_newest_alone")]

    operations: ClassVar = [
        ChangeStore(
            sql=[
                SEARCH_SEGMENTS,
                "ALTER TABLE search_segments ALTER COLUMN terms SET STORAGE EXTERNAL",
                "CREATE TABLE search_segments_default PARTITION OF search_segments DEFAULT",
                "ALTER TABLE search_documents ADD COLUMN segment_id bigint NOT NULL DEFAULT 0",
                # Words hardly compress among themselves; trying to costs more than storing them.
                "ALTER TABLE search_documents ALTER COLUMN terms SET STORAGE EXTERNAL",
            ],
            reverse_sql=[
                "ALTER TABLE search_documents ALTER COLUMN terms SET STORAGE EXTENDED",
                "ALTER TABLE search_documents DROP COLUMN segment_id",
                "DROP TABLE search_segments",
            ],
        ),
        migrations.RunPython(make_segments, migrations.RunPython.noop),
        ChangeStore(
            sql=[
                "ALTER TABLE search_documents ALTER COLUMN segment_id DROP DEFAULT",
                SEARCH_SEGMENTS_TERMS,
                "DROP INDEX search_documents_terms",
                SEARCH_DOCUMENTS_BY_SEGMENT,
            ],
            reverse_sql=["DROP INDEX search_documents_by_segment", SEARCH_TERMS_BEFORE],
        ),
        migrations.AddField("searchdocument", "segment_id", models.BigIntegerField(default=0), preserve_default=False),
        migrations.CreateModel(
            name="SearchSegment",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "project_id",
                        "started_at",
                        "segment_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("project_id", models.BigIntegerField()),
                ("started_at", models.DateTimeField()),
                ("segment_id", models.BigIntegerField()),
                ("terms", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
            ],
            options={"db_table": "search_segments", "managed": False},
        ),
    ]
