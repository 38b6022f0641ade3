from __future__ import annotations

import json
import statistics
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from observability.errors import InvalidError, NotFoundError
from observability.ingest.records import Usage
from observability.ingest.sdk import decode_events
from observability.models import Project
from observability.selectors.step_health import get_step_health
from observability.selectors.step_shapes import StepCallPage, StepHealth
from observability.selectors.steps import get_step, list_step_calls, list_steps
from observability.services import purge
from observability.services.purge import delete_trace, purge_trace
from tests.records import START, at, make_event, write

pytestmark = pytest.mark.usefixtures("store")


def _tool(trace_id: str, span_id: str, name: str, **fields: Any) -> Any:
    return make_event(trace_id, span_id, **{"kind": "tool", "name": name, "parent_span_id": "root", **fields})


def _prompt(trace_id: str, span_id: str, prompt_hash: str, **fields: Any) -> Any:
    given = {"kind": "ai", "name": "gpt", "parent_span_id": "root", "prompt_hash": prompt_hash, **fields}
    return make_event(trace_id, span_id, **given)


def _calls(project: Project, kind: str, name: str, **wanted: Any) -> StepCallPage:
    return list_step_calls(project.pk, get_step(project.pk, kind, name), **wanted)


def _counts(project: Project, **wanted: Any) -> dict[tuple[str, str], int]:
    return {(step.kind, step.key): step.calls for step in list_steps(project.pk, **wanted).items}


def _health(project: Project, kind: str, name: str, hours: float = 2, **wanted: Any) -> StepHealth:
    step = get_step(project.pk, kind, name)
    return get_step_health(project.pk, step, since=START, until=START + timedelta(hours=hours), **wanted)


# --- Which there are -------------------------------------------------------------------------------------------------


def test_list__every_kind__counted_under_its_own_key(project: Project) -> None:
    write(
        project.pk,
        *(make_event(f"chatHandler::{number}::a") for number in range(3)),
        *(make_event(f"chatStreamHandler::{number}::a", name="chatStreamHandler") for number in range(2)),
        _tool("chatHandler::0::a", "t1", "search"),
        _tool("chatHandler::1::a", "t2", "execute_tool search", tool_name="search", status="error"),
        _prompt("chatHandler::0::a", "p1", "abc", prompt_name="greet"),
        _prompt("chatHandler::0::a", "p2", "abc"),
        make_event("chatHandler::0::a", "http", kind="http", name="GET", parent_span_id="root"),
    )

    assert _counts(project) == {
        ("workflow", "chat"): 3,
        ("workflow", "chatStreamHandler"): 2,
        ("tool", "search"): 2,
        ("prompt", "abc"): 2,
    }


def test_list__one_sdk_batch__one_workflow_per_prefix_with_its_own_count(project: Project) -> None:
    """The check of contract `sdk-rerun.md` B5, trace ids, item 1."""
    now_ms = round(START.timestamp() * 1000)
    ids: list[str | None] = [f"chatHandler::{now_ms}::{n}" for n in range(3)]
    ids += [f"chatStreamHandler::{now_ms}::{n}" for n in range(2)]
    ids += ["0c7e4a52-7f4e-4a9e-8d55-0f3b7f0d9a11", None]
    events = [
        {"id": n, "type": "tool", "name": "t", "timestamp": now_ms + n, "durationMs": 1} | ({"traceId": i} if i else {})
        for n, i in enumerate(ids, start=1)
    ]
    batch = decode_events(json.dumps({"sessionId": "s", "events": events}).encode(), own_hosts=frozenset())
    write(project.pk, *batch.decoded.events)

    assert _counts(project, kind="workflow") == {
        ("workflow", "chatHandler"): 3,
        ("workflow", "chatStreamHandler"): 2,
        ("workflow", "unknown-workflow"): 2,
    }
    assert [step.key for step in list_steps(project.pk).items if step.is_unattributed] == ["unknown-workflow"]


def test_list__figures__recomputed_by_hand(project: Project) -> None:
    write(
        project.pk,
        _prompt("t", "a", "abc", lasts=1, cost_micros=10, usage=Usage(total=5)),
        _prompt("t", "b", "abc", lasts=3, status="error", cost_micros=30, usage=Usage(total=7)),
    )

    step = next(step for step in list_steps(project.pk, kind="prompt").items)

    assert (step.calls, step.events, step.errors, step.error_rate) == (2, 2, 1, 0.5)
    assert (step.mean_duration_ms, step.total_tokens) == (2000, 12)
    assert (step.cost_micros, step.cost_usd, step.is_unattributed) == (40, "0.000040", False)


def test_list__no_known_cost__unknown_not_free(project: Project) -> None:
    write(project.pk, _tool("t", "a", "search"))

    assert [step.cost_usd for step in list_steps(project.pk, kind="tool").items] == [None]


def test_list__sent_again__not_counted_again(project: Project) -> None:
    for _ in range(2):
        write(project.pk, make_event("t", lasts=None), _tool("t", "a", "search"))
    write(project.pk, make_event("t"))

    assert _counts(project) == {("workflow", "chat"): 1, ("tool", "search"): 1}


def test_list__range__whole_hours_in_it(project: Project) -> None:
    write(project.pk, _tool("t", "old", "search", at=-7200), _tool("t", "new", "search"))

    assert _counts(project, kind="tool", since=START) == {("tool", "search"): 1}
    assert _counts(project, kind="tool", until=START - timedelta(hours=1)) == {("tool", "search"): 1}
    assert _counts(project, kind="tool", until=START - timedelta(hours=9)) == {}


def test_list__limit__the_most_called_and_whether_there_are_more(project: Project) -> None:
    write(project.pk, _tool("t", "a", "rare"), _tool("t", "b", "often"), _tool("t", "c", "often"))

    found = list_steps(project.pk, kind="tool", limit=1)

    assert ([step.key for step in found.items], found.is_more) == (["often"], True)


def test_list__foreign__not_seen(project: Project, foreign_project: Project) -> None:
    write(foreign_project.pk, make_event("t"))

    assert _counts(project) == {}
    with pytest.raises(NotFoundError):
        get_step(project.pk, "workflow", "chat")


def test_list__unattributed__marked(project: Project) -> None:
    write(project.pk, make_event("unknown-workflow::s", kind="http", workflow_name="unknown-workflow"))

    assert [step.is_unattributed for step in list_steps(project.pk).items] == [True]


def test_list__one_or_many__two_queries(project: Project, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    write(project.pk, *(_tool("t", str(number), f"tool {number}") for number in range(20)))

    with django_assert_num_queries(2):
        assert len(list_steps(project.pk).items) == 21


def test_list__trace_deleted_and_purged__taken_out_of_the_figures(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "GRACE", timedelta(0))
    write(project.pk, make_event("kept"), make_event("gone"), _tool("gone", "a", "search"), _prompt("gone", "b", "abc"))

    delete_trace(project_id=project.pk, trace_id="gone")
    purge_trace(project_id=project.pk, trace_id="gone")

    assert _counts(project) == {("workflow", "chat"): 1}


# --- Their calls -----------------------------------------------------------------------------------------------------


def test_calls__workflow__its_traces_and_no_others(project: Project) -> None:
    write(project.pk, make_event("a", name="chat"), make_event("b", name="chatHandler"))

    [call] = _calls(project, "workflow", "chat").items

    assert (call.trace_id, call.span_id, call.name, call.duration_ms) == ("a", None, "chat", 1000)


@pytest.mark.parametrize("name", ["chat%", "ch_t", "chat*", "a/b/calls", "search?q=1"])
def test_calls__name_with_special_letters__matches_itself_alone(project: Project, name: str) -> None:
    write(
        project.pk,
        make_event("a", name=name),
        make_event("b", name="chat"),
        _tool("a", "1", name),
        _tool("b", "2", "chat"),
    )

    assert [call.trace_id for call in _calls(project, "workflow", name).items] == ["a"]
    assert [call.span_id for call in _calls(project, "tool", name).items] == ["1"]


def test_calls__tool__by_the_tools_name_whatever_the_span_is_called(project: Project) -> None:
    write(
        project.pk,
        _tool("t", "plain", "search", at=1),
        _tool("t", "otlp", "execute_tool search", tool_name="search", at=2),
        _tool("t", "other", "search", tool_name="research", at=3),
        make_event("t", "http", kind="http", name="search", parent_span_id="root"),
    )

    assert [call.span_id for call in _calls(project, "tool", "search").items] == ["otlp", "plain"]


def test_calls__prompt__by_hash_or_name(project: Project) -> None:
    write(project.pk, _prompt("t", "a", "abc", prompt_name="greet"), _prompt("t", "b", "def"))

    assert [call.span_id for call in _calls(project, "prompt", "abc").items] == ["a"]
    assert [call.span_id for call in _calls(project, "prompt", "greet").items] == ["a"]


@pytest.mark.parametrize("kind", ["workflow", "tool"])
def test_calls__pages__each_once_newest_first(project: Project, kind: str) -> None:
    for number in range(9):
        write(project.pk, make_event(f"t{number}", at=number // 3), _tool(f"t{number}", "same", "chat", at=number // 3))

    seen: list[tuple[datetime, str]] = []
    cursor = None
    while cursor or not seen:
        page = _calls(project, kind, "chat", cursor=cursor, limit=2)
        seen += [(call.started_at, call.trace_id) for call in page.items]
        cursor = page.next_cursor

    assert seen == sorted(seen, reverse=True)
    assert len(seen) == 9


def test_calls__filters__time_and_status(project: Project) -> None:
    write(
        project.pk,
        _tool("t", "a", "search", at=0, status="error"),
        _tool("t", "b", "search", at=1, status="unset"),
        _tool("t", "c", "search", at=2, lasts=None),
        _tool("t", "d", "search", at=3),
    )

    def spans(**wanted: Any) -> list[str | None]:
        return [call.span_id for call in _calls(project, "tool", "search", **wanted).items]

    assert spans(statuses=("error",)) == ["a"]
    assert spans(statuses=("ok",)) == ["d", "b"]
    assert spans(statuses=("running", "error")) == ["c", "a"]
    assert spans(since=at(1), until=at(3)) == ["c", "b"]


def test_calls__deleted_trace__hidden_at_once(project: Project) -> None:
    write(project.pk, make_event("gone"), _tool("gone", "a", "search"), _tool("kept", "b", "search"))

    delete_trace(project_id=project.pk, trace_id="gone")

    assert [call.span_id for call in _calls(project, "tool", "search").items] == ["b"]
    assert [call.trace_id for call in _calls(project, "workflow", "chat").items] == []
    assert _health(project, "tool", "search").totals.calls == 1


def test_calls__cursor_of_another_list__invalid(project: Project) -> None:
    write(project.pk, make_event("a"), make_event("b"), _tool("a", "1", "search"))
    cursor = _calls(project, "workflow", "chat", limit=1).next_cursor

    with pytest.raises(InvalidError, match="cursor"):
        _calls(project, "tool", "search", cursor=cursor)


# --- Their health ----------------------------------------------------------------------------------------------------


def test_health__calls_of_every_outcome__recomputed_by_hand(project: Project) -> None:
    durations = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2]
    ended = [_prompt("t", f"s{n}", "abc", at=n, lasts=lasts, cost_micros=5) for n, lasts in enumerate(durations)]
    write(
        project.pk,
        *ended,
        _prompt("t", "failed", "abc", at=1800, lasts=6.4, status="error", error_message="no luck", model="m"),
        _prompt("t", "unpriced", "abc", at=1801, lasts=12.8, usage=Usage(total=7)),
        _prompt("t", "open", "abc", at=3700, lasts=None),
        _prompt("t", "outside", "abc", at=-1),
    )

    health = _health(project, "prompt", "abc", bucket_s=1800)

    all_ms = [1000 * lasts for lasts in [*durations, 6.4, 12.8]]
    p50, p95, p99 = (statistics.quantiles(all_ms, n=100, method="inclusive")[at - 1] for at in (50, 95, 99))
    totals = health.totals
    assert (totals.calls, totals.errors, totals.running, totals.error_rate) == (9, 1, 1, 1 / 9)
    assert (totals.p50_ms, totals.p95_ms, totals.p99_ms) == pytest.approx((p50, p95, p99))
    assert (totals.total_tokens, totals.cost_micros, totals.unpriced_calls) == (7, 30, 1)
    assert health.last_error is not None
    assert (health.last_error.span_id, health.last_error.message) == ("failed", "no luck")
    assert sum(bucket.figures.calls for bucket in health.buckets) == 9
    assert max(bucket.figures.p99_ms or 0 for bucket in health.buckets) <= 12_800


def test_health__workflow__its_traces(project: Project) -> None:
    write(
        project.pk,
        make_event("a", lasts=2),
        make_event("b", lasts=4, status="error", error_message="no luck"),
        make_event("other", name="refund"),
    )

    health = _health(project, "workflow", "chat")

    assert (health.totals.calls, health.totals.errors, health.totals.p50_ms) == (2, 1, 3000)
    assert health.totals.cost_usd is None
    assert health.last_error is not None
    assert (health.last_error.trace_id, health.last_error.span_id) == ("b", None)


def test_health__no_calls__empty_buckets_over_the_whole_range(project: Project) -> None:
    write(project.pk, make_event("a", at=-9000))

    health = _health(project, "workflow", "chat", bucket_s=600)

    assert (health.totals.calls, health.totals.error_rate, health.totals.p50_ms) == (0, None, None)
    starts = [bucket.started_at for bucket in health.buckets]
    assert starts[0] <= START < starts[0] + timedelta(seconds=600)
    assert starts[-1] < START + timedelta(hours=2) <= starts[-1] + timedelta(seconds=600)
    assert {later - earlier for earlier, later in pairwise(starts)} == {timedelta(seconds=600)}
    assert health.last_error is None


@pytest.mark.parametrize(
    ("hours", "bucket_s"), [(1, 60), (2, 300), (24, 3600), (24 * 7, 3 * 3600), (24 * 365, 7 * 86_400)]
)
def test_health__bucket__chosen_by_the_range(project: Project, hours: float, bucket_s: int) -> None:
    write(project.pk, make_event("a"))

    assert _health(project, "workflow", "chat", hours=hours).bucket_s == bucket_s


def test_health__range_that_makes_no_sense__invalid(project: Project) -> None:
    write(project.pk, make_event("a"))

    with pytest.raises(InvalidError, match="to:"):
        _health(project, "workflow", "chat", hours=0)
    with pytest.raises(InvalidError, match="bucket_s:"):
        _health(project, "workflow", "chat", hours=24 * 30, bucket_s=60)


def test_health__one_or_many__same_queries(project: Project, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    write(project.pk, _tool("t", "a", "search"))
    step = get_step(project.pk, "tool", "search")
    with CaptureQueriesContext(connection) as one:
        get_step_health(project.pk, step, since=START, until=at(60))
    write(project.pk, *(_tool("t", str(number), "search", at=number) for number in range(20)))

    with django_assert_num_queries(len(one)):
        assert get_step_health(project.pk, step, since=START, until=at(60)).totals.calls == 21
