from __future__ import annotations

import pytest

from tests.citus.rules import find_breaches

RANGE = "started_at >= %s AND started_at < %s"
UPSERT = "INSERT INTO steps (project_id, kind, key) VALUES (%s, %s, %s) ON CONFLICT (project_id, kind, key)"

ALLOWED = (
    "SELECT count(*) FROM observability_project",
    f"SELECT count(*) FROM events WHERE project_id = %s AND {RANGE}",
    'SELECT "events"."id" FROM "events" WHERE ("events"."project_id" = %s AND "events"."started_at" BETWEEN %s AND %s)',
    "SELECT 1 FROM events AS e JOIN payloads AS p USING (project_id, trace_id, started_at, span_id) "
    "WHERE e.project_id = %(project)s AND (e.started_at, e.id) < (%(at)s, %(id)s)",
    f"DELETE FROM events WHERE project_id = %s AND {RANGE} AND (trace_id, span_id) IN "
    f"(SELECT trace_id, span_id FROM events WHERE project_id = %s AND {RANGE} LIMIT 10)",
    "SELECT sum(events) FROM step_hours WHERE project_id = ANY(%s) AND hour > %s",
    "SELECT id FROM traces WHERE project_id = %s AND trace_id = %s FOR UPDATE",
    "SELECT 'FROM events' AS text -- FROM events",
    f"{UPSERT} DO UPDATE SET name = excluded.name",
    "INSERT INTO steps (project_id, kind, key) SELECT %s, now(), %s ON CONFLICT DO NOTHING",
    "CREATE INDEX found ON traces (project_id, found_at)",
    "DELETE FROM events_p20260101 WHERE project_id = %s",
)

REFUSED = (
    ("SELECT count(*) FROM events WHERE started_at > %s", "events: no project"),
    ("SELECT count(*) FROM events WHERE project_id = %s ORDER BY started_at", "events: no time range"),
    ("DELETE FROM log_records WHERE project_id = %s", "log_records: no time range"),
    ('UPDATE "payloads" SET "input" = %s WHERE "payloads"."project_id" = %s', "payloads: no time range"),
    (
        f"SELECT 1 FROM events WHERE project_id = %s AND {RANGE} AND trace_id IN "
        "(SELECT trace_id FROM search_documents WHERE project_id = %s AND terms @@ %s)",
        "search_documents: no time range",
    ),
    (
        "SELECT 1 FROM events AS e JOIN payloads AS p ON p.project_id = e.project_id AND p.span_id = e.span_id "
        "WHERE e.project_id = %s AND e.started_at > %s",
        "payloads: no time range",
    ),
    (
        f"SELECT 1 FROM events WHERE project_id = %s AND {RANGE} UNION ALL SELECT 2 FROM events WHERE project_id = %s",
        "events: no time range",
    ),
    ("WITH old AS (SELECT * FROM traces) SELECT * FROM old WHERE project_id = %s", "traces: no project"),
    ("SELECT 1 FROM traces WHERE trace_id = %s FOR UPDATE", "traces: FOR UPDATE across projects is refused"),
    (f"{UPSERT} DO UPDATE SET first_seen_at = now()", "DO UPDATE SET must be immutable: pass the value in"),
    (f"{UPSERT} DO UPDATE SET seen = CURRENT_TIMESTAMP", "DO UPDATE SET must be immutable: pass the value in"),
    (
        "INSERT INTO steps (kind, key) VALUES (%s, %s) ON CONFLICT (kind, key) DO NOTHING",
        "steps: a conflict target without the project",
    ),
    ("SELECT pg_try_advisory_lock(1)", "advisory locks and LISTEN/NOTIFY reach the connected node only"),
    (
        "SELECT 1 FROM traces AS t JOIN observability_project AS p ON p.id = t.project_id",
        "a join with a table of the coordinator",
    ),
    ("NOTIFY changed", "advisory locks and LISTEN/NOTIFY reach the connected node only"),
    (
        "CREATE TRIGGER count AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION count()",
        "triggers on distributed tables are refused",
    ),
    ("CREATE TABLE notes (trace_id text REFERENCES traces)", "foreign keys to or from the store"),
    ("ALTER TABLE steps ADD FOREIGN KEY (project_id) REFERENCES p", "foreign keys to or from the store"),
    ("CREATE INDEX CONCURRENTLY late ON events (id)", "CONCURRENTLY on a partitioned parent is refused"),
    (
        "ALTER TABLE events DETACH PARTITION events_p20260101 CONCURRENTLY",
        "CONCURRENTLY on a partitioned parent is refused",
    ),
)


@pytest.mark.parametrize("statement", ALLOWED)
def test_find_breaches__statement_that_citus_runs__none(statement: str) -> None:
    assert find_breaches(statement) == ()


@pytest.mark.parametrize(("statement", "breach"), REFUSED)
def test_find_breaches__statement_that_breaks_a_rule__names_it(statement: str, breach: str) -> None:
    assert breach in find_breaches(statement)
