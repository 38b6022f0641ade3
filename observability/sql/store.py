"""The store's tables as first made. Frozen with migration 0002: later changes are later migrations.

Rules (docs/adr): `project_id` in every key, no foreign keys, no triggers, nothing that Citus refuses. Values are
compressed before they arrive, so their columns are stored EXTERNAL: Postgres must not try again.
Every partitioned table has a default partition, for times far off now.
"""

from __future__ import annotations

EVENTS = """
CREATE TABLE events (
    id bigint NOT NULL DEFAULT nextval('event_id_seq'),
    project_id bigint NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    version bigint NOT NULL,
    received_at timestamptz NOT NULL,
    duration_ms double precision,
    input_tokens bigint,
    cached_input_tokens bigint,
    cache_write_tokens bigint,
    output_tokens bigint,
    reasoning_tokens bigint,
    audio_in_tokens bigint,
    audio_out_tokens bigint,
    total_tokens bigint,
    cost_micros bigint,
    input_bytes bigint,
    output_bytes bigint,
    sdk_event_id bigint,
    flags integer NOT NULL,
    trace_id text NOT NULL,
    span_id text NOT NULL,
    parent_span_id text,
    kind text NOT NULL,
    name text NOT NULL,
    status text NOT NULL,
    source text NOT NULL,
    dialect text,
    error_type text,
    error_message text,
    model text,
    provider text,
    workflow_name text,
    session_id text,
    user_id text,
    environment text,
    service_name text,
    service_version text,
    correlation_id text,
    agent_name text,
    prompt_hash text,
    prompt_name text,
    prompt_version text,
    tool_name text,
    input_preview text,
    output_preview text,
    tags text[],
    resource_hash bytea,
    rank bytea NOT NULL,
    field_ranks jsonb,
    -- The dedupe key, and the order in which a trace's events are read: one index serves both.
    PRIMARY KEY (project_id, trace_id, started_at, span_id)
) PARTITION BY RANGE (started_at)
"""

# Calls of one tool, prompt or model, newest first.
EVENTS_BY_NAME = "CREATE INDEX events_by_name ON events (project_id, kind, name, started_at DESC)"
# Errors are few: a partial index costs little and serves error lists.
EVENTS_ERRORS = "CREATE INDEX events_errors ON events (project_id, started_at DESC) WHERE status = 'error'"
# Numbers that clients name (`originalEventDbId`): rows lie nearly in id order, so a block-range index is enough.
EVENTS_BY_ID = "CREATE INDEX events_by_id ON events USING brin (id) WITH (pages_per_range = 16)"

PAYLOADS = """
CREATE TABLE payloads (
    project_id bigint NOT NULL,
    started_at timestamptz NOT NULL,
    trace_id text NOT NULL,
    span_id text NOT NULL,
    input bytea,
    output bytea,
    attributes bytea,
    error_stack bytea,
    extra bytea,
    replay_input bytea,
    replay_output bytea,
    replay_extra bytea,
    PRIMARY KEY (project_id, trace_id, started_at, span_id)
) PARTITION BY RANGE (started_at)
"""

LOG_RECORDS = """
CREATE TABLE log_records (
    id bigint NOT NULL DEFAULT nextval('event_id_seq'),
    project_id bigint NOT NULL,
    logged_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    version bigint NOT NULL,
    sequence bigint,
    flags integer NOT NULL,
    trace_id text NOT NULL,
    record_hash bytea NOT NULL,
    span_id text,
    stream text NOT NULL,
    level text NOT NULL,
    type text,
    node text,
    message text NOT NULL,
    fields bytea,
    resource_hash bytea,
    PRIMARY KEY (project_id, trace_id, logged_at, record_hash)
) PARTITION BY RANGE (logged_at)
"""

SEARCH_DOCUMENTS = """
CREATE TABLE search_documents (
    project_id bigint NOT NULL,
    started_at timestamptz NOT NULL,
    version bigint NOT NULL,
    part integer NOT NULL,
    trace_id text NOT NULL,
    terms tsvector NOT NULL,
    PRIMARY KEY (project_id, trace_id, started_at, version, part)
) PARTITION BY RANGE (started_at)
"""
# One row per trace and commit, so a term is indexed once for all the events that share it.
SEARCH_TERMS = "CREATE INDEX search_documents_terms ON search_documents USING gin (terms)"

TRACES = """
CREATE TABLE traces (
    project_id bigint NOT NULL,
    trace_id text NOT NULL,
    version bigint NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    duration_ms double precision,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    input_tokens bigint NOT NULL,
    output_tokens bigint NOT NULL,
    total_tokens bigint NOT NULL,
    cost_micros bigint,
    event_count integer NOT NULL,
    open_count integer NOT NULL,
    error_count integer NOT NULL,
    log_count integer NOT NULL,
    unpriced_count integer NOT NULL,
    flags integer NOT NULL,
    workflow_name text NOT NULL,
    status text NOT NULL,
    source text NOT NULL,
    session_id text,
    user_id text,
    environment text,
    service_name text,
    service_version text,
    correlation_id text,
    agent_name text,
    input_preview text,
    output_preview text,
    error_message text,
    model_names text[] NOT NULL,
    tags text[] NOT NULL,
    fold_state jsonb NOT NULL,
    PRIMARY KEY (project_id, trace_id)
) WITH (fillfactor = 80)
"""
# The trace list, newest first.
TRACES_NEWEST = "CREATE INDEX traces_newest ON traces (project_id, started_at DESC, trace_id DESC)"
# One workflow's calls and health.
TRACES_BY_WORKFLOW = (
    "CREATE INDEX traces_by_workflow ON traces (project_id, workflow_name, started_at DESC, trace_id DESC)"
)
# The list filtered to what is rare: errors and running traces.
TRACES_NOT_OK = (
    "CREATE INDEX traces_not_ok ON traces (project_id, status, started_at DESC, trace_id DESC) WHERE status <> 'ok'"
)
# The conversation a trace belongs to, and the session whose unattributed events are inferred to belong to a trace.
TRACES_BY_SESSION = (
    "CREATE INDEX traces_by_session ON traces (project_id, session_id, started_at DESC) WHERE session_id IS NOT NULL"
)

RESOURCES = """
CREATE TABLE resources (
    project_id bigint NOT NULL,
    hash bytea NOT NULL,
    attributes bytea NOT NULL,
    first_seen_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, hash)
)
"""

STEPS = """
CREATE TABLE steps (
    project_id bigint NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    name text NOT NULL,
    workflow_name text,
    model text,
    first_seen_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, kind, key)
)
"""

STEP_HOURS = """
CREATE TABLE step_hours (
    project_id bigint NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    hour timestamptz NOT NULL,
    calls bigint NOT NULL,
    events bigint NOT NULL,
    errors bigint NOT NULL,
    total_tokens bigint NOT NULL,
    cost_micros bigint NOT NULL,
    duration_ms double precision NOT NULL,
    PRIMARY KEY (project_id, kind, key, hour)
) WITH (fillfactor = 70)
"""

SDK_SESSIONS = """
CREATE TABLE sdk_sessions (
    project_id bigint NOT NULL,
    session_id text NOT NULL,
    metadata jsonb NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (project_id, session_id)
) WITH (fillfactor = 80)
"""

INGEST_COUNTS = """
CREATE TABLE ingest_counts (
    project_id bigint NOT NULL,
    door text NOT NULL,
    hour timestamptz NOT NULL,
    code text NOT NULL,
    items bigint NOT NULL,
    PRIMARY KEY (project_id, door, hour, code)
) WITH (fillfactor = 70)
"""

INGEST_REJECTIONS = """
CREATE TABLE ingest_rejections (
    project_id bigint NOT NULL,
    id bigint NOT NULL DEFAULT nextval('event_id_seq'),
    item_index integer NOT NULL,
    received_at timestamptz NOT NULL,
    door text NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (project_id, id)
)
"""

# (In the column definitions only since Postgres 16; partitions take it over from their parent.)
_EXTERNAL = {
    "payloads": (
        "input",
        "output",
        "attributes",
        "error_stack",
        "extra",
        "replay_input",
        "replay_output",
        "replay_extra",
    ),
    "log_records": ("fields",),
}

_FIRST_PARTITIONED = ("events", "payloads", "log_records", "search_documents")
PARTITIONED = (*_FIRST_PARTITIONED, "search_segments")
"""Tables with a partition a day. The last came with migration 0014."""
# Every table that is distributed by project where Citus is there: those that grow with what is sent.
DISTRIBUTED = (
    *PARTITIONED,
    "traces",
    "trace_days",
    "resources",
    "steps",
    "step_hours",
    "error_groups",
    "sdk_sessions",
    "ingest_counts",
    "ingest_rejections",
    "key_days",
)

CREATE_STORE = (
    "CREATE SEQUENCE event_id_seq CACHE 64",
    EVENTS,
    EVENTS_BY_NAME,
    EVENTS_ERRORS,
    EVENTS_BY_ID,
    PAYLOADS,
    LOG_RECORDS,
    SEARCH_DOCUMENTS,
    SEARCH_TERMS,
    TRACES,
    TRACES_NEWEST,
    TRACES_BY_WORKFLOW,
    TRACES_NOT_OK,
    TRACES_BY_SESSION,
    RESOURCES,
    STEPS,
    STEP_HOURS,
    SDK_SESSIONS,
    INGEST_COUNTS,
    INGEST_REJECTIONS,
    *(
        f"ALTER TABLE {table} ALTER COLUMN {column} SET STORAGE EXTERNAL"
        for table, columns in _EXTERNAL.items()
        for column in columns
    ),
    *(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT" for table in _FIRST_PARTITIONED),
)

DROP_STORE = (
    "DROP TABLE ingest_rejections, ingest_counts, sdk_sessions, step_hours, steps, resources, traces, "
    "search_documents, log_records, payloads, events",
    "DROP SEQUENCE event_id_seq",
)
