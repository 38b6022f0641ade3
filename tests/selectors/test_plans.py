"""Every list is read along the index that was made for it, and looks into no day that it was not asked about.

Six days of four projects, analyzed: enough rows that reading them all would be the dearer plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from observability.errors import NotFoundError
from observability.ingest.terms import hash_term
from observability.models import Step
from observability.query import parse_query
from observability.selectors.error_queries import LISTS
from observability.selectors.errors import get_error, list_error_samples, list_errors
from observability.selectors.event_details import get_event_by_id
from observability.selectors.events import EventWindow, list_events
from observability.selectors.logs import list_log_records
from observability.selectors.overview import (
    get_system_metrics,
    list_busiest_workflows,
    list_kind_figures,
    list_running,
    list_slowest,
)
from observability.selectors.prompts import get_prompt_text
from observability.selectors.step_health import get_step_health
from observability.selectors.step_series import list_step_latency, list_step_series
from observability.selectors.steps import get_step, list_step_calls, list_steps
from observability.selectors.trace_facets import get_trace_facets
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.trace_histogram import get_trace_histogram
from observability.selectors.traces import count_newer_traces, get_trace, list_traces, list_traces_by_id
from observability.selectors.unfit_days import list_unfit_days
from observability.services.partitions import ensure_partitions
from observability.sql.store import DISTRIBUTED
from tests.plans import explain

PROJECT = 900_001
DAYS = 6
TODAY = datetime.combine(timezone.now().date(), time(), tzinfo=timezone.get_current_timezone())
YESTERDAY = TODAY - timedelta(days=1)

_ROWS = (
    """
    INSERT INTO traces (
        project_id, trace_id, version, started_at, ended_at, duration_ms, created_at, updated_at, input_tokens,
        output_tokens, total_tokens, cost_micros, event_count, open_count, error_count, log_count, unpriced_count,
        flags, workflow_name, status, source, session_id, user_id, model_names, tags, fold_state
    )
    SELECT %(project)s + n %% 4, 'trace-' || n, 1, at, at + interval '5 s', 5000, at, at, 10, 10, 20, n, 3, 0, 0, 1, 0,
        0, 'workflow-' || n %% 7, CASE WHEN n %% 50 = 0 THEN 'error' WHEN n %% 400 = 4 THEN 'running' ELSE 'ok' END,
        'otlp', 'session-' || n %% 2000, 'user-' || n %% 500, ARRAY['gpt-4o'],
        CASE WHEN n %% 5 = 0 THEN ARRAY['canary'] ELSE '{}' END, '{}'
    FROM (SELECT n, %(end)s - n * %(every)s * interval '1 s' AS at FROM generate_series(1, %(traces)s) AS n) AS made
    """,
    """
    INSERT INTO events (
        project_id, trace_id, span_id, started_at, ended_at, version, received_at, duration_ms, flags, kind, name,
        status, source, parent_span_id, tool_name, prompt_hash, error_message, error_fingerprint, rank
    )
    SELECT project_id, trace_id, kind, started_at + place * interval '1 s', started_at + place * interval '2 s', 1,
        started_at, 1000, 0, kind, kind, CASE WHEN is_failed THEN 'error' ELSE 'ok' END, 'otlp',
        CASE WHEN place > 0 THEN 'workflow' END, CASE kind WHEN 'tool' THEN 'tool-' || n %% 9 END,
        CASE kind WHEN 'ai' THEN 'prompt-' || n %% 9 END, CASE WHEN is_failed THEN 'no' END,
        CASE WHEN is_failed THEN 'error-' || n %% 8 END, ''
    FROM (
        SELECT *, split_part(trace_id, '-', 2)::int AS n FROM traces
    ) AS t CROSS JOIN (VALUES (0, 'workflow'), (1, 'ai'), (2, 'tool')) AS e (place, kind)
    CROSS JOIN LATERAL (SELECT n %% 50 = 0 AND kind = 'tool' AS is_failed) AS f
    """,
    """
    INSERT INTO search_documents (project_id, started_at, version, part, trace_id, segment_id, terms)
    SELECT project_id, started_at, 1, 0, trace_id, split_part(trace_id, '-', 2)::int / 8,
        array_to_tsvector(ARRAY['order', 'number' || split_part(trace_id, '-', 2)]) FROM traces
    """,
    """
    INSERT INTO log_records
        (project_id, logged_at, received_at, version, flags, trace_id, record_hash, stream, level, message)
    SELECT project_id, started_at, started_at, 1, 0, trace_id, trace_id::bytea, 'log', 'info', 'a line' FROM traces
    """,
    """
    INSERT INTO steps
    SELECT project, kind, kind || '-' || n, kind || '-' || n, NULL, NULL, now()
    FROM generate_series(%(project)s, %(project)s + 3) AS project, generate_series(0, 9) AS n,
        unnest(ARRAY['workflow', 'tool', 'prompt']) AS kind
    """,
    """
    INSERT INTO step_hours
    SELECT project_id, kind, key, %(end)s - hour * interval '1 hour', 1, 1, 0, 1, 1, 1
    FROM steps CROSS JOIN generate_series(1, 150) AS hour
    """,
    """
    INSERT INTO error_groups
    SELECT project, 'error-' || n, 'tool', 'tool', 'no'
    FROM generate_series(%(project)s, %(project)s + 3) AS project, generate_series(0, 7) AS n
    """,
)


@pytest.fixture(scope="module")
def _rows(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Store them for all tests of this module, which change nothing."""
    traces = 24_000
    values: dict[str, Any] = {
        "project": PROJECT,
        "traces": traces,
        "every": DAYS * 86_400 / traces,
        "end": TODAY + timedelta(days=1),
    }
    with django_db_blocker.unblock():
        ensure_partitions(TODAY.date() - timedelta(days=DAYS), TODAY.date())
        with connection.cursor() as cursor:
            for statement in _ROWS:
                cursor.execute(statement, values)
            _store_segments(cursor)
            # Index-only scans need pages that are known to be visible to all.
            cursor.execute(f"VACUUM (ANALYZE) {', '.join(DISTRIBUTED)}")
        yield
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join(DISTRIBUTED)}")


def _store_segments(cursor: CursorWrapper) -> None:
    cursor.execute(
        "SELECT project_id, max(started_at), segment_id, array_agg(DISTINCT lexeme) "
        "FROM search_documents, unnest(terms) GROUP BY project_id, started_at::date, segment_id"
    )
    rows = [(*place, [hash_term(term.encode()) for term in terms]) for *place, terms in cursor.fetchall()]
    cursor.executemany("INSERT INTO search_segments VALUES (%s, %s, %s, %s)", rows)


@pytest.fixture(autouse=True)
def _read_rows(_rows: None, db: None) -> None:
    """Let every test see them."""


def _name(day: datetime) -> str:
    """Return what a partition of that day is called."""
    return f"{day:%Y%m%d}"


def _filter(q: str = "", **bounds: Any) -> TraceFilters:
    return TraceFilters(query=parse_query(q), **bounds)


def _ignore_missing(read: Callable[[], object]) -> None:
    """Read what ends by finding no payload, which these rows have none of."""
    with suppress(NotFoundError):
        read()


def _step(kind: str, number: int = 1) -> Step:
    return get_step(PROJECT, kind, f"{kind}-{number}")


@pytest.mark.parametrize(
    ("q", "index"),
    [
        ("", "traces_newest"),
        ("tag:canary", "traces_newest"),
        ("cost>1", "traces_newest"),
        ("status:ok", "traces_newest"),
        ("status:error", "traces_not_ok"),
        ("status:running", "traces_not_ok"),
        ("status:error tag:canary", "traces_not_ok"),
        ("workflow:workflow-1", "traces_by_workflow"),
        ("workflow:workflow-1 tag:canary", "traces_by_workflow"),
        ("user:user-8", "traces_by_user"),
        ("user:user-8 tag:canary", "traces_by_user"),
        ("session:session-8", "traces_by_session"),
    ],
)
def test_list_traces__filter__walks_its_index(q: str, index: str) -> None:
    plan = explain(lambda: list_traces(PROJECT, filters=_filter(q)))

    # What no index leads to is found first, and its rows are then read by their keys.
    assert plan.indexes - {"traces_pkey"} == {index}
    assert not plan.scanned


def test_list_traces__numbers_that_none_has__need_no_rows() -> None:
    plan = explain(lambda: list_traces(PROJECT, filters=_filter("cost>1000 duration<1s")))

    assert plan.indexes == plan.read_alone == {"traces_newest"}


_REMEMBER = """
INSERT INTO trace_days
    (project_id, day, size, hours, hour_statuses, hour_traces, facet_hashes, facet_latest, facet_traces)
SELECT project_id, day, count(*), '{}', '{}', '{}', array_agg(facets_hash), array_agg(latest), array_agg(traces)
FROM (
    SELECT project_id, (started_at AT TIME ZONE 'UTC')::date AS day, facets_hash, max(started_at) AS latest,
        count(*) AS traces
    FROM traces GROUP BY 1, 2, 3
) AS found GROUP BY 1, 2
"""


def test_list_traces__rare_among_remembered_days__asks_one_trace_of_each_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observability.selectors.budget.FIRST_WINDOW", 10)
    with connection.cursor() as cursor:
        cursor.execute(_REMEMBER)

    plan = explain(lambda: list_traces(PROJECT, filters=_filter("tag:nothing")))

    assert plan.indexes - {"trace_days_pkey"} == {"traces_newest"}
    assert "traces" not in plan.scanned
    assert len(list_unfit_days(PROJECT, _filter("tag:nothing"))) == DAYS


def test_list_traces__a_later_page__goes_on_along_the_index() -> None:
    cursor = list_traces(PROJECT, limit=500).next_cursor

    plan = explain(lambda: list_traces(PROJECT, cursor=cursor))

    assert plan.indexes == {"traces_newest"}
    assert not plan.scanned


def test_list_traces__rare_text__goes_from_the_terms_to_the_keys() -> None:
    plan = explain(lambda: list_traces(PROJECT, filters=_filter("number4000")))

    assert plan.indexes >= {"search_segments_terms", "search_documents_by_segment", "traces_pkey"}
    assert not plan.scanned


def test_list_traces__text_of_one_day__reads_no_older_documents() -> None:
    plan = explain(lambda: list_traces(PROJECT, filters=_filter("number4", since=TODAY)))

    assert plan.indexes >= {"search_segments_terms", "search_documents_by_segment"}
    assert min(plan.days["search_segments"]) == min(plan.days["search_documents"]) == _name(TODAY)
    assert not plan.scanned


def test_list_traces_by_id__some__are_found_by_key() -> None:
    plan = explain(lambda: list_traces_by_id(PROJECT, ["trace-4", "trace-8"]))

    assert plan.indexes == {"traces_pkey"}
    assert not plan.scanned


def test_count_newer_traces__a_page__counts_along_the_index() -> None:
    newest = list_traces(PROJECT, filters=_filter(until=TODAY)).newest_cursor

    plan = explain(lambda: count_newer_traces(PROJECT, newer_than=newest))

    assert plan.indexes == {"traces_newest"}
    assert not plan.scanned


@pytest.mark.parametrize(
    ("read", "q", "index"),
    [
        (get_trace_facets, "", "traces_newest"),
        # What the query asks for is asked of one trace of each hash.
        (get_trace_facets, "status:error", "traces_newest"),
        (get_trace_histogram, "", "traces_newest"),
        (get_trace_histogram, "status:error", "traces_not_ok"),
    ],
)
def test_counts__filter__walk_its_index(read: Callable[..., object], q: str, index: str) -> None:
    plan = explain(lambda: read(PROJECT, filters=_filter(q, since=YESTERDAY, until=TODAY)))

    assert index in plan.indexes
    assert not plan.scanned


def test_facets__users_of_many_matches__are_counted_without_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("observability.selectors.trace_facets._FEW_ROWS", 0)
    filters = _filter("workflow:workflow-1", since=YESTERDAY, until=TODAY)

    plan = explain(lambda: get_trace_facets(PROJECT, filters=filters, fields=("status", "user")))

    assert plan.indexes - {"trace_days_pkey"} == {"traces_newest"}
    assert not plan.scanned


def test_histogram__a_day__needs_no_rows() -> None:
    plan = explain(lambda: get_trace_histogram(PROJECT, filters=_filter(since=YESTERDAY, until=TODAY)))

    assert plan.indexes == plan.read_alone == {"traces_newest"}


def test_list_steps__a_day__sums_hours_by_key() -> None:
    plan = explain(lambda: list_steps(PROJECT, kind="tool", since=YESTERDAY, until=TODAY))

    assert {"step_hours_pkey", "steps_pkey"} >= plan.indexes
    assert "step_hours" not in plan.scanned


def test_list_step_series__some_steps__are_found_by_key() -> None:
    plan = explain(lambda: list_step_series(PROJECT, [("tool", "tool-1")], since=YESTERDAY, until=TODAY))

    assert plan.indexes == {"step_hours_pkey"}
    assert not plan.scanned


@pytest.mark.parametrize(
    ("kind", "index"), [("workflow", "traces_by_workflow"), ("tool", "events_by_step"), ("prompt", "events_by_step")]
)
def test_step_calls__a_step__walk_its_index(kind: str, index: str) -> None:
    step = _step(kind)

    plan = explain(lambda: list_step_calls(PROJECT, step))

    assert plan.indexes - {"traces_deleted"} == {index}
    assert not plan.scanned


def test_list_step_calls__of_a_tool__stop_in_the_newest_day() -> None:
    step = _step("tool")

    plan = explain(lambda: list_step_calls(PROJECT, step, until=TODAY))

    # The partition of far-off times is not in the order of days, so it is looked into as well.
    assert plan.days["events"] - {"default"} == {_name(YESTERDAY)}


@pytest.mark.parametrize("kind", ["tool", "prompt"])
def test_step_health__a_day__looks_into_that_day(kind: str) -> None:
    step = _step(kind)

    plan = explain(lambda: get_step_health(PROJECT, step, since=YESTERDAY, until=TODAY))

    assert plan.indexes - {"traces_deleted"} == {"events_by_step"}
    assert plan.days["events"] == {_name(YESTERDAY)}
    assert not plan.scanned


@pytest.mark.parametrize(
    ("kind", "index"), [("workflow", "traces_by_workflow"), ("tool", "events_by_step"), ("prompt", "events_by_step")]
)
def test_step_latency__some_steps__walks_to_their_newest_calls(kind: str, index: str) -> None:
    steps = [(kind, f"{kind}-{number}") for number in range(3)]

    plan = explain(lambda: list_step_latency(PROJECT, steps, since=YESTERDAY, until=TODAY))

    assert plan.indexes - {"traces_deleted"} == {index}
    assert plan.days.get("events", {_name(YESTERDAY)}) == {_name(YESTERDAY)}
    assert not plan.scanned


def test_prompt_text__a_prompt__is_read_from_its_newest_call() -> None:
    step = _step("prompt")

    plan = explain(lambda: _ignore_missing(lambda: get_prompt_text(PROJECT, step)))

    assert "events_by_step" in plan.indexes
    assert not plan.scanned


@pytest.mark.parametrize("sort", LISTS)
def test_list_errors__a_day__reads_the_errors_of_that_day(sort: str) -> None:
    plan = explain(lambda: list_errors(PROJECT, since=YESTERDAY, until=TODAY, sort=sort))

    assert "events_errors" in plan.indexes
    assert "events" not in plan.scanned


def test_list_error_samples__a_day__are_found_by_fingerprint() -> None:
    plan = explain(lambda: list_error_samples(PROJECT, "error-0", since=YESTERDAY, until=TODAY))

    assert {"events_by_fingerprint", "traces_pkey"} <= plan.indexes
    assert plan.days["events"] == {_name(YESTERDAY)}
    assert not plan.scanned


def test_get_error__a_day__is_found_by_fingerprint() -> None:
    plan = explain(lambda: get_error(PROJECT, "error-0", since=YESTERDAY, until=TODAY))

    assert "events_by_fingerprint" in plan.indexes
    assert plan.indexes & {"events_errors", "events_pkey"} == set()
    assert "events" not in plan.scanned


def test_list_events__a_trace__reads_its_day_by_key() -> None:
    trace = get_trace(PROJECT, "trace-4400")

    plan = explain(lambda: list_events(PROJECT, trace))

    assert plan.indexes == {"events_pkey"}
    assert plan.days["events"] == {_name(trace.started_at)}


def test_list_events__its_roots__reads_its_day_by_key() -> None:
    trace = get_trace(PROJECT, "trace-4400")

    plan = explain(lambda: list_events(PROJECT, trace, window=EventWindow(max_depth=0)))

    assert plan.indexes == {"events_pkey"}
    assert plan.days["events"] == {_name(trace.started_at)}


def test_list_log_records__a_trace__reads_its_day_by_key() -> None:
    trace = get_trace(PROJECT, "trace-4400")

    plan = explain(lambda: list_log_records(PROJECT, trace))

    assert plan.indexes == {"log_records_pkey"}
    assert plan.days["log_records"] == {_name(trace.started_at)}


def test_get_event_by_id__a_number__goes_by_block_ranges() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM events WHERE project_id = %s AND trace_id = 'trace-4400' LIMIT 1", [PROJECT])
        [number] = cursor.fetchone()

    plan = explain(lambda: get_event_by_id(PROJECT, number))

    assert "events_by_id" in plan.indexes
    assert not plan.scanned


def test_metrics__a_day__reads_the_traces_of_that_day() -> None:
    plan = explain(lambda: get_system_metrics(PROJECT, since=YESTERDAY, until=TODAY))

    assert plan.indexes == plan.read_alone == {"traces_newest"}


def test_kind_figures__a_day__look_into_that_day() -> None:
    plan = explain(lambda: list_kind_figures(PROJECT, since=YESTERDAY, until=TODAY))

    assert plan.days["events"] == {_name(YESTERDAY)}


@pytest.mark.parametrize("read", [list_slowest, list_busiest_workflows])
def test_ranking__a_day__reads_the_traces_of_that_day(read: Callable[..., object]) -> None:
    plan = explain(lambda: read(PROJECT, since=YESTERDAY, until=TODAY, limit=5))

    # Postgres 18 can skip from workflow to workflow, each in order of time.
    assert plan.indexes & {"traces_newest", "traces_by_workflow"}
    assert not plan.scanned


def test_list_running__some__walks_what_is_not_ok() -> None:
    plan = explain(lambda: list_running(PROJECT, limit=5))

    assert plan.indexes == {"traces_not_ok", "traces_pkey"}
    assert not plan.scanned
