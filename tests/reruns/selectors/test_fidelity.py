"""The fidelity report over stored traces: what answered each call, and where the rerun left its source."""

from __future__ import annotations

from typing import Any

import pytest

from observability.errors import NotFoundError
from observability.models import Project
from observability.selectors.traces import get_trace
from observability.services.policies import forget_policies
from observability.services.purge import delete_trace
from reruns.models import Trigger
from reruns.selectors.fidelity import get_fidelity
from reruns.selectors.fidelity_shapes import FidelityReport
from reruns.selectors.policies import get_policy
from reruns.services.triggers import Request, WorkflowSettings, request_step_reruns, request_workflow_rerun
from tests.records import make_event, write
from tests.reruns.conftest import TRACE, find_ids

RUN = "chat::1795202677999::run-1"
SEARCH: dict[str, Any] = {"name": "search", "input": b'"tarp"', "output": b"[1, 2]"}
PRICE: dict[str, Any] = {"name": "price", "input": b'{"sku": "A"}', "output": b"19.90"}
MODEL: dict[str, Any] = {"kind": "ai", "name": "gpt-4o-mini", "input": b'{"messages": []}', "output": b'"A tarp."'}
HTTP: dict[str, Any] = {
    "kind": "http",
    "name": "fetch",
    "input": b'{"method": "GET", "url": "https://shop.example"}',
    "output": b"{}",
}
DB: dict[str, Any] = {"kind": "db", "name": "pg.query", "input": b'"SELECT 1"'}
ALL = (SEARCH, PRICE, MODEL, HTTP, DB)


def report(
    project: Project,
    *calls: dict[str, Any],
    numbers: tuple[int, ...] = (),
    ok: bool | None = None,
    call_count: int | None = None,
    root: dict[str, Any] | None = None,
    **settings: Any,
) -> FidelityReport:
    """Rerun the stored trace, let its run make these calls, numbered from 1 or as given, and return the report."""
    request = Request(policy=get_policy(project.pk))
    trigger = request_workflow_rerun(
        request=request, trace=get_trace(project.pk, TRACE), settings=WorkflowSettings(**settings)
    )
    trigger.runs.update(trace_id=RUN if calls else "", ok=ok, call_count=call_count)
    events = [
        make_event(RUN, f"r{place}", at=100 + place, parent_span_id="root", source="sdk", sdk_event_id=place, **call)
        for place, call in zip(numbers or range(1, len(calls) + 1), calls, strict=True)
    ]
    write(project.pk, make_event(RUN, at=99, source="sdk", **(root or {})), *events)
    return get_fidelity(project.pk, trigger.pk, number=1)


def figures(found: FidelityReport) -> tuple[int, ...]:
    return (found.offered, found.consumed, found.missed, found.live, found.mocked, found.wrong)


pytestmark = pytest.mark.usefixtures("trace")


def test_report__every_call_as_it_was__all_frozen_and_no_divergence(project: Project) -> None:
    found = report(project, *ALL)

    assert figures(found) == (5, 5, 0, 0, 0, 0)
    assert (found.is_known, found.is_same_order, found.first_divergence) == (True, True, None)
    assert [(row.relation, row.served, row.answered_from) for row in found.rows] == [
        ("same", "frozen", place) for place in range(1, 6)
    ]


def test_report__two_tools_swapped__each_got_the_other_s_recording(project: Project) -> None:
    found = report(project, {**PRICE, "output": b"[1, 2]"}, {**SEARCH, "output": b"19.90"}, MODEL, HTTP, DB)

    assert figures(found) == (5, 5, 0, 0, 0, 2)
    assert found.first_divergence is not None
    assert (found.first_divergence.ordinal, found.first_divergence.cause) == (1, "order_swap")
    assert sorted(row.relation for row in found.rows) == ["moved", "same", "same", "same", "same"]
    assert [row.is_wrong for row in found.rows].count(True) == 2


def test_report__another_input__is_a_drift_answered_from_the_recording(project: Project) -> None:
    found = report(project, {**SEARCH, "input": b'"rope"'}, PRICE, MODEL, HTTP, DB)

    assert figures(found) == (5, 5, 0, 0, 0, 1)
    assert found.first_divergence is not None
    assert (found.first_divergence.cause, found.first_divergence.explanation) == (
        "input_drift",
        "tool search was called as number 1 with another input than in the source.",
    )


def test_report__one_call_more__shifts_what_follows_to_live(project: Project) -> None:
    fresh = {"name": "stock", "input": b"1", "output": b"3"}
    live = [{**call, "output": b'"live"'} for call in (PRICE, MODEL, HTTP, DB)]

    found = report(project, SEARCH, fresh, *live)

    # Of five offered only the first answered: the SDK counts, so every later number is another call.
    assert figures(found) == (5, 1, 4, 5, 0, 0)
    assert found.first_divergence is not None
    assert (found.first_divergence.ordinal, found.first_divergence.cause) == (2, "extra")
    assert [row.relation for row in found.rows] == ["same", "extra", "same", "same", "same", "same"]


def test_report__the_last_call_does_not_come__is_missing_and_missed(project: Project) -> None:
    found = report(project, SEARCH, PRICE, MODEL, HTTP)

    assert figures(found) == (5, 4, 1, 0, 0, 0)
    assert found.first_divergence is not None
    assert (found.first_divergence.cause, found.first_divergence.source_ordinal) == ("missing", 5)


def test_report__some_frozen_and_one_mocked__counts_each(project: Project) -> None:
    ids = find_ids(project)

    found = report(
        project,
        SEARCH,
        {**PRICE, "output": b"5"},
        {**MODEL, "output": b'"A rope."'},
        HTTP,
        DB,
        frozen_event_ids=[ids["a"], ids["e"]],
        tool_mock_config={"price": {"mode": "mock-specific", "callIndices": [1], "mockData": {"1": 5}}},
    )

    assert figures(found) == (2, 2, 0, 2, 1, 0)
    assert [row.served for row in found.rows] == ["frozen", "mocked", "live", "frozen", "live"]
    assert [row.is_output_same for row in found.rows] == [True, False, False, True, True]


def test_report__nothing_frozen__everything_is_live(project: Project) -> None:
    assert figures(report(project, *ALL, frozen_event_ids=[])) == (0, 0, 0, 5, 0, 0)


def test_report__outputs_not_captured__is_unknown_and_not_guessed(project: Project) -> None:
    project.capture_outputs = False
    project.save()
    forget_policies()

    found = report(project, *ALL)

    # The last had no output in the source either: there is nothing that was withheld of it.
    assert (found.unknown, found.consumed, found.live) == (4, 1, 0)


def test_report__no_events_of_the_run__says_so(project: Project) -> None:
    request = Request(policy=get_policy(project.pk))
    trigger = request_workflow_rerun(request=request, trace=get_trace(project.pk, TRACE), settings=WorkflowSettings())

    found = get_fidelity(project.pk, trigger.pk, number=1)

    assert (found.is_known, found.offered, bool(found.reason)) == (False, 5, True)


def test_report__steps_or_a_source_that_is_gone__says_so(project: Project) -> None:
    request, trace = Request(policy=get_policy(project.pk)), get_trace(project.pk, TRACE)
    steps = request_step_reruns(request=request, trace=trace, event_ids=None)
    whole = request_workflow_rerun(request=request, trace=trace, settings=WorkflowSettings())
    delete_trace(project_id=project.pk, trace_id=TRACE)

    reasons = [get_fidelity(project.pk, one.pk, number=1).reason for one in (steps, whole)]

    assert reasons == ["Steps and single calls are run alone: nothing is frozen.", "The source trace is gone."]


def test_report__of_another_project_or_no_run__is_not_found(project: Project, foreign_project: Project) -> None:
    report(project, *ALL)
    trigger = Trigger.objects.get()

    with pytest.raises(NotFoundError):
        get_fidelity(foreign_project.pk, trigger.pk, number=1)
    with pytest.raises(NotFoundError):
        get_fidelity(project.pk, trigger.pk, number=2)


def test_report__tool_frozen_that_makes_a_call__the_call_is_not_missed(project: Project) -> None:
    shared: dict[str, Any] = {"parent_span_id": "root", "source": "sdk", "session_id": "session-1"}
    write(
        project.pk,
        make_event(TRACE, "g", at=8, lasts=4, name="look_up", sdk_event_id=65, output=b"1", **shared),
        make_event(TRACE, "h", at=9, lasts=1, kind="http", name="fetch", sdk_event_id=66, output=b"{}", **shared),
        make_event(TRACE, "i", at=13, name="pack", sdk_event_id=67, output=b"2", **shared),
    )

    found = report(project, *ALL, {"name": "look_up", "output": b"1"}, {"name": "pack", "output": b"2"})

    assert figures(found) == (7, 7, 0, 0, 0, 0)
    assert found.first_divergence is None


def test_report__only_live_calls_reported__the_numbers_between_were_answered_from_the_recording(
    project: Project,
) -> None:
    ids = find_ids(project)
    frozen = [ids[name] for name in "acef"]

    found = report(project, {**PRICE, "output": b"21"}, numbers=(2,), ok=True, frozen_event_ids=frozen)

    # The first came before the second; of those after the last that was reported nobody says.
    assert figures(found) == (4, 1, 0, 1, 0, 0)
    assert found.unknown == 3
    assert [(row.served, row.is_reported, row.rerun is None) for row in found.rows] == [
        ("frozen", False, True),
        ("live", True, False),
        ("unknown", False, True),
        ("unknown", False, True),
        ("unknown", False, True),
    ]


def test_report__only_live_calls_reported_and_the_run_failed__the_rest_did_not_come(project: Project) -> None:
    ids = find_ids(project)

    found = report(project, PRICE, numbers=(2,), ok=False, frozen_event_ids=[ids[name] for name in "acef"])

    assert figures(found) == (4, 1, 3, 1, 0, 0)
    assert [row.relation for row in found.rows] == ["same", "same", "missing", "missing", "missing"]


def test_report__mocked_call_not_reported__is_known_by_its_number(project: Project) -> None:
    ids = find_ids(project)

    found = report(
        project,
        MODEL,
        numbers=(3,),
        frozen_event_ids=[ids["a"]],
        tool_mock_config={"price": {"mode": "mock-all", "mockData": {"0": 5}}},
    )

    assert [row.served for row in found.rows][:3] == ["frozen", "mocked", "live"]


@pytest.mark.parametrize(("numbers", "root"), [((58,), None), ((2,), {"sdk_event_id": 1})])
def test_report__numbers_of_a_session__are_no_places(
    numbers: tuple[int, ...], root: dict[str, Any] | None, project: Project
) -> None:
    found = report(project, SEARCH, numbers=numbers, root=root, ok=True)

    assert (found.consumed, found.missed, [row.is_reported for row in found.rows]) == (1, 4, [True] * 5)


def test_report__number_of_calls_told__what_was_not_reported_was_answered_from_the_recording(project: Project) -> None:
    none_live = report(project, call_count=4)

    assert figures(none_live) == (5, 4, 1, 0, 0, 0)
    assert (none_live.is_known, none_live.unknown) == (True, 0)
    assert [row.served for row in none_live.rows] == ["frozen"] * 4 + [None]


def test_report__more_calls_told_than_the_source_has__is_not_guessed_at(project: Project) -> None:
    found = report(project, SEARCH, call_count=9, ok=True)

    assert (found.consumed, [row.is_reported for row in found.rows]) == (1, [True] * 5)
