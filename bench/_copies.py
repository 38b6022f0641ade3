"""Copies of a few stored traces, by SQL straight into the tables: a month of many projects from an afternoon of one.

Every copy is a trace of its own: other ids, another start, session, user and order number, and what is derived from
them (ranks, fold state, search terms) moved along, so that all that the product stores of it stays consistent and a
late event of it would be merged as usual. Columns are read off the tables: one that is added is copied as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import LiteralString

import psycopg
from psycopg import sql

DAYS = 30
PROJECTS = 20
NUMBER = "00000000"
"""Stands for the order number in a template's request. A copy has its own, of as many digits."""
FIRST_NUMBER = 10_000_000

# Copies know their template by its place. Those that still run are of the last half hour, others of any day. The
# first project has two fifths of all; in each, traces thin out into the past like a product that grows.
_COPIES: LiteralString = """
CREATE TEMP TABLE copies AS
SELECT made.n, made.project_id, made.started_at::date AS day, md5('copy ' || made.n) AS trace_id,
    (%(first)s + made.n)::text AS number, made.started_at - t.started_at AS shift,
    (extract(epoch FROM made.started_at - t.started_at) * 1000000)::bigint AS shift_us,
    'session-' || made.session AS session_id, 'user-' || made.person AS user_id, t.place,
    row_number() OVER (PARTITION BY made.project_id ORDER BY made.started_at) / %(in_segment)s AS segment_id
FROM (
    SELECT n, age, now() - age * interval '1 day' - interval '2 min' AS started_at,
        (%(projects)s::bigint[])[
            CASE WHEN random() < 0.4 THEN 1 ELSE 2 + floor((%(others)s) * random() * random())::int END
        ] AS project_id,
        floor(%(copies)s / 8.0 * random())::int AS session, floor(5000 * random() * random())::int AS person,
        CASE
            WHEN age < 0.02 AND random() < 0.01 THEN 1 + %(ended)s + floor(%(running)s * random())::int
            ELSE 1 + floor(%(ended)s * random())::int
        END AS place
    FROM (SELECT n, %(days)s * random() * random() AS age FROM generate_series(1, %(copies)s) AS n) AS aged
) AS made JOIN template_traces AS t USING (place)
ORDER BY made.started_at
"""

_SPAN = "left(md5(c.n || {}), 16)"
_SESSION = {
    "session_id": "CASE WHEN t.session_id IS NOT NULL THEN c.session_id END",
    "user_id": "CASE WHEN t.user_id IS NOT NULL THEN c.user_id END",
}
_PREVIEW = {"input_preview": f"replace(t.input_preview, '{NUMBER}', c.number)"}
_KEY = {"project_id": "c.project_id", "trace_id": "c.trace_id", "started_at": "t.started_at + c.shift"}
_EVENT_KEY = _KEY | {"span_id": _SPAN.format("t.span_id")}
_RANKED_END = "('x' || encode(substr(t.rank, 1, 8), 'hex'))::bit(64)::bigint"
_OVERRIDES: dict[str, dict[str, str]] = {
    "events": _EVENT_KEY
    | _SESSION
    | _PREVIEW
    | {
        "id": "nextval('event_id_seq')",
        "ended_at": "t.ended_at + c.shift",
        "received_at": "coalesce(t.ended_at, t.started_at) + c.shift + interval '1 s'",
        "parent_span_id": f"CASE t.parent_span_id WHEN '' THEN '' ELSE {_SPAN.format('t.parent_span_id')} END",
        "rank": f"CASE WHEN t.ended_at IS NULL THEN t.rank ELSE int8send({_RANKED_END} + c.shift_us) "
        "|| substr(t.rank, 9) END",
    },
    "payloads": _EVENT_KEY
    | {
        # A value as short as that is stored as it came.
        "input": f"CASE WHEN position('{NUMBER}'::bytea IN t.input) > 0 THEN "
        f"convert_to(replace(convert_from(t.input, 'UTF8'), '{NUMBER}', c.number), 'UTF8') ELSE t.input END"
    },
    "search_documents": _KEY
    | {
        "terms": f"ts_delete(t.terms, '{NUMBER}') || array_to_tsvector(ARRAY[c.number])",
        "segment_id": "c.segment_id",
    },
    "traces": _KEY
    | _SESSION
    | _PREVIEW
    | {
        "ended_at": "t.ended_at + c.shift",
        "created_at": "coalesce(t.ended_at, t.started_at) + c.shift + interval '1 s'",
        "updated_at": "coalesce(t.ended_at, t.started_at) + c.shift + interval '1 s'",
        "fold_state": "t.fold_state || jsonb_build_object("
        "'last_us', (t.fold_state->>'last_us')::bigint + c.shift_us, 'sources', ("
        "SELECT jsonb_object_agg(key, jsonb_build_array(value->0, (value->>1)::bigint + c.shift_us, "
        f"{_SPAN.format('(value->>2)')})) FROM jsonb_each(t.fold_state->'sources')))",
    },
}

# As `ingest/search.py` makes them, of the documents of one day's copies.
_SEGMENTS: LiteralString = """
INSERT INTO search_segments (project_id, started_at, segment_id, terms)
SELECT d.project_id, max(d.started_at), d.segment_id,
    array_agg(DISTINCT (crc32(convert_to(w.lexeme, 'UTF8')) - 2147483648)::int)
FROM copies AS c JOIN search_documents AS d USING (project_id, trace_id), unnest(d.terms) AS w
WHERE c.day = %(day)s AND d.started_at >= %(day)s::date AND d.started_at < %(day)s::date + 1
GROUP BY d.project_id, d.segment_id
"""
_DOCUMENTS_A_SEGMENT = 30

# As `ingest/step_figures.py` counts.
_STEP_HOURS: tuple[LiteralString, ...] = (
    "TRUNCATE step_hours",
    """
    INSERT INTO step_hours
    SELECT project_id, 'workflow', workflow_name, date_trunc('hour', started_at), count(*), sum(event_count),
        count(*) FILTER (WHERE status = 'error'), sum(total_tokens), coalesce(sum(cost_micros), 0),
        coalesce(sum(duration_ms), 0)
    FROM traces WHERE event_count > 0 GROUP BY 1, 3, 4
    """,
    """
    INSERT INTO step_hours
    SELECT project_id, CASE kind WHEN 'tool' THEN 'tool' ELSE 'prompt' END,
        CASE kind WHEN 'tool' THEN coalesce(nullif(tool_name, ''), name) ELSE prompt_hash END AS step,
        date_trunc('hour', started_at) AS hour, count(*), count(*), count(*) FILTER (WHERE status = 'error'),
        coalesce(sum(total_tokens), 0), coalesce(sum(cost_micros), 0), coalesce(sum(duration_ms), 0)
    FROM events WHERE kind = 'tool' OR (kind = 'ai' AND prompt_hash IS NOT NULL) GROUP BY 1, 2, 3, 4
    """,
)
# What the other projects know of the first one's steps and errors, and what became of the items they sent.
_FACTS: tuple[LiteralString, ...] = (
    """
    INSERT INTO steps (project_id, kind, key, name, workflow_name, model, first_seen_at)
    SELECT p.id, kind, key, name, workflow_name, model, now() - %(days)s * interval '1 day'
    FROM steps CROSS JOIN unnest(%(projects)s::bigint[]) AS p (id) WHERE project_id = %(first_project)s
    ON CONFLICT (project_id, kind, key) DO UPDATE SET first_seen_at = excluded.first_seen_at
    """,
    """
    INSERT INTO error_groups
    SELECT p.id, fingerprint, kind, name, message
    FROM error_groups CROSS JOIN unnest(%(projects)s::bigint[]) AS p (id) WHERE project_id = %(first_project)s
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO resources
    SELECT p.id, hash, attributes, first_seen_at
    FROM resources CROSS JOIN unnest(%(projects)s::bigint[]) AS p (id) WHERE project_id = %(first_project)s
    ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO ingest_counts AS c (project_id, door, hour, code, items)
    SELECT t.project_id, 'otlp', date_trunc('hour', t.updated_at), 'accepted', sum(t.event_count)
    FROM traces AS t JOIN copies USING (project_id, trace_id) GROUP BY 1, 3
    ON CONFLICT (project_id, door, hour, code) DO UPDATE SET items = c.items + excluded.items
    """,
)
_PROJECTS: tuple[LiteralString, ...] = (
    """
    INSERT INTO observability_project (
        organization_id, name, slug, capture_inputs, capture_outputs, capture_error_stacks, capture_attributes,
        created_at
    )
    SELECT organization_id, 'Project ' || n, 'project-' || n, true, true, true, true, created_at
    FROM observability_project CROSS JOIN generate_series(2, %(count)s) AS n WHERE id = %(first_project)s
    ON CONFLICT DO NOTHING
    """,
    "SELECT array_agg(id ORDER BY id) FROM observability_project",
)


def copy_traces(
    database_url: str,
    *,
    project_id: int,
    ended: list[str],
    running: list[str],
    copies: int,
    say: Callable[[str], None],
) -> None:
    """Copy the traces of a project over `DAYS` days and `PROJECTS` projects, most of them into that project.

    Copies of `running` traces started within the last half hour. Their day partitions must be there. About 40 s a
    million events on one core; a day is a transaction. Everything is vacuumed and analyzed at the end.
    """
    with psycopg.connect(database_url, autocommit=True) as database:
        # A copy's rows shall lie side by side, in the order in which traces began, as ingest leaves them.
        for setting in ("statement_timeout = 0", "enable_hashjoin = off", "enable_mergejoin = off"):
            database.execute(sql.SQL("SET {}").format(sql.SQL(setting)))
        database.execute("SET synchronous_commit = off")
        database.execute("SELECT setseed(0.5)")
        _take_templates(database, project_id, [*ended, *running])
        projects = _make_projects(database, project_id)
        database.execute(
            _COPIES,
            {
                "projects": projects,
                "others": len(projects) - 1,
                "days": DAYS,
                "copies": copies,
                "ended": len(ended),
                "running": len(running),
                "first": FIRST_NUMBER,
                "in_segment": _DOCUMENTS_A_SEGMENT,
            },
        )
        database.execute("CREATE INDEX ON copies (day)")
        database.execute("ANALYZE copies")
        for day in _list_days(database):
            say(f"copying {day}")
            with database.transaction():
                for table in _OVERRIDES:
                    database.execute(_spell_copy(database, table), {"day": day})
                database.execute(_SEGMENTS, {"day": day})
        say("summing up")
        database.execute("RESET enable_hashjoin")
        database.execute("TRUNCATE trace_days")
        for statement in (*_FACTS, *_STEP_HOURS):
            values = {"projects": projects, "first_project": project_id, "days": DAYS}
            database.execute(statement, values if "%(" in statement else None)
        say("vacuum")
        database.execute("VACUUM (ANALYZE)")
        database.execute("CHECKPOINT")


def _take_templates(database: psycopg.Connection, project_id: int, trace_ids: list[str]) -> None:
    """Put the templates' rows into temporary tables `template_...`, with the place of their trace in the list."""
    for table in _OVERRIDES:
        taken = sql.Identifier(f"template_{table}")
        values = {"project": project_id, "traces": trace_ids}
        query = sql.SQL(
            "CREATE TEMP TABLE {} AS SELECT wanted.place::int, stored.* FROM {} AS stored "
            "JOIN unnest(%(traces)s::text[]) WITH ORDINALITY AS wanted (trace_id, place) USING (trace_id) "
            "WHERE project_id = %(project)s"
        )
        database.execute(query.format(taken, sql.Identifier(table)), values)
        database.execute(sql.SQL("CREATE INDEX ON {} (place)").format(taken))
        database.execute(sql.SQL("ANALYZE {}").format(taken))


def _make_projects(database: psycopg.Connection, project_id: int) -> list[int]:
    """Return the ids of `PROJECTS` projects, that of the given one first."""
    make, list_all = _PROJECTS
    database.execute(make, {"count": PROJECTS, "first_project": project_id})
    row = database.execute(list_all).fetchone()
    assert row is not None
    return [project_id, *(found for found in row[0] if found != project_id)]


def _list_days(database: psycopg.Connection) -> Iterator[date]:
    row = database.execute("SELECT min(day), max(day) FROM copies").fetchone()
    assert row is not None
    first, last = row
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def _spell_copy(database: psycopg.Connection, table: str) -> sql.Composed:
    """Return the statement that copies one table's rows of one day."""
    columns = [
        name
        for (name,) in database.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
            "AND attgenerated = '' ORDER BY attnum",
            [table],
        )
    ]
    overrides = _OVERRIDES[table]
    values = [
        sql.SQL(overrides[name]) if name in overrides else sql.SQL("t.{}").format(sql.Identifier(name))
        for name in columns
    ]
    return sql.SQL(
        "INSERT INTO {} ({}) SELECT {} FROM copies AS c JOIN {} AS t USING (place) WHERE c.day = %(day)s"
    ).format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(values),
        sql.Identifier(f"template_{table}"),
    )
