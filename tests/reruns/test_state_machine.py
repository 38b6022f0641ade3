"""The state machine of a trigger, whatever comes in whatever order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.models import ApiKey, Project, Scope
from observability.selectors.traces import get_trace
from observability.services.keys import create_key
from reruns.errors import FinishedError
from reruns.models import Run, SdkConnection, Trigger
from reruns.selectors.policies import get_policy
from reruns.services.delivery import begin_delivery, take_back
from reruns.services.results import mark_running, record_answer
from reruns.services.triggers import (
    Request,
    WorkflowSettings,
    cancel_trigger,
    expire_triggers,
    request_workflow_rerun,
)
from reruns.wire.results import Answer, Outcome
from tests.reruns.conftest import SESSION, TRACE

FINAL = {"completed", "failed", "expired", "cancelled"}
MAY_FOLLOW = {
    "pending": {"pending", "sent", "running"} | FINAL,
    "sent": {"sent", "pending", "running"} | FINAL,
    "running": {"running"} | FINAL,
    **{state: {state} for state in FINAL},
}
BOUNDS = settings(
    max_examples=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
STEPS = st.lists(
    st.sampled_from(["send", "take back", "fetch", "answer", "answer again", "fail", "cancel", "expire"]), max_size=12
)


def make_outcome(*, ok: bool = True, number: int | None = None, output: bytes = b'"out"') -> Outcome:
    return Outcome(ok=ok, output=output, error="" if ok else "it broke", duration_ms=1, usage=None, number=number)


def connect(project: Project, key: ApiKey, *, sid: str = "sid-1", session_id: str = SESSION) -> SdkConnection:
    """Store an open socket whose process nobody asks."""
    row, _ = SdkConnection.objects.get_or_create(
        sid=sid, defaults={"project": project, "session_id": session_id, "process": "p", "key": key, "may_rerun": True}
    )
    return row


def ask(project: Project, *, run_count: int = 1) -> Trigger:
    """Ask for the workflow of the stored trace; there is nobody to send it to yet."""
    request = Request(policy=get_policy(project.pk), run_count=run_count)
    trace = get_trace(project.pk, TRACE)
    return request_workflow_rerun(request=request, trace=trace, settings=WorkflowSettings())


def take_step(name: str, trigger: Trigger, project: Project) -> None:
    """Do one thing that may happen to a trigger, which it may refuse."""
    if name == "send":
        begin_delivery(trigger_id=trigger.pk, sid="sid-1", channel="register")
    elif name == "take back":
        take_back(trigger.pk, sid="sid-1")
    elif name == "fetch":
        mark_running(trigger_id=trigger.pk)
    elif name == "cancel":
        try:
            cancel_trigger(trigger=trigger, cancelled_by=None)
        except FinishedError:
            return
    elif name == "expire":
        Trigger.objects.filter(pk=trigger.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
        expire_triggers()
    else:
        number = 1 if name == "answer again" else None
        answer = Answer(outcomes=[make_outcome(ok=name != "fail", number=number)])
        record_answer(project_id=project.pk, trigger_id=trigger.pk, answer=answer)


@pytest.mark.usefixtures("trace")
@BOUNDS
@given(steps=STEPS, run_count=st.integers(1, 3))
def test_trigger__anything_in_any_order__follows_the_drawing(
    steps: list[str], run_count: int, project: Project
) -> None:
    Trigger.objects.all().delete()
    key, _ = ApiKey.objects.get_or_create(project=project, public_id="k", defaults={"scopes": [Scope.RERUN]})
    trigger = ask(project, run_count=run_count)
    connect(project, key)

    for step in steps:
        before = Trigger.objects.get(pk=trigger.pk)
        kept = {run.pk: bytes(run.output or b"") for run in before.runs.all() if run.answered_at}
        take_step(step, trigger, project)
        after = Trigger.objects.get(pk=trigger.pk)
        runs = list(after.runs.all())

        assert after.state in MAY_FOLLOW[before.state], step
        assert (after.finished_at is not None) == (after.state in FINAL)
        assert before.state not in FINAL or after.finished_at == before.finished_at
        assert {run.pk: bytes(run.output or b"") for run in runs if run.pk in kept} == kept
        assert len(runs) == run_count
        assert after.state != "completed" or all(run.ok for run in runs)
        assert after.state != "failed" or all(run.answered_at for run in runs)
        assert after.state in FINAL or any(run.answered_at is None for run in runs)
        assert all(run.state != Run.State.WAITING for run in runs) or after.state not in FINAL


@pytest.fixture
def trigger(trace: str, project: Project) -> Trigger:
    connect(project, create_key(project=project, name="SDK", scopes=[Scope.RERUN]).key)
    return ask(project, run_count=2)


def test_answer__two_of_two_runs__completes(trigger: Trigger, project: Project) -> None:
    first = record_answer(project_id=project.pk, trigger_id=trigger.pk, answer=Answer(outcomes=[make_outcome()]))
    second = record_answer(project_id=project.pk, trigger_id=trigger.pk, answer=Answer(outcomes=[make_outcome()]))

    assert (first.trigger.state, second.trigger.state) == ("running", "completed")


def test_answer__one_run_failed__fails_and_says_how_many(trigger: Trigger, project: Project) -> None:
    outcomes = [make_outcome(), make_outcome(ok=False)]

    recorded = record_answer(project_id=project.pk, trigger_id=trigger.pk, answer=Answer(outcomes=outcomes))

    assert (recorded.trigger.state, recorded.trigger.detail) == ("failed", "1 of 2 runs failed.")


def test_answer__after_it_expired__is_kept_as_late(trigger: Trigger, project: Project) -> None:
    record_answer(project_id=project.pk, trigger_id=trigger.pk, answer=Answer(outcomes=[make_outcome()]))
    take_step("expire", trigger, project)

    late = record_answer(project_id=project.pk, trigger_id=trigger.pk, answer=Answer(outcomes=[make_outcome()]))

    runs = list(trigger.runs.values_list("state", "is_late", "ok"))
    assert (late.accepted, late.trigger.state) == (1, "expired")
    assert late.trigger.detail == "1 of 2 runs were not answered."
    assert runs == [("completed", False, True), ("expired", True, True)]


def test_expiry__nothing_came__says_that_nobody_took_it(trace: str, project: Project) -> None:
    trigger = ask(project)

    take_step("expire", trigger, project)

    ended = Trigger.objects.get()
    assert (ended.state, ended.detail) == ("expired", "No SDK that takes reruns is connected.")


def test_expiry__before_its_time__changes_nothing(trigger: Trigger) -> None:
    assert expire_triggers() == 0
    assert Trigger.objects.get().state == "pending"


def test_output__with_a_secret__is_stored_without_it(trigger: Trigger, project: Project) -> None:
    outcome = make_outcome(output=b'{"api_key": "sk-1234567890abcdef1234567890"}')

    record_answer(project_id=project.pk, trigger_id=trigger.pk, answer=Answer(outcomes=[outcome]))

    assert bytes(trigger.runs.get(number=1).output or b"") == b'{"api_key": "[REDACTED]"}'


def test_output__project_captures_none__is_withheld(trigger: Trigger, project: Project) -> None:
    project.capture_outputs = False
    project.save()

    record_answer(project_id=project.pk, trigger_id=trigger.pk, answer=Answer(outcomes=[make_outcome()]))

    run = trigger.runs.get(number=1)
    assert (run.output, run.output_bytes) == (None, 5)
