from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from observability.models import Project
from observability.query import parse_query
from observability.selectors.budget import Budget
from observability.selectors.trace_completions import list_completions
from observability.selectors.trace_facets import MOST_VALUES, TraceFacets, get_trace_facets
from observability.selectors.trace_filters import FACETS, TraceFilters
from observability.services.purge import delete_trace
from tests.records import at, make_event, write
from tests.recounting import recount

pytestmark = pytest.mark.usefixtures("store")


def _count(project: Project, q: str = "", **others: Any) -> TraceFacets:
    return get_trace_facets(project.pk, filters=TraceFilters(query=parse_query(q), **others))


def _values(found: TraceFacets, field: str) -> dict[str, int]:
    [facet] = [facet for facet in found.facets if facet.field == field]
    return {value.value: value.count for value in facet.values}


def _write_some(project: Project) -> None:
    for number in range(12):
        write(
            project.pk,
            make_event(
                f"t{number:02}",
                at=number,
                name=("chat", "refund", "order")[number % 3],
                status=("ok", "ok", "error", "ok")[number % 4],
                kind="ai",
                model=("gpt-5", "claude", None)[number % 3],
                environment=("prod", None)[number % 2],
                service_name="desk",
                service_version=f"1.{number % 2}",
                agent_name="triage" if number > 8 else None,
                user_id=f"u{number % 5}",
                tags=("beta", "eu") if number % 4 == 0 else (),
                source=("otlp", "sdk")[number % 2],
                input=b'"refund please"' if number < 6 else b'"hello"',
                output=b'"key sk-proj-Tz0aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1v"' if number == 3 else None,
            ),
        )


@pytest.mark.parametrize(
    "q",
    [
        "",
        "user:u1,u2",
        "refund",
        "-environment:prod OR refund",
        "duration>=1s source:sdk",
        "workflow:chat,order -status:error",
        "tag:beta OR agent:triage",
    ],
)
@pytest.mark.parametrize("window", [3, 2000])
@pytest.mark.parametrize("few_rows", [0, 10_000])
def test_facets__any_query__counted_as_by_hand(
    project: Project, monkeypatch: pytest.MonkeyPatch, q: str, window: int, few_rows: int
) -> None:
    monkeypatch.setattr("observability.selectors.trace_facets._FEW_ROWS", few_rows)
    monkeypatch.setattr("observability.selectors.budget.FIRST_WINDOW", window)
    monkeypatch.setattr("observability.selectors.budget.FIRST_COUNTED", window)
    _write_some(project)

    found = _count(project, q)

    assert not found.is_partial
    for facet in found.facets:
        own = TraceFilters(query=parse_query(q).without_field(facet.field))
        assert _values(found, facet.field) == recount(project, own)[facet.field], facet.field
    assert [facet.field for facet in found.facets] == list(FACETS)
    assert sum(_values(found, "source").values()) > 0


def test_facets__field_in_the_query__shows_what_else_could_be_chosen(project: Project) -> None:
    _write_some(project)

    found = _count(project, "status:error workflow:chat,never -user:u0")

    [status] = [facet for facet in found.facets if facet.field == "status"]
    assert {value.value: value.is_selected for value in status.values} == {"ok": False, "error": True}
    assert _values(found, "workflow")["never"] == 0


def test_facets__more_hashes_than_are_kept__users_are_counted_by_their_rows(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observability.selectors.trace_facets._FEW_ROWS", 0)
    monkeypatch.setattr("observability.selectors.facet_counts.MOST_HASHES", 1)
    monkeypatch.setattr("observability.selectors.trace_facets.MOST_HASHES", 1)
    write(project.pk, *(make_event(f"t{n}", user_id=f"u{n}", environment=f"e{n}", tags=("eu",)) for n in range(6)))

    assert _values(_count(project, "tag:eu"), "user") == {f"u{n}": 1 for n in range(6)}


def test_facets__one_field_alone__counted_as_with_the_others(project: Project) -> None:
    _write_some(project)
    filters = TraceFilters(query=parse_query("workflow:chat"))

    for facet in _count(project, "workflow:chat").facets:
        assert get_trace_facets(project.pk, filters=filters, fields=(facet.field,)).facets == [facet]


def test_facets__foreign_and_deleted__not_counted(project: Project, foreign_project: Project) -> None:
    write(project.pk, make_event("a"), make_event("gone", at=1))
    write(foreign_project.pk, make_event("foreign", name="secret"))
    delete_trace(project_id=project.pk, trace_id="gone")

    assert _values(_count(project), "workflow") == {"chat": 1}


def test_facets__a_trace_goes_on__counted_as_it_is_now(project: Project) -> None:
    write(project.pk, make_event("a", status="running"), make_event("b", at=1, tags=("eu",)))
    write(project.pk, make_event("a", status="error", tags=("beta", "eu")))

    found = _count(project)

    assert _values(found, "status") == {"error": 1, "ok": 1}
    assert _values(found, "tag") == {"beta": 1, "eu": 2}


def test_facets__time_range_and_ids__hold(project: Project) -> None:
    _write_some(project)

    assert sum(_values(_count(project, since=at(3), until=at(7)), "status").values()) == 4
    assert sum(_values(_count(project, "refund", ids=("t01", "t02", "t09")), "status").values()) == 2


def test_facets__very_many_values__the_most_frequent_and_the_chosen(project: Project) -> None:
    write(project.pk, *(make_event(f"t{number}", user_id=f"u{number:03}") for number in range(MOST_VALUES + 5)))
    write(project.pk, make_event("more", user_id="u034"))

    [users] = [facet for facet in _count(project, "user:u033").facets if facet.field == "user"]

    assert users.is_more
    assert (users.values[0].value, users.values[0].count) == ("u034", 2)
    assert (len(users.values), users.values[-1].value, users.values[-1].is_selected) == (MOST_VALUES + 1, "u033", True)


def test_facets__as_many_values_as_are_shown__the_first_of_equals_by_name(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observability.selectors.trace_facets.MOST_VALUES", 2)
    write(project.pk, *(make_event(f"t-{name}", name=name, user_id=name) for name in ("é", "b", "B", "a")))

    found = _count(project)

    assert _values(found, "workflow") == _values(found, "user") == {"B": 1, "a": 1}


def test_facets__flag_beside_many_others__is_counted_with_each(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observability.selectors.trace_facets.MOST_VALUES", 1)
    others: list[dict[str, Any]] = [{}, {"attributes": b"{}"}, {"error_stack": "x"}, {"extra": b"{}"}]
    secret = b'"key sk-proj-Tz0aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1v"'
    write(project.pk, *(make_event(f"t{place}", output=secret, **other) for place, other in enumerate(others)))

    assert _values(_count(project), "flag") == {"redacted": 4}


def test_facets__out_of_time__says_from_when_on_they_are_whole(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("observability.selectors.budget.FIRST_COUNTED", 5)
    write(project.pk, *(make_event(f"t{number:02}", at=number) for number in range(30)))
    seconds_left = iter([1.0, 0.0])
    monkeypatch.setattr(Budget, "left", property(lambda _: next(seconds_left)))

    found = _count(project)

    assert (found.is_partial, found.covered_from, _values(found, "status")) == (True, at(25), {"ok": 5})


def test_facets__one_or_many__same_queries(project: Project) -> None:
    write(project.pk, make_event("one", user_id="u"))
    with CaptureQueriesContext(connection) as one:
        _count(project, "user:u")
    write(project.pk, *(make_event(f"t{number}", at=number, user_id=f"u{number}") for number in range(20)))

    with CaptureQueriesContext(connection) as many:
        _count(project, "user:u")

    assert len(one) == len(many)


def _texts(project: Project, **given: Any) -> list[tuple[str, int | None]]:
    return [(item.text, item.count) for item in list_completions(project.pk, **given).items]


def test_completions__fields_operators_and_values__by_their_beginning(
    project: Project, foreign_project: Project
) -> None:
    _write_some(project)
    write(project.pk, make_event("spaced", name="chat with (us)", session_id="s-1"))
    write(foreign_project.pk, make_event("foreign", name="chat secret"))

    assert _texts(project, prefix="s") == [
        ("status:", None),
        ("session:", None),
        ("service:", None),
        ("source:", None),
        ("started:", None),
    ]
    assert _texts(project, prefix="ENV") == [("environment:", None)]
    assert _texts(project, field="workflow", prefix="CH") == [("chat", 4), ('"chat with (us)"', 1)]
    assert _texts(project, field="status") == [("ok", 10), ("error", 3), ("running", 0)]
    assert _texts(project, field="model", prefix="g") == [("gpt-5", 4)]
    assert _texts(project, field="session", prefix="s") == [("s-1", 1)]
    assert _texts(project, field="user", limit=2) == [("u0", 3), ("u1", 3)]
    assert _texts(project, field="agent") == [("triage", 3), ("*", None)]
    assert [text for text, _ in _texts(project, field="cost")] == ["cost>", "cost>=", "cost<", "cost<=", "cost>0.01"]
    assert _texts(project, field="error") == [('error:"card declined"', None)]
