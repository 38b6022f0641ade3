"""Errors by fingerprint, counted by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from observability.errors import InvalidError, NotFoundError
from observability.ingest.fingerprints import fingerprint_error
from observability.ingest.records import EventRecord
from observability.models import Event, Project
from observability.selectors.errors import get_error, list_errors
from observability.services.purge import delete_trace
from tests.records import at, make_event, write

pytestmark = pytest.mark.usefixtures("store")


def _bounds(since: float, until: float) -> dict[str, Any]:
    return {"since": at(since), "until": at(until)}


def _fail(trace_id: str, message: str, moment: float, span_id: str = "tool", **fields: Any) -> EventRecord:
    named = {"name": "refund", "kind": "tool", "parent_span_id": "root", **fields}
    return make_event(trace_id, span_id, at=moment, status="error", error_message=message, **named)


def test_list__same_but_for_numbers__one_group_with_its_figures(project: Project, foreign_project: Project) -> None:
    write(
        project.pk,
        _fail("t-0", "no order 1", -30),
        _fail("t-1", "no order 7", 1),
        _fail("t-1", "no order 8", 2, "again"),
        _fail("t-2", "no order 9", 3),
        _fail("t-3", "card declined", 4),
        make_event("t-4", at=5),
    )
    write(foreign_project.pk, _fail("theirs", "no order 5", 5))

    first, second = list_errors(project.pk, **_bounds(0, 60)).items

    assert (first.message, first.count, first.traces, first.is_new) == ("card declined", 1, 1, True)
    assert (second.message, second.count, second.traces, second.is_new) == ("no order <n>", 3, 2, False)
    assert (second.previous_count, second.first_seen_at, second.last_seen_at) == (1, at(-30), at(3))
    assert (second.sample.trace_id, second.sample.message, sum(second.series)) == ("t-2", "no order 9", 3)
    assert second.fingerprint == fingerprint_error("tool", "refund", "no order 7")[0]
    assert second.is_more_traces is False


def test_list__sum_of_groups__is_the_number_of_failed_events(project: Project) -> None:
    write(project.pk, *(_fail(f"t-{n}", f"{'ab'[n % 2]}c {n}", n) for n in range(9)))

    page = list_errors(project.pk, **_bounds(0, 60))

    stored = Event.objects.filter(project_id=project.pk, status="error").values_list("error_fingerprint", flat=True)
    assert {error.fingerprint: error.count for error in page.items} == Counter(stored)


def test_list__second_half_says_ok__no_error_is_left(project: Project) -> None:
    write(project.pk, _fail("t", "early", 0, lasts=1))
    write(project.pk, make_event("t", "tool", at=0, lasts=2, name="refund", parent_span_id="root"))

    assert list_errors(project.pk, **_bounds(0, 60)).items == []


def test_list__deleted_trace__is_not_counted(project: Project) -> None:
    write(project.pk, make_event("t-1"), _fail("t-1", "no", 1), _fail("t-2", "no", 2))

    delete_trace(project_id=project.pk, trace_id="t-1")

    assert [error.count for error in list_errors(project.pk, **_bounds(0, 60)).items] == [1]


@pytest.mark.parametrize(
    ("sort", "messages"),
    [("last", ["b", "a", "c"]), ("first", ["c", "b", "a"]), ("count", ["a", "b", "c"])],
)
def test_list__sorted_and_paged__every_error_once(project: Project, sort: str, messages: list[str]) -> None:
    write(project.pk, *(_fail(f"t-{n}", message, n) for n, message in enumerate("aabcab")))

    found, cursor = [], None
    for _ in range(3):
        page = list_errors(project.pk, **_bounds(0, 60), sort=sort, cursor=cursor, limit=1)
        found += [error.message for error in page.items]
        cursor = page.next_cursor

    assert (found, cursor) == (messages, None)


@pytest.mark.parametrize(("text", "count"), [("DECLINED", 1), ("refund", 2), ("100%", 0), ("_", 0), ("order", 1)])
def test_list__text__in_name_or_message(project: Project, text: str, count: int) -> None:
    write(project.pk, _fail("t-1", "card declined", 1), _fail("t-2", "no order 7", 2))

    assert len(list_errors(project.pk, **_bounds(0, 60), text=text).items) == count


def test_detail__one_error__series_breakdown_and_samples(project: Project) -> None:
    write(
        project.pk,
        make_event("t-1", name="chat"),
        _fail("t-1", "no order 1", 1, environment="prod", service_version="1"),
        _fail("t-1", "no order 2", 2, "again", environment="prod", service_version="2"),
        make_event("t-2", name="mail", at=3),
        _fail("t-2", "no order 3", 4, environment="test", model="gpt-4o"),
        _fail("t-2", "other", 5, "other"),
    )
    fingerprint = fingerprint_error("tool", "refund", "no order 1")[0]

    error = get_error(project.pk, fingerprint, **_bounds(0, 60), limit=2)
    rest = get_error(project.pk, fingerprint, **_bounds(0, 60), limit=2, cursor=error.next_cursor)

    assert (error.count, error.traces, sum(bucket.count for bucket in error.buckets)) == (3, 2, 3)
    assert [(share.value, share.count) for share in error.breakdown.workflows] == [("chat", 2), ("mail", 1)]
    assert [(share.value, share.count) for share in error.breakdown.environments] == [("prod", 2), ("test", 1)]
    assert {(share.value, share.count) for share in error.breakdown.versions} == {("1", 1), ("2", 1), (None, 1)}
    assert {(share.value, share.count) for share in error.breakdown.models} == {(None, 2), ("gpt-4o", 1)}
    assert [sample.message for sample in error.samples] == ["no order 3", "no order 2"]
    assert ([sample.message for sample in rest.samples], rest.next_cursor) == (["no order 1"], None)


def test_detail__outside_the_range__known_with_nothing_in_it(project: Project) -> None:
    write(project.pk, _fail("t", "no", 1))

    error = get_error(project.pk, fingerprint_error("tool", "refund", "no")[0], **_bounds(100, 200))

    assert (error.count, error.previous_count, error.samples, error.first_seen_at) == (0, 1, [], at(1))


def test_detail__never_seen_or_foreign__not_found(project: Project, foreign_project: Project) -> None:
    write(foreign_project.pk, _fail("t", "no", 1))

    for fingerprint in ("0" * 16, fingerprint_error("tool", "refund", "no")[0]):
        with pytest.raises(NotFoundError):
            get_error(project.pk, fingerprint, **_bounds(0, 60))


def test_list__foreign_cursor__refused(project: Project) -> None:
    with pytest.raises(InvalidError, match="cursor"):
        list_errors(project.pk, **_bounds(0, 60), cursor="no")


@pytest.mark.parametrize("errors", [1, 25])
def test_list__one_and_many__takes_the_same_queries(
    project: Project, errors: int, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    write(project.pk, *(_fail(f"t-{n}", "x" * (n + 1), n) for n in range(errors)))

    with django_assert_num_queries(5):
        list_errors(project.pk, **_bounds(0, 60))
