"""The Steps pages without a browser: what they show, queries, bad parameters."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from observability.ingest.text import hash_prompt
from observability.models import Project, User
from tests.records import make_event, write

PROMPT: dict[str, Any] = {"kind": "ai", "parent_span_id": "root", "name": "gpt", "source": "sdk"}


@pytest.fixture
def base(project: Project, store: None) -> str:
    return f"/o/{project.organization.slug}/p/{project.slug}/"


@pytest.fixture
def client(owner: User) -> Client:
    signed_in = Client()
    signed_in.force_login(owner)
    return signed_in


def _count_queries(client: Client, path: str) -> int:
    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        client.get(path)
    return len(queries)


@pytest.mark.parametrize("path", ["steps/", "steps/workflow/chat/"])
def test_pages__one_call_and_many__take_the_same_queries(
    client: Client, base: str, project: Project, path: str
) -> None:
    write(project.pk, make_event("t-0"))
    one = _count_queries(client, base + path)
    write(project.pk, *(make_event(f"t-{n}", at=n, name="chat" if n % 2 else f"w-{n}") for n in range(1, 30)))

    assert _count_queries(client, base + path) == one


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("steps/?kind=agent", "kind: choose from workflow, tool, prompt"),
        ("steps/?order=size", "order: choose from calls"),
        ("steps/?range=2d", "range: choose from"),
        ("steps/?text=%00", "text: at most 200 characters, without NUL"),
        ("steps/workflow/chat/?status=late", "status: choose from ok, error and running"),
        ("steps/workflow/chat/?cursor=nonsense", "cursor"),
    ],
)
def test_pages__wrong_parameter__is_named_in_a_400(
    client: Client, base: str, project: Project, path: str, says: str
) -> None:
    write(project.pk, make_event("t-0"))

    answer = client.get(base + path)

    assert answer.status_code == 400
    assert says in answer.content.decode()


@pytest.mark.parametrize("path", ["steps/workflow/never/", "steps/agent/chat/", "steps/tool/chat/"])
def test_detail__no_such_step__is_not_found(client: Client, base: str, project: Project, path: str) -> None:
    write(project.pk, make_event("t-0"))

    assert client.get(base + path).status_code == 404


def test_detail__name_of_any_letters__has_an_address_of_its_own(client: Client, base: str, project: Project) -> None:
    name = 'a/b?c"d\\ é'
    write(project.pk, make_event("t-0", name=name))

    page = client.get(f"{base}steps/").content.decode()
    address = page.split('data-step="', 1)[1].split('href="', 1)[1].split('"', 1)[0]
    detail = client.get(address)

    assert detail.status_code == 200
    assert detail.context["step"].key == name
    traces = client.get(detail.context["traces_url"])
    assert [trace.trace_id for trace in traces.context["page"].items] == ["t-0"]


def test_detail__prompt_with_an_earlier_version__shows_what_changed(
    client: Client, base: str, project: Project
) -> None:
    def call(span_id: str, text: str, at: float) -> None:
        given = f'[{{"role": "system", "content": "{text}"}}]'.encode()
        facts: dict[str, Any] = {"prompt_name": "greet", "prompt_hash": hash_prompt(text), "input": given}
        write(project.pk, make_event("t-0", span_id, at=at, **PROMPT, **facts))

    call("a", "Be kind.", 0)
    call("b", "Be brief.", 5)

    page = client.get(f"{base}steps/prompt/{hash_prompt('Be brief.')}/")

    assert [(line.change, line.text) for line in page.context["changes"]] == [
        ("removed", "Be kind."),
        ("added", "Be brief."),
    ]
    assert len(page.context["versions"]) == 2
