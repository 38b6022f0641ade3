"""Many traces at once, straight into the tables: the list's volume, not its way in."""

from __future__ import annotations

import psycopg

DAYS = 30
_DOCUMENT_DAYS = 12

# Twenty projects, the first with two fifths of all; in each, traces thin out into the past like a product that grows.
_TRACES = """
INSERT INTO traces (
    project_id, trace_id, version, started_at, ended_at, duration_ms, created_at, updated_at, input_tokens,
    output_tokens, total_tokens, cost_micros, event_count, open_count, error_count, log_count, unpriced_count, flags,
    workflow_name, status, source, session_id, user_id, environment, service_name, service_version, correlation_id,
    agent_name, input_preview, output_preview, error_message, model_names, tags, fold_state
)
SELECT
    project_id, md5(n::text), n, started_at, started_at + lasts * interval '1 ms', lasts, started_at, started_at,
    tokens, tokens / 3, tokens + tokens / 3, tokens * 3, 13, 0, (status = 'error')::int, 0, 0, 0,
    (ARRAY['support_desk','research','billing','code_review','triage','onboarding','sales','reporting'])
        [1 + floor(8 * random() * random())],
    status, 'otlp', 'session-' || floor(random() * 100000), 'user-' || floor(random() * 5000), 'prod', 'bench-agent',
    '1.' || floor(random() * 9), NULL, 'agent-' || floor(random() * 8), 'Where is my order ' || n, 'It left on Monday.',
    CASE status WHEN 'error' THEN 'upstream timed out after 30 s' END,
    ARRAY[(ARRAY['gpt-4o','gpt-4o-mini','claude-sonnet-4','gemini-2.0-flash'])[1 + floor(4 * random())]],
    CASE WHEN random() < 0.2 THEN ARRAY['canary'] ELSE ARRAY[]::text[] END, '{}'
FROM (
    SELECT n,
        CASE WHEN random() < 0.4 THEN %(project)s ELSE 1000001 + floor(19 * random() * random()) END AS project_id,
        now() - (%(days)s * random() * random()) * interval '1 day' - interval '2 min' AS started_at,
        200 + 20000 * random() * random() AS lasts, floor(4000 * random())::bigint AS tokens,
        CASE WHEN random() < 0.02 THEN 'error' WHEN random() < 0.0002 THEN 'running' ELSE 'ok' END AS status
    FROM generate_series(1, %(traces)s) AS n
) AS made
"""
# Twelve words each: some in nearly every trace, most in few.
_DOCUMENTS = """
INSERT INTO search_documents (project_id, started_at, version, part, trace_id, terms)
SELECT project_id, started_at, version, 0, trace_id, array_to_tsvector(ARRAY[
    'order', CASE WHEN random() < 0.05 THEN 'refund' ELSE 'parcel' END,
    {words}
])
FROM traces WHERE started_at > now() - %(days)s * interval '1 day' AND fold_state = '{{}}'
""".format(words=", ".join("'word' || floor(20000 * random() * random())" for _ in range(10)))


def add_traces(database_url: str, *, project_id: int, traces: int) -> None:
    """Insert traces over the last `DAYS` days and search documents for the newer ones, and let Postgres take stock."""
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute("SET statement_timeout = 0")
        database.execute(_TRACES, {"project": project_id, "traces": traces, "days": DAYS})
        database.execute(_DOCUMENTS, {"days": _DOCUMENT_DAYS})
        database.execute("VACUUM (ANALYZE) traces")
        database.execute("ANALYZE search_documents")
