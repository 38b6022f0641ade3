"""What two ways of handing over do to one trigger, and what a stuck process costs the others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from observability.models import Project
from observability.services.keys import NewKey
from reruns import outbound
from reruns.models import Delivery, RerunPolicy, SdkConnection, Trigger
from reruns.selectors.policies import get_policy
from reruns.services.delivery import begin_delivery, begin_reply, deliver_waiting, list_deliverable, take_back
from reruns.services.triggers import expire_triggers
from tests.reruns.conftest import SESSION
from tests.reruns.test_state_machine import ask, connect

pytestmark = pytest.mark.usefixtures("trace")


def _ask_of_session(project: Project) -> Trigger:
    trigger = ask(project)
    Trigger.objects.filter(pk=trigger.pk).update(requested_session_id=SESSION)
    return trigger


def test_reply__session_has_an_open_socket__leaves_the_trigger_to_it(project: Project, rerun_key: NewKey) -> None:
    trigger = _ask_of_session(project)
    connection = connect(project, rerun_key.key)

    # A client that reads no triggers from replies would never hear of one that went out so.
    assert begin_reply(project_id=project.pk, session_id=SESSION) is None
    assert begin_delivery(trigger_id=trigger.pk, sid=connection.sid, channel=Delivery.Channel.SOCKET) is not None


def test_reply__socket_is_closed_or_lost__carries_the_trigger(project: Project, rerun_key: NewKey) -> None:
    _ask_of_session(project)
    connect(project, rerun_key.key)
    SdkConnection.objects.update(last_seen_at=timezone.now() - timedelta(minutes=2))

    assert begin_reply(project_id=project.pk, session_id=SESSION) is not None


def test_take_back__sent_before__stays_with_its_session(project: Project, rerun_key: NewKey) -> None:
    trigger = ask(project)
    connect(project, rerun_key.key)
    begin_delivery(trigger_id=trigger.pk, sid="sid-1", channel=Delivery.Channel.SOCKET)
    connect(project, rerun_key.key, sid="sid-2")
    begin_delivery(trigger_id=trigger.pk, sid="sid-2", channel=Delivery.Channel.REGISTER)

    take_back(trigger.pk, sid="sid-2")

    # The SDK may be at it since the first: nobody else may run it as well.
    trigger.refresh_from_db()
    assert (trigger.state, trigger.session_id) == ("sent", SESSION)
    assert list(trigger.deliveries.values_list("sid", "is_delivered")) == [("sid-1", True), ("sid-2", False)]


def test_sweep__a_process_does_not_answer__is_asked_once_and_for_so_long(
    project: Project, rerun_key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        _ask_of_session(project)
    connect(project, rerun_key.key)
    asked: list[Any] = []

    def be_silent(**given: Any) -> str:
        asked.append(given)
        return "silent"

    monkeypatch.setattr(outbound, "ask_to_deliver", be_silent)

    assert deliver_waiting() == 0
    assert len(asked) == 1


def test_deliverable__many_wait__costs_no_query_each(
    project: Project, rerun_key: NewKey, django_assert_max_num_queries: Any
) -> None:
    for _ in range(6):
        ask(project)
    connection = connect(project, rerun_key.key)

    with django_assert_max_num_queries(9):
        found = list_deliverable(connection, is_registering=False)

    assert len(found) == 6


def test_limit_at_once__expired_and_not_yet_swept__does_not_count(project: Project) -> None:
    RerunPolicy.objects.create(project=project, max_concurrent=1)
    ask(project)
    Trigger.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert get_policy(project.pk).max_concurrent == 1
    assert ask(project).state == "pending"


@pytest.mark.parametrize(
    ("is_open", "detail"),
    [
        (True, "1 of 1 runs were not answered."),
        (False, "1 of 1 runs were not answered; the SDK session session-1 is not connected any more."),
    ],
)
def test_expiry__sent__says_whether_its_sdk_is_still_there(
    project: Project, rerun_key: NewKey, is_open: bool, detail: str
) -> None:
    trigger = ask(project)
    connect(project, rerun_key.key)
    begin_delivery(trigger_id=trigger.pk, sid="sid-1", channel=Delivery.Channel.SOCKET)
    SdkConnection.objects.update(closed_at=None if is_open else timezone.now())
    Trigger.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    expire_triggers()

    trigger.refresh_from_db()
    assert (trigger.state, trigger.detail) == ("expired", detail)
    assert list(trigger.runs.values_list("state", flat=True)) == ["expired"]
