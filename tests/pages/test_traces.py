"""The Traces page and its live rounds, without a browser: queries, addresses, bad parameters, headers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from observability.models import Project, SavedView, User
from observability.selectors.trace_columns import COLUMNS
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
        "q=a%00",
        "view=mine",
        "columns=run,nonsense",
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
    assert f"{name}:" in answer.content.decode() or name == "q"


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

    body = client.get(f"{base}traces-live/?q=status:error&newer_than=&maybe=t-1&maybe=t-2").content.decode()

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

    assert client.get("/").headers["Location"] == f"{base}overview/"


def test_preferences__unknown_theme__is_refused(client: Client, base: str) -> None:
    assert client.post("/preferences/", {"theme": "pink"}).status_code == 400


def test_preferences__before_sign_in__stays_in_the_browser(base: str) -> None:
    unknown = Client()

    answer = unknown.post("/preferences/", {"theme": "dark"})

    assert answer.status_code == 204
    assert 'data-theme="dark"' in unknown.get("/accounts/login/").content.decode()


def test_list__query_that_cannot_be_read__points_at_the_place(client: Client, base: str) -> None:
    address = f"{base}traces/?q=+status:error+colour:red"

    page = client.get(address)
    part = client.get(address, headers={"HX-Request": "true"})

    assert page.status_code == part.status_code == 400
    assert "<code>status:error <mark>colour</mark>:red</code>" in page.content.decode()
    answer = part.json()
    assert (answer["code"], answer["position"], answer["length"]) == ("invalid_query", 13, 6)


def test_list__conditions__each_can_be_taken_away(client: Client, base: str) -> None:
    body = client.get(f"{base}traces/?q=status:error+refund&range=7d").content.decode()

    assert f'href="{base}traces/?q=refund&amp;range=7d"' in body
    assert f'href="{base}traces/?q=status%3Aerror&amp;range=7d"' in body


def test_list__statuses__write_into_the_query(client: Client, base: str) -> None:
    body = client.get(f"{base}traces/?q=status:error+refund").content.decode()

    assert f'href="{base}traces/?q=refund+status%3Arunning"' in body
    assert re.search(r'href="[^"]*q=refund\+status%3Aerror"[^>]*aria-current="true"', body)


def test_list__columns__as_the_address_or_the_person_chose(client: Client, base: str, project: Project) -> None:
    write(project.pk, make_event("t-1", agent_name="triage", service_version="1.4"))
    client.put(
        f"/api/observability/trace-columns?project={project.pk}",
        {"columns": ["run", "version"]},
        content_type="application/json",
    )

    assert 'data-columns="run,version"' in client.get(f"{base}traces/").content.decode()
    body = client.get(f"{base}traces/?columns=agent,run").content.decode()

    assert 'data-columns="agent,run"' in body
    assert 'title="triage"' in body


def test_list__every_column__can_be_shown(client: Client, base: str, project: Project) -> None:
    write(project.pk, make_event("t-1", input=b'"in"', output=b'"out"', status="error", error_message="no"))

    body = client.get(f"{base}traces/?columns={','.join(COLUMNS)}").content.decode()

    assert len(re.findall(r'<td class="c-', body)) == len(COLUMNS) + 1


def test_list__default_view__opens_without_parameters_only(client: Client, base: str, project: Project) -> None:
    fields = {"name": "Failed", "q": "status:error", "range": "7d", "columns": ["run", "cost"], "is_default": True}
    saved = client.post(
        f"/api/observability/saved-views?project={project.pk}", fields, content_type="application/json"
    ).json()

    opened = client.get(f"{base}traces/")

    assert opened.headers["Location"] == f"{base}traces/?q=status%3Aerror&range=7d&view={saved['id']}"
    body = client.get(opened.headers["Location"]).content.decode()
    assert 'data-columns="run,cost"' in body
    assert ">Failed</span>" in body
    assert client.get(f"{base}traces/?view=all").status_code == 200


def test_list__view_of_somebody_else__shows_the_query_without_its_name(
    client: Client, base: str, project: Project, teammate: User
) -> None:
    write(project.pk, make_event("t-1"))
    view = SavedView.objects.create(project=project, owner=teammate, name="Secret", columns=["run", "tags"])

    body = client.get(f"{base}traces/?q=workflow:chat&view={view.pk}").content.decode()

    assert "Secret" not in body
    assert 'data-columns="status,run' in body


def test_list__events_without_a_run__are_not_shown_as_one(client: Client, base: str, project: Project) -> None:
    sent: dict[str, Any] = {"workflow_name": "unknown-workflow", "session_id": "s"}
    write(
        project.pk,
        make_event("unknown-workflow::s", kind="http", name="GET", **sent),
        make_event("unknown-workflow::1700000000000::a", name="unknown-workflow", **sent),
    )

    body = client.get(f"{base}traces/").content.decode()

    assert body.count("Unattributed events") == 1
    assert body.count('class="is-unattributed"') == 1
    assert 'title="unknown-workflow"' in body, "a run that its client named so is one"


def test_header__earlier_run_of_the_workflow__is_offered_to_compare_with(
    client: Client, base: str, project: Project
) -> None:
    write(project.pk, make_event("old run", at=0, name="chat"), make_event("new", at=5, name="chat"))

    first = client.get(f"{base}traces/old%20run/").content.decode()
    second = client.get(f"{base}traces/new/").content.decode()

    assert "Compare with the previous run" not in first
    assert f'href="{base}compare/?left=old+run&amp;right=new"' in second
