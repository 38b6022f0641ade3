"""Which stored traces are run again by themselves, and what stops them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from observability.errors import InvalidError
from observability.ingest.door.exchange import Delivery
from observability.models import Project, User
from reruns import sampler
from reruns.models import RunConfig, SamplingConfig, Trigger
from reruns.services import sampling
from reruns.services.sampling import (
    Share,
    create_sampling_config,
    is_sampled,
    list_missed_traces,
    sample_trace,
    update_sampling_config,
)
from tests.records import make_decoded, make_event, write
from tests.reruns.conftest import TRACE, find_ids, write_trace


@pytest.fixture(autouse=True)
def _settle_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "SETTLE", timedelta(0))


def make_config(project: Project, **values: Any) -> SamplingConfig:
    given: dict[str, Any] = {"name": "all", "event_types": ["tool"], "rate": 1.0, **values}
    return create_sampling_config(project_id=project.pk, created_by=None, **given)


@given(rate=st.floats(0, 1), trace_id=st.text())
def test_share__larger_rate__takes_whatever_a_smaller_one_takes(rate: float, trace_id: str) -> None:
    assert is_sampled(Share(1, 1.0), trace_id)
    assert not is_sampled(Share(1, 0.0), trace_id)
    assert not is_sampled(Share(1, rate), trace_id) or is_sampled(Share(1, min(1, rate + 0.1)), trace_id)


def test_share__many_traces__takes_about_its_part() -> None:
    taken = sum(is_sampled(Share(3, 0.1), f"trace-{number}") for number in range(10_000))

    assert 900 < taken < 1100


def test_sample__steps__asks_for_the_matching_events_once(trace: str, project: Project) -> None:
    config = make_config(project, event_types=["tool", "db"], event_name="p*", run_count=2)
    ids = find_ids(project)

    first, second = (sample_trace(project_id=project.pk, trace_id=trace) for _ in range(2))

    (trigger,) = first
    assert second == []
    assert [step["event_id"] for step in trigger.steps] == [ids["b"], ids["f"]]
    assert (trigger.mode, trigger.run_count, trigger.sampling_config) == ("step", 2, config)
    config.refresh_from_db()
    assert config.triggered_count == 1


def test_sample__workflow__freezes_all_but_its_event_types(trace: str, project: Project) -> None:
    make_config(project, mode="workflow", event_types=["ai"])
    ids = find_ids(project)

    (trigger,) = sample_trace(project_id=project.pk, trace_id=trace)

    assert RunConfig.objects.get(trigger=trigger).frozen_event_ids == [ids[name] for name in "abef"]


@pytest.mark.parametrize(
    ("workflow", "is_taken"), [("", True), ("chat", True), ("c*t", True), ("ch", False), ("c?at", False)]
)
def test_sample__workflow_filter__matches_whole_names(
    workflow: str, is_taken: bool, trace: str, project: Project
) -> None:
    make_config(project, workflow=workflow)

    assert bool(sample_trace(project_id=project.pk, trace_id=trace)) == is_taken


@pytest.mark.parametrize("values", [{"rate": 0.0}, {"is_enabled": False}, {"event_name": "nothing"}])
def test_sample__config_that_does_not_take_it__asks_for_nothing(
    values: dict[str, Any], trace: str, project: Project
) -> None:
    make_config(project, **values)

    assert sample_trace(project_id=project.pk, trace_id=trace) == []


def test_sample__trace_that_still_grows__is_left_to_the_sweep(
    trace: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_config(project)
    monkeypatch.setattr(sampling, "SETTLE", timedelta(minutes=1))

    assert sample_trace(project_id=project.pk, trace_id=trace) == []
    assert list_missed_traces() == [(project.pk, trace)]


def test_sample__a_rerun_s_own_trace__is_not_run_again(trace: str, project: Project) -> None:
    make_config(project)
    write_trace(project, "chat::2::run-1", run_id="a-run")

    assert sample_trace(project_id=project.pk, trace_id="chat::2::run-1") == []
    assert list_missed_traces() == [(project.pk, trace)]


def test_sample__over_its_cap__is_counted_and_decided(trace: str, project: Project) -> None:
    config = make_config(project, max_per_hour=1)
    write_trace(project, "chat::2::b")

    done = [sample_trace(project_id=project.pk, trace_id=one) for one in (trace, "chat::2::b", "chat::2::b")]

    config.refresh_from_db()
    assert [len(triggers) for triggers in done] == [1, 0, 0]
    assert (config.triggered_count, config.capped_count) == (1, 1)
    assert list_missed_traces() == []


def test_sample__nothing_known_of_the_input__is_counted_as_unusable(store: None, project: Project) -> None:
    config = make_config(project, mode="workflow")
    write_trace(project, input=None)

    assert sample_trace(project_id=project.pk, trace_id=TRACE) == []
    config.refresh_from_db()
    assert config.unusable_count == 1
    assert not Trigger.objects.exists()


@pytest.mark.parametrize("trace_id", ["unknown-workflow::s", "gone"])
def test_sample__no_run__asks_for_nothing(trace_id: str, trace: str, project: Project) -> None:
    make_config(project)
    write(project.pk, make_event("unknown-workflow::s", "x", parent_span_id="", kind="tool", name="t"))

    assert sample_trace(project_id=project.pk, trace_id=trace_id) == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"event_types": ["ftp"]}, "eventTypes: choose from ai, tool, http, db; got 'ftp'"),
        ({"event_types": []}, "eventTypes"),
        ({"rate": 1.5}, "rate"),
        ({"mode": "all"}, "mode"),
        ({"name": ""}, "name"),
        ({"evaluations": [{"threshold": 1}]}, "evaluations"),
    ],
)
def test_config__value_that_cannot_be_used__is_refused(values: dict[str, Any], field: str, project: Project) -> None:
    with pytest.raises(InvalidError, match=field):
        make_config(project, **values)


@pytest.mark.parametrize("kind", ["ai", "tool", "http", "db"])
def test_config__every_type_that_can_be_rerun__is_taken(kind: str, project: Project) -> None:
    assert make_config(project, event_types=[kind]).event_types == [kind]


def test_config__same_name__is_refused(project: Project, owner: User) -> None:
    make_config(project)
    other = make_config(project, name="other")

    with pytest.raises(InvalidError, match="name"):
        update_sampling_config(config=other, name="all")


async def test_sampler__stored_request__hands_its_sampled_traces_to_celery(
    store: None, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: list[dict[int, list[str]]] = []
    monkeypatch.setattr(sampler, "_GATHER_SECONDS", 0)
    monkeypatch.setattr(sampler, "_queue", handed.append)
    await SamplingConfig.objects.acreate(project=project, name="all", event_types=["tool"], rate=1.0)
    await sampler.renew_shares()

    sampler.note_traces(project.pk, Delivery(decoded=make_decoded(make_event("a"), make_event("a", "b", at=1))))
    sampler.note_traces(project.pk + 1, Delivery(decoded=make_decoded(make_event("foreign"))))
    await sampler.wait_sent()

    assert handed == [{project.pk: ["a"]}]
