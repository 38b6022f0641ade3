"""A list of rare matches leaves out the days that have none, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from unittest import mock

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.ingest.past_days import REMEMBERED_AFTER, find_end_of_past
from observability.ingest.statements import to_datetime, to_us
from observability.models import Organization, Project
from observability.query import parse_query
from observability.selectors import budget, traces, unfit_days
from observability.selectors.trace_days import list_counted_days
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.traces import list_traces
from observability.selectors.unfit_days import list_unfit_days
from observability.services import day_counts
from observability.services.day_counts import count_day
from observability.services.purge import delete_trace
from tests.records import START, make_event, write

pytestmark = pytest.mark.usefixtures("store")

DAY = timedelta(days=1)
TODAY = to_datetime(find_end_of_past(to_us(timezone.now()), REMEMBERED_AFTER))
"""The end of the last day that may be remembered."""
QUERIES = [
    "tag:rare",
    "tag:never",
    "-tag:rare",
    "tag:rare OR agent:triage",
    "tag:rare OR user:u1",
    "tag:rare user:u1",
    "tag:rare flag:rerun",
    "tag:r* status:error",
    "agent:triage -workflow:chat",
    "duration>=1s",
]


@pytest.fixture(autouse=True)
def count_small_projects_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day_counts, "FEWEST_TRACES", 1)


def _send(project: Project, name: str, *, days_ago: float, **fields: Any) -> None:
    begins = (TODAY - days_ago * DAY + DAY / 2 - START).total_seconds()
    write(project.pk, make_event(name, at=begins, **fields))


def _remember(project: Project, *days: int) -> None:
    for days_ago in days:
        count_day(project.pk, _day(days_ago))


def _day(days_ago: int) -> date:
    return (TODAY - days_ago * DAY).date()


def _find_unfit(project: Project, q: str, **others: Any) -> list[date]:
    return [each.day for each in list_unfit_days(project.pk, TraceFilters(query=parse_query(q), **others))]


def _walk(project: Project, q: str, limit: int) -> Iterator[str]:
    """Yield the list's traces page by page."""
    cursor = None
    while True:
        page = list_traces(project.pk, filters=TraceFilters(query=parse_query(q)), cursor=cursor, limit=limit)
        assert not page.is_partial
        yield from (trace.trace_id for trace in page.items)
        if page.next_cursor is None:
            return
        cursor = page.next_cursor


def test_unfit_days__some_without_a_match__are_those(project: Project) -> None:
    for days_ago, tags in [(2, ()), (3, ("rare", "eu")), (4, ("eu",)), (5, ("rare",))]:
        _send(project, f"t{days_ago}", days_ago=days_ago, tags=tags)
        _send(project, f"plain{days_ago}", days_ago=days_ago)
    _remember(project, 2, 3, 4, 5, 6)

    assert _find_unfit(project, "tag:rare") == [_day(2), _day(4), _day(6)]
    assert _find_unfit(project, "tag:rare tag:eu") == [_day(2), _day(4), _day(5), _day(6)]
    assert _find_unfit(project, "tag:rare duration>1s", since=TODAY - 3.5 * DAY) == [_day(2)]
    assert _find_unfit(project, "-tag:eu") == [_day(6)]


@pytest.mark.parametrize("q", ["", "duration>1s", "tag:rare OR user:u1", "flag:rerun", "tag:rare id:t2", "refund"])
def test_unfit_days__what_hashes_do_not_know__is_looked_through(project: Project, q: str) -> None:
    _send(project, "t2", days_ago=2)
    _remember(project, 2)

    assert _find_unfit(project, q) == []


def test_unfit_days__a_day_that_changed__is_looked_through_until_it_is_counted_again(project: Project) -> None:
    _send(project, "t2", days_ago=2)
    _send(project, "t3", days_ago=3)
    _remember(project, 2, 3)

    _send(project, "late", days_ago=2, tags=("rare",))

    assert _find_unfit(project, "tag:rare") == [_day(3)]
    _remember(project, 2)
    assert _find_unfit(project, "tag:rare") == [_day(3)]
    delete_trace(project_id=project.pk, trace_id="late")
    _remember(project, 2)
    assert _find_unfit(project, "tag:rare") == [_day(2), _day(3)]


def test_unfit_days__forgotten_between_the_two_queries__is_looked_through(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    _send(project, "t2", days_ago=2)
    _remember(project, 2)
    known = list_counted_days(project.pk, TraceFilters(), has_facets=True)
    _send(project, "late", days_ago=2, tags=("rare",))
    monkeypatch.setattr(unfit_days, "list_counted_days", lambda *_, **__: known)

    assert _find_unfit(project, "tag:rare") == []


def test_unfit_days__of_a_stranger__say_nothing(project: Project, foreign_project: Project) -> None:
    _send(project, "t2", days_ago=2)
    _send(foreign_project, "t2", days_ago=2, tags=("rare",))
    _remember(project, 2)
    _remember(foreign_project, 2)

    assert _find_unfit(project, "tag:rare") == [_day(2)]
    assert _find_unfit(foreign_project, "tag:rare") == []


sent = st.lists(
    st.fixed_dictionaries(
        {
            "days_ago": st.sampled_from([0, 1, 2, 3, 4, 5, 6, 7]),
            "tags": st.sampled_from([(), (), ("rare",), ("eu", "rare")]),
            "agent_name": st.sampled_from([None, "triage"]),
            "user_id": st.sampled_from([None, "u1"]),
            "status": st.sampled_from(["ok", "error"]),
            "run_id": st.sampled_from([None, None, None, "run-1"]),
        }
    ),
    min_size=1,
    max_size=24,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    sent=sent,
    changed=sent,
    q=st.sampled_from(QUERIES),
    limit=st.integers(1, 4),
    window=st.integers(1, 5),
    scanned=st.integers(2, 6),
)
def test_list__rare_matches_among_remembered_days__all_of_them_in_order(
    organization: Organization,
    sent: list[dict[str, Any]],
    changed: list[dict[str, Any]],
    q: str,
    limit: int,
    window: int,
    scanned: int,
) -> None:
    project = Project.objects.create(organization=organization, name="Many", slug=f"many-{Project.objects.count()}")
    for number, fields in enumerate(sent):
        _send(project, f"t{number}", **fields)
    _remember(project, *range(1, 9))
    for number, fields in enumerate(changed[:2]):
        _send(project, f"late{number}", **fields)
    everything = list(_walk(project, q, 500))

    with (
        mock.patch.object(budget, "FIRST_WINDOW", window),
        mock.patch.object(budget, "_GROWTH", 1),
        mock.patch.object(traces, "_RARE_SHARE", 1),
        mock.patch("observability.selectors.trace_days.MOST_SCANNED", scanned),
    ):
        assert list(_walk(project, q, limit)) == everything
