"""The writer's SQL, and the forms in which values cross to and from Postgres. Pure: nothing is executed here.

Rows go by binary COPY. A `timestamptz` travels as the int8 it is inside (microseconds since 2000), a tsvector in its
binary form, so neither side parses text. Summaries are few and wide: they travel as one JSON document.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import msgspec
from psycopg import sql
from psycopg.types.json import Jsonb

from observability.ingest import native
from observability.ingest.rows import EventRow, LogRow, PayloadRow, SearchRow, SegmentRow
from observability.ingest.summaries import FoldState, Summary

_PG_EPOCH_US = 946_684_800_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_datetime(time_us: int) -> datetime:
    """Return the moment `time_us` microseconds after 1970, exact."""
    return _EPOCH + timedelta(microseconds=time_us)


def to_us(moment: datetime) -> int:
    """Return microseconds since 1970, exact (a float timestamp is not)."""
    return (moment - _EPOCH) // _MICROSECOND


# `flags` and the like are int4 columns: binary COPY wants the exact width.
_INT4_COLUMNS = {"flags", "part"}


class StoreTable:
    """How rows of one class reach one table: COPY, and staging plus upsert for rows that exist."""

    def __init__(self, name: LiteralString, row: type[msgspec.Struct], *, keep: dict[str, LiteralString]) -> None:
        """Read the columns off the row class.

        Parameters
        ----------
        name
            The table.
        row
            Its fields are the columns; `_us` fields are timestamps without the suffix.
        keep
            SQL by column, for what an upsert sets to something else than the new value.
        """
        fields = row.__struct_fields__
        self.columns = [field.removesuffix("_us") for field in fields]
        self._times = [place for place, field in enumerate(fields) if field.endswith("_us")]
        self._json = [place for place, field in enumerate(fields) if field == "field_ranks"]
        self.types = [_find_type(info) for info in msgspec.structs.fields(row)]
        self._letters = bytes(ord(_LETTERS.get(kind, "?")) for kind in self.types)
        for place in self._times:
            self._letters = self._letters[:place] + b"t" + self._letters[place + 1 :]
        names = sql.SQL(", ").join(map(sql.Identifier, self.columns))
        table, staged = sql.Identifier(name), sql.Identifier(f"staged_{name}")
        copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)")
        self.copy = copy.format(table, names).as_bytes()
        self.copy_staged = copy.format(staged, names).as_bytes()
        create = sql.SQL("CREATE TEMP TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA")
        self.create_staging = create.format(staged, names, table).as_bytes()
        upsert = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ON CONFLICT ({}) DO UPDATE SET {}")
        key = sql.SQL(", ").join(map(sql.Identifier, _KEY))
        changes = _set_clause([column for column in self.columns if column not in _KEY], keep)
        self.upsert = upsert.format(table, names, names, staged, key, changes).as_bytes()

    def encode(self, rows: Sequence[msgspec.Struct]) -> bytes | None:
        """Return rows as the whole of a COPY, or None where that is not compiled or a value is a rare one."""
        return native.encode_rows(_encode(rows), self._letters)

    def to_values(self, row: msgspec.Struct) -> list[Any]:
        """Return the row's values as COPY takes them."""
        values = list(msgspec.structs.astuple(row))
        for place in self._times:
            if values[place] is not None:
                values[place] -= _PG_EPOCH_US
        for place in self._json:
            if values[place] is not None:
                values[place] = Jsonb(values[place])
        return values


_encode = msgspec.msgpack.Encoder().encode
_LETTERS = {"int4": "i", "int8": "b", "float8": "f", "text": "s", "bytea": "s", "text[]": "a"}
"""How `native.encode_rows` calls the types that it knows."""
_KEY = ("project_id", "trace_id", "started_at", "span_id")


def _find_type(field: msgspec.structs.FieldInfo) -> str:
    if field.name in _INT4_COLUMNS:
        return "int4"
    if field.name == "field_ranks":
        return "jsonb"
    if field.name == "tags":
        return "text[]"
    kind = msgspec.inspect.type_info(field.type)
    names = {type(part).__name__ for part in getattr(kind, "types", (kind,))}
    for name, found in (("IntType", "int8"), ("FloatType", "float8"), ("BytesType", "bytea"), ("StrType", "text")):
        if name in names:
            return found
    raise TypeError(f"{field.name}: no COPY type for {field.type}")


def _set_clause(columns: list[str], keep: dict[str, LiteralString]) -> sql.Composed:
    return sql.SQL(", ").join(
        sql.SQL("{} = {}").format(
            sql.Identifier(column),
            sql.SQL(keep[column]) if column in keep else sql.SQL("excluded.{}").format(sql.Identifier(column)),
        )
        for column in columns
    )


_REPLAY_COPY: LiteralString = "CASE WHEN excluded.{0} IS NULL THEN payloads.replay_{0} ELSE excluded.replay_{0} END"

EVENTS = StoreTable("events", EventRow, keep={})
# A changed event's payload row holds only what the merge took from the new half; the rest stays. A replay copy
# belongs to its value and goes with it.
PAYLOADS = StoreTable(
    "payloads",
    PayloadRow,
    keep={
        "input": "coalesce(excluded.input, payloads.input)",
        "output": "coalesce(excluded.output, payloads.output)",
        "attributes": "coalesce(excluded.attributes, payloads.attributes)",
        "error_stack": "coalesce(excluded.error_stack, payloads.error_stack)",
        "extra": "coalesce(excluded.extra, payloads.extra)",
        "replay_input": _REPLAY_COPY.format("input"),
        "replay_output": _REPLAY_COPY.format("output"),
        "replay_extra": _REPLAY_COPY.format("extra"),
    },
)
LOG_RECORDS = StoreTable("log_records", LogRow, keep={})
SEARCH_DOCUMENTS = StoreTable("search_documents", SearchRow, keep={})
SEARCH_SEGMENTS = StoreTable("search_segments", SegmentRow, keep={})

_EVENT_COLUMNS = sql.SQL(", ").join(sql.SQL("e.") + sql.Identifier(column) for column in EVENTS.columns)

# All that a summary says of its row; Postgres adds `facets_hash`.
_SUMMARY_COLUMNS = [
    *(field.removesuffix("_us") for field in Summary.__struct_fields__ if field != "is_stale"),
    "status",
    "ended_at",
    "duration_ms",
    "updated_at",
    "created_at",
]
_NEVER_CHANGED = {"project_id", "trace_id", "created_at"}
_INSERT_SUMMARIES = sql.SQL(
    """
INSERT INTO traces ({names})
SELECT {names} FROM json_populate_recordset(NULL::traces, %s::json) AS t ORDER BY t.project_id, t.trace_id
ON CONFLICT (project_id, trace_id) DO UPDATE SET
"""
).format(names=sql.SQL(", ").join(map(sql.Identifier, _SUMMARY_COLUMNS)))

LOCK_TRACES = (
    sql.SQL("{} version = traces.version + 1 RETURNING project_id, trace_id, version, deleted_at IS NOT NULL")
    .format(_INSERT_SUMMARIES)
    .as_bytes()
)

LOAD_SUMMARIES = """
SELECT t.* FROM unnest(%s::bigint[], %s::text[]) AS k (project_id, trace_id)
JOIN traces AS t USING (project_id, trace_id)
"""

STORE_SUMMARIES = (
    sql.SQL("{} {}")
    .format(_INSERT_SUMMARIES, _set_clause([name for name in _SUMMARY_COLUMNS if name not in _NEVER_CHANGED], {}))
    .as_bytes()
)

_FROM_KEYS = sql.SQL(
    """
FROM unnest(%(projects)s::bigint[], %(traces)s::text[], %(times)s::timestamptz[], %(spans)s::text[])
    AS k (project_id, trace_id, started_at, span_id)
"""
)
LOAD_EVENTS = (
    sql.SQL(
        """
SELECT {} {} JOIN events AS e USING (project_id, trace_id, started_at, span_id)
WHERE e.started_at BETWEEN %(first)s AND %(last)s
"""
    )
    .format(_EVENT_COLUMNS, _FROM_KEYS)
    .as_bytes()
)

LOAD_LOG_KEYS = (
    sql.SQL(
        """
SELECT l.project_id, l.trace_id, l.logged_at, k.span_id {}
JOIN log_records AS l ON l.project_id = k.project_id AND l.trace_id = k.trace_id AND l.logged_at = k.started_at
    AND l.record_hash = decode(k.span_id, 'hex')
WHERE l.logged_at BETWEEN %(first)s AND %(last)s
"""
    )
    .format(_FROM_KEYS)
    .as_bytes()
)

LOAD_TRACE_EVENTS = (
    sql.SQL("SELECT {} FROM events AS e WHERE e.project_id = %s AND e.trace_id = %s AND e.started_at >= %s")
    .format(_EVENT_COLUMNS)
    .as_bytes()
)

STORE_STEPS = """
INSERT INTO steps (project_id, kind, key, name, workflow_name, model, first_seen_at)
SELECT k.*, %s FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[]) AS k
ORDER BY 1, 2, 3
ON CONFLICT (project_id, kind, key) DO NOTHING
"""

STORE_STEP_HOURS = """
INSERT INTO step_hours AS s
    (project_id, kind, key, hour, calls, events, errors, total_tokens, cost_micros, duration_ms)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[],
    %s::bigint[], %s::bigint[], %s::float8[])
ON CONFLICT (project_id, kind, key, hour) DO UPDATE SET
    calls = s.calls + excluded.calls,
    events = s.events + excluded.events,
    errors = s.errors + excluded.errors,
    total_tokens = s.total_tokens + excluded.total_tokens,
    cost_micros = s.cost_micros + excluded.cost_micros,
    duration_ms = s.duration_ms + excluded.duration_ms
"""

STORE_ERROR_GROUPS = """
INSERT INTO error_groups (project_id, fingerprint, kind, name, message)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[])
ON CONFLICT (project_id, fingerprint) DO NOTHING
"""

STORE_RESOURCES = """
INSERT INTO resources (project_id, hash, attributes, first_seen_at)
SELECT k.*, %s FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[]) AS k
ON CONFLICT (project_id, hash) DO NOTHING
"""

# A session's metadata is what it said last; a heartbeat that arrives late moves nothing back.
STORE_SESSION = """
INSERT INTO sdk_sessions AS s (project_id, session_id, metadata, first_seen_at, last_seen_at, ended_at)
VALUES (%(project_id)s, %(session_id)s, %(metadata)s, %(seen_at)s, %(seen_at)s, %(ended_at)s)
ON CONFLICT (project_id, session_id) DO UPDATE SET
    metadata = CASE WHEN excluded.last_seen_at >= s.last_seen_at THEN excluded.metadata ELSE s.metadata END,
    first_seen_at = least(s.first_seen_at, excluded.first_seen_at),
    last_seen_at = greatest(s.last_seen_at, excluded.last_seen_at),
    ended_at = greatest(s.ended_at, excluded.ended_at)
"""

STORE_COUNTS = """
INSERT INTO ingest_counts AS c (project_id, door, hour, code, items)
SELECT k.project_id, k.door, %s, k.code, k.items
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[]) AS k (project_id, door, code, items)
ON CONFLICT (project_id, door, hour, code) DO UPDATE SET items = c.items + excluded.items
"""

STORE_REJECTIONS = """
INSERT INTO ingest_rejections
    (received_at, project_id, door, code, reason, item_index, trace_id, span_id, public_id)
SELECT %s, k.* FROM unnest(
    %s::bigint[], %s::text[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[], %s::text[]
) AS k
"""

STORE_KEY_DAYS = """
INSERT INTO key_days AS d (day, last_at, project_id, public_id, code, items)
SELECT %s::date, %s, k.* FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[]) AS k
ON CONFLICT (project_id, public_id, day, code) DO UPDATE
SET items = d.items + excluded.items, last_at = greatest(d.last_at, excluded.last_at)
"""


def encode_summaries(summaries: list[Summary], now_us: int) -> str:
    """Return the summaries as the JSON that `json_populate_recordset` reads."""
    now = to_datetime(now_us)
    rows = []
    for summary in summaries:
        row = msgspec.structs.asdict(summary)
        del row["is_stale"]
        ended_at_us = summary.ended_at_us
        row["started_at"] = to_datetime(row.pop("started_at_us"))
        row["ended_at"] = None if ended_at_us is None else to_datetime(ended_at_us)
        row["status"] = summary.status
        row["duration_ms"] = summary.duration_ms
        row["created_at"] = row["updated_at"] = now
        rows.append(row)
    return msgspec.json.encode(rows).decode()


def decode_summary(row: dict[str, Any]) -> Summary:
    """Return the summary that a row of `traces` holds."""
    values = {
        field: row[field]
        for field in Summary.__struct_fields__
        if field not in {"started_at_us", "fold_state", "is_stale"}
    }
    return Summary(
        **values,
        started_at_us=to_us(row["started_at"]),
        fold_state=msgspec.convert(row["fold_state"], FoldState),
    )


def copy_summary(summary: Summary) -> Summary:
    """Return an independent copy, to be folded on."""
    state = summary.fold_state
    return msgspec.structs.replace(
        summary,
        model_names=list(summary.model_names),
        tags=list(summary.tags),
        fold_state=msgspec.structs.replace(state, sources=dict(state.sources)),
    )


def decode_event(values: tuple[Any, ...]) -> EventRow:
    """Return the event that a row selected by `EVENTS.columns` holds."""
    row = dict(zip(EventRow.__struct_fields__, values, strict=True))
    for field in ("started_at_us", "received_at_us", "ended_at_us"):
        if row[field] is not None:
            row[field] = to_us(row[field])
    return EventRow(**row)
