"""Every page of reruns, met by everybody; what cannot be asked for; how many queries a page takes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from observability.models import Project, User
from observability.selectors.traces import get_trace
from reruns.models import Run, Trigger
from reruns.pages.forks import draw_lines
from reruns.pages.progress import list_stages
from reruns.selectors.forks import ForkNode, get_forks
from reruns.selectors.policies import get_policy
from reruns.selectors.triggers import get_trigger_detail
from reruns.services.triggers import Request, WorkflowSettings, request_workflow_rerun
from tests.reruns.conftest import TRACE


def ask(project: Project, *, runs: int = 1, **settings: Any) -> Trigger:
    return request_workflow_rerun(
        request=Request(policy=get_policy(project.pk), run_count=runs, evaluations=[{"type": "determinism"}]),
        trace=get_trace(project.pk, TRACE),
        settings=WorkflowSettings(**settings),
    )


@pytest.fixture
def pages(trace: str, project: Project) -> list[str]:
    base = f"/o/{project.organization.slug}/p/{project.slug}"
    number = ask(project).pk
    return [
        f"{base}/reruns/",
        f"{base}/reruns/?state=live&mode=workflow&workflow=cha&trace={TRACE}",
        f"{base}/reruns/{number}/",
        f"{base}/sdk-sessions/",
        f"{base}/rerun-dialog/{TRACE}/",
        f"{base}/trace-reruns/{TRACE}/",
    ]


def visit(user: User | None, pages: list[str]) -> set[int]:
    client = Client()
    if user is not None:
        client.force_login(user)
    return {client.get(page).status_code for page in pages}


def test_pages__met_by_everybody__are_shown_to_members_alone(
    pages: list[str], owner: User, teammate: User, viewer: User, stranger: User
) -> None:
    assert [visit(user, pages) for user in (owner, teammate, viewer)] == [{200}] * 3
    assert visit(stranger, pages) == {404}
    assert visit(None, pages) == {302}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("reruns/?state=odd", 400, "state: choose from"),
        ("reruns/?mode=odd", 400, "mode: choose from"),
        ("reruns/?workflow=%00", 400, "workflow: at most"),
        ("reruns/?cursor=odd", 400, "cursor"),
        ("reruns/99999999/", 404, ""),
        ("reruns/{number}/?run=9", 404, ""),
        ("reruns/{number}/?step=x", 404, ""),
        ("trace-reruns/nothing/", 404, ""),
        ("rerun-dialog/nothing/", 404, ""),
    ],
)
def test_page__asked_for_what_there_is_not__says_so(
    path: str, status: int, said: str, trace: str, project: Project, owner: User
) -> None:
    client = Client()
    client.force_login(owner)
    address = f"/o/{project.organization.slug}/p/{project.slug}/{path.format(number=ask(project).pk)}"

    answer = client.get(address)

    assert answer.status_code == status
    assert said in answer.content.decode()


def test_list__of_many__takes_the_queries_of_one(trace: str, project: Project, owner: User) -> None:
    client = Client()
    client.force_login(owner)
    address = f"/o/{project.organization.slug}/p/{project.slug}/reruns/"
    ask(project)
    client.get(address)

    with CaptureQueriesContext(
        connection,
    ) as one:
        client.get(address)
    for _ in range(4):
        ask(project, runs=3)
    with CaptureQueriesContext(connection) as many:
        client.get(address)

    assert len(many) == len(one)


def test_forks__of_a_rerun_of_a_rerun__begin_with_the_first_and_go_down(trace: str, project: Project) -> None:
    from tests.records import make_event, write

    first = ask(project, runs=2)
    made = f"chat::1795202677999::run-{first.pk}"
    write(project.pk, make_event(made))
    Run.objects.filter(trigger=first, number=1).update(trace_id=made)
    second = request_workflow_rerun(
        request=Request(policy=get_policy(project.pk)),
        trace=get_trace(project.pk, made),
        settings=WorkflowSettings(workflow_input=None),
    )

    found = get_forks(project.pk, made)

    nodes = [(node.trigger_id, node.run, node.depth, node.is_asked) for node in found.items]
    assert nodes == [
        (None, None, 0, False),
        (first.pk, 1, 1, True),
        (second.pk, 1, 2, False),
        (first.pk, 2, 1, False),
    ]
    assert get_forks(project.pk, TRACE).items[0].is_asked
    assert [(line.x, line.rails, line.elbow, line.is_last) for line in draw_lines(found.items)] == [
        (9, [], None, True),
        (27, [], 9, False),
        (45, [9], 27, True),
        (27, [], 9, True),
    ]


def test_lines__of_one__have_nothing_to_join(trace: str, project: Project) -> None:
    (line,) = draw_lines(get_forks(project.pk, TRACE).items)

    assert isinstance(line.node, ForkNode)
    assert (line.elbow, line.has_children) == (None, False)


def test_stages__by_state__say_how_far_it_is(trace: str, project: Project) -> None:
    trigger = ask(project, runs=2)

    def read() -> list[tuple[str, str, str]]:
        return [
            (stage.name, stage.mark, stage.note) for stage in list_stages(get_trigger_detail(project.pk, trigger.pk))
        ]

    assert read() == [
        ("Asked", "done", ""),
        ("Sent", "now", "waits for an SDK"),
        ("Running", "later", ""),
        ("Evaluated", "later", ""),
        ("Done", "later", ""),
    ]
    Trigger.objects.filter(pk=trigger.pk).update(state="expired", finished_at=trigger.created_at)
    assert read()[1:] == [
        ("Sent", "stopped", "never"),
        ("Running", "stopped", "0 of 2"),
        ("Evaluated", "stopped", ""),
        ("Expired", "stopped", ""),
    ]
