"""The Traces page and its live rounds, without a browser: queries, addresses, bad parameters, headers."""

from __future__ import annotations

import json
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from observability.models import Project, User
from tests.records import make_event, write


@pytest.fixture
def base(project: Project, store: None) -> str:
    return f"/o/{project.organization.slug}/p/{project.slug}/"


@pytest.fixture
def client(owner: User) -> Client:
    signed_in = Client()
    signed_in.force_login(owner)
    return signed_in


def count_queries(client: Client, path: str) -> int:
    client.get(path)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(path)
    return len(queries)


def read_news(body: str) -> dict[str, object]:
    found = re.search(r'<script id="news" type="application/json">(.*?)</script>', body)
    assert found is not None
    news: dict[str, object] = json.loads(found[1])
    return news


def test_list__one_and_many__takes_the_same_queries(client: Client, base: str, project: Project) -> None:
    write(project.pk, make_event("t-0"))
    one = count_queries(client, f"{base}traces/")
    write(project.pk, *(make_event(f"t-{number}", at=number) for number in range(1, 30)))

    assert count_queries(client, f"{base}traces/") == one


def test_list__htmx__gets_the_results_alone_and_caches_keep_them_apart(client: Client, base: str) -> None:
    answer = client.get(f"{base}traces/", headers={"HX-Request": "true"})

    assert "<html" not in answer.content.decode()
    assert "HX-Request" in answer.headers["Vary"]


def test_list__content_security_policy__is_strict(client: Client, base: str) -> None:
    policy = client.get(f"{base}traces/").headers["Content-Security-Policy"]

    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    "query",
    [
        "status=nonsense",
        "range=2y",
        "range=custom&from=yesterday",
        "range=custom&to=2026-13-01",
        "cursor=%00",
    ],
)
def test_list__bad_parameter__says_which(query: str, client: Client, base: str) -> None:
    answer = client.get(f"{base}traces/?{query}")

    assert answer.status_code == 400
    name = query.split("&")[-1].split("=")[0]
    assert f"{name}:" in answer.content.decode()


def test_live__shown_rows__come_back_as_they_are_now(client: Client, base: str, project: Project) -> None:
    write(project.pk, make_event("t-1", lasts=None), make_event("t-2", at=1))
    write(project.pk, make_event("t-1", lasts=2))

    body = client.get(f"{base}traces-live/?shown=t-1&newer_than=").content.decode()

    assert 'data-trace="t-1"' in body
    assert 'data-version="2"' in body
    assert 'data-trace="t-2"' not in body
    assert read_news(body) == {"count": 2, "is_more": False, "between": []}


def test_live__filters__hold_for_what_is_new(client: Client, base: str, project: Project) -> None:
    write(project.pk, make_event("t-1"), make_event("t-2", at=1, status="error"))

    body = client.get(f"{base}traces-live/?status=error&newer_than=&maybe=t-1&maybe=t-2").content.decode()

    assert read_news(body) == {"count": 1, "is_more": False, "between": ["t-2"]}


def test_live__deleted_or_foreign_rows__stay_away(
    client: Client, base: str, project: Project, foreign_project: Project
) -> None:
    write(foreign_project.pk, make_event("t-9"))

    body = client.get(f"{base}traces-live/?shown=t-9&maybe=t-9&newer_than=").content.decode()

    assert "t-9" not in body


def test_trace__page_and_header__take_few_queries(client: Client, base: str, project: Project) -> None:
    write(project.pk, make_event("t-1"))

    assert count_queries(client, f"{base}traces/t-1/") <= 6
    assert count_queries(client, f"{base}trace-header/t-1/") <= 5


def test_home__goes_to_the_project_opened_last(client: Client, base: str, owner: User, project: Project) -> None:
    client.get(f"{base}traces/")

    assert client.get("/").headers["Location"] == f"{base}traces/"


def test_preferences__unknown_theme__is_refused(client: Client, base: str) -> None:
    assert client.post("/preferences/", {"theme": "pink"}).status_code == 400


def test_preferences__before_sign_in__stays_in_the_browser(base: str) -> None:
    unknown = Client()

    answer = unknown.post("/preferences/", {"theme": "dark"})

    assert answer.status_code == 204
    assert 'data-theme="dark"' in unknown.get("/accounts/login/").content.decode()
