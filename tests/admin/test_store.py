"""The store's tables in admin: who sees them, whose rows, in which order, and where they lead."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from observability.admin.store import PAGE_ROWS, TABLES
from observability.models import (
    ErrorGroup,
    IngestCount,
    IngestRejection,
    KeyDay,
    Project,
    SdkSession,
    Step,
    Trace,
    User,
)
from tests.records import make_event, write

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def signed_in(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


def read_rows(page: str) -> list[list[str]]:
    """Return what the cells of the table say."""
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    rows = [re.findall(r"<td title=\"[^\"]*\">(.*?)</td>", row) for row in body.split("</tr>")[:-1]]
    return [[unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in rows]


def find_link(page: str, text: str) -> str:
    found = re.search(rf'<a href="([^"]+)">{text}</a>', page.partition("<tbody>")[2])
    assert found is not None
    return unescape(found[1])


def fill(project: Project, number: int) -> None:
    """Make rows of every table but that of traces, `number` of each."""
    at = NOW - timedelta(hours=number)
    Step.objects.create(project_id=project.pk, kind="tool", key=f"k/{number:03}", name="K", first_seen_at=at)
    ErrorGroup.objects.create(project_id=project.pk, fingerprint=f"{number:016x}", kind="ai", name="n", message="m")
    SdkSession.objects.create(
        project_id=project.pk, session_id=f"s {number:03}", metadata={}, first_seen_at=at, last_seen_at=at
    )
    IngestCount.objects.create(project_id=project.pk, door="otlp", hour=at, code="accepted", items=number)
    KeyDay.objects.create(
        project_id=project.pk, public_id="pk", day=at.date(), code=f"c{number:03}", items=1, last_at=at
    )
    IngestRejection.objects.create(
        id=number + 1, project_id=project.pk, door="sdk", code="no_id", reason="r", item_index=0, received_at=at
    )


@pytest.mark.parametrize("name", TABLES)
def test_table__operator__asks_for_a_project_then_shows_its_rows_alone(
    signed_in: Client, project: Project, foreign_project: Project, store: None, name: str
) -> None:
    fill(project, 1)
    fill(project, 2)
    write(project.pk, make_event("t-1"), make_event("t-2", at=5))

    asked = signed_in.get(f"/admin/store/{name}/").content.decode()
    shown = signed_in.get(f"/admin/store/{name}/", {"project": project.pk}).content.decode()
    foreign = signed_in.get(f"/admin/store/{name}/", {"project": foreign_project.pk}).content.decode()

    assert "Choose a project" in asked
    assert len(read_rows(shown)) >= 2
    assert signed_in.get(find_link(shown, "[^<]+")).status_code in (200, 404)
    assert find_link(shown, "[^<]+").startswith("/o/acme/p/support-desk/")
    assert read_rows(foreign) == []
    assert "No rows" in foreign


def test_traces__many__page_by_key_newest_first_while_rows_arrive(
    signed_in: Client, project: Project, store: None
) -> None:
    write(project.pk, *(make_event(f"t-{number:03}", at=number // 2) for number in range(PAGE_ROWS + 9)))
    path = "/admin/store/traces/"

    first = signed_in.get(path, {"project": project.pk}).content.decode()
    write(project.pk, make_event("t-late", at=1000))
    second = signed_in.get(path + find_link(first + "<tbody>", "Next rows").replace("&amp;", "&")).content.decode()

    ids = [row[0] for row in read_rows(first) + read_rows(second)]
    assert ids == [f"t-{number:03}" for number in reversed(range(PAGE_ROWS + 9))]
    assert "Next rows" not in second
    assert "First rows" in second


@pytest.mark.parametrize("name", [name for name in TABLES if name != "traces"])
def test_table__every_order__pages_without_losing_or_repeating_a_row(
    signed_in: Client, project: Project, store: None, name: str
) -> None:
    for number in range(PAGE_ROWS + 3):
        fill(project, number)
    path = f"/admin/store/{name}/"

    first = signed_in.get(path, {"project": project.pk}).content.decode()
    second = signed_in.get(path + find_link(first, "Next rows")).content.decode()

    rows = [tuple(row) for row in read_rows(first) + read_rows(second)]
    assert len(rows) == len(set(rows)) == PAGE_ROWS + 3


def test_search__beginning__finds_what_begins_so_and_nothing_by_pattern(
    signed_in: Client, project: Project, store: None
) -> None:
    write(project.pk, *(make_event(trace_id) for trace_id in ("ab-1", "ab-2", "b-ab", "a%b")))

    found = {
        asked: [
            row[0]
            for row in read_rows(
                signed_in.get("/admin/store/traces/", {"project": project.pk, "q": asked}).content.decode()
            )
        ]
        for asked in ("ab", "a%", "_b", "\x00", "'")
    }

    assert found["ab"] == ["ab-1", "ab-2"]
    assert found["a%"] == ["a%b"]
    assert found["_b"] == found["'"] == []
    assert len(found["\x00"]) == 4


def test_deleted_trace__until_it_is_purged__is_shown_as_such(signed_in: Client, project: Project, store: None) -> None:
    write(project.pk, make_event("t-1"))
    Trace.objects.update(deleted_at=NOW)

    page = signed_in.get("/admin/store/traces/", {"project": project.pk}).content.decode()

    assert read_rows(page)[0][6] == "2026-03-01 12:00:00 UTC"


def test_table__one_row_or_many__costs_the_same_queries(signed_in: Client, project: Project, store: None) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            signed_in.get("/admin/store/steps/", {"project": project.pk})
        return len(queries)

    fill(project, 1)
    count()
    one = count()
    for number in range(2, 20):
        fill(project, number)

    assert count() == one


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("no-such-table/", 404),
        ("traces/?project={project}&after=!", 400),
        ("traces/?project={project}&after=WyJ4Il0", 400),
        ("traces/?project={project}&after=WyJ4IiwieSJd", 400),
        ("traces/?project=99999999", 200),
        ("traces/?project=99999999999999999999999", 200),
        ("traces/?project=x", 200),
    ],
)
def test_table__address_that_makes_no_sense__is_said(
    signed_in: Client, project: Project, path: str, status: int
) -> None:
    assert signed_in.get(f"/admin/store/{path.format(project=project.pk)}").status_code == status


@pytest.mark.parametrize("person", ["owner", "teammate", "viewer", "stranger"])
def test_table__signed_in_but_no_staff__does_not_exist(
    client: Client, request: pytest.FixtureRequest, project: Project, person: str
) -> None:
    client.force_login(request.getfixturevalue(person))

    assert client.get(f"/admin/store/traces/?project={project.pk}", follow=True).status_code == 404


def test_table__staff__see_those_they_may_view(client: Client, stranger: User, project: Project, store: None) -> None:
    stranger.is_staff = True
    stranger.save()
    stranger.user_permissions.add(Permission.objects.get(codename="view_step"))
    client.force_login(stranger)
    query = {"project": project.pk}

    assert client.get("/admin/store/steps/", query).status_code == 200
    assert client.get("/admin/store/traces/", query).status_code == 403
