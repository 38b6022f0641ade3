from __future__ import annotations

import pytest

from observability.models import Project, Scope, User
from observability.services.keys import create_key
from tests.api.conftest import TRACE_ID, Api, write_trace

pytestmark = pytest.mark.usefixtures("store")


def ask(api: Api, left: str, right: str) -> list[int]:
    """Return what both addresses answer for two traces."""
    return [
        api.get("compare", left=left, right=right).status_code,
        api.get("compare/values", left=left, right=right, left_span="root", right_span="root").status_code,
    ]


def test_compare__members_and_a_key__rows_and_values(
    project: Project, owner: User, teammate: User, viewer: User, key_api: Api
) -> None:
    write_trace(project)
    write_trace(project, "other")

    for api in (Api(user=owner), Api(user=teammate), Api(user=viewer), key_api):
        assert ask(api, TRACE_ID, "other") == [200, 200]

    rows = key_api.get("compare", left=TRACE_ID, right="other").json()["rows"]
    assert [(row["name"], row["state"]) for row in rows] == [("chat", "same"), ("search", "same"), ("gpt", "same")]


def test_compare__stranger_or_a_foreign_trace_on_either_side__not_found(
    project: Project, foreign_project: Project, stranger: User, key_api: Api
) -> None:
    write_trace(project)
    write_trace(foreign_project, "foreign")

    assert ask(Api(user=stranger), TRACE_ID, TRACE_ID) == [404, 404]
    assert ask(key_api, TRACE_ID, "foreign") == [404, 404]
    assert ask(key_api, "foreign", TRACE_ID) == [404, 404]


def test_compare__key_without_the_scope_or_nobody__refused(project: Project) -> None:
    write_trace(project)
    sender = Api(key=create_key(project=project, name="Sender", scopes=[Scope.INGEST]).text)

    assert ask(sender, TRACE_ID, TRACE_ID) == [403, 403]
    assert ask(Api(), TRACE_ID, TRACE_ID) == [401, 401]


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("compare", {"left": TRACE_ID}, "right"),
        ("compare", {"right": TRACE_ID}, "left"),
        ("compare", {"left": TRACE_ID, "right": TRACE_ID, "middle": "x"}, "middle"),
        ("compare/values", {"left": TRACE_ID, "right": TRACE_ID}, "left_span"),
    ],
)
def test_compare__parameter_wrong_or_left_out__named(
    path: str, query: dict[str, str], field: str, project: Project, key_api: Api
) -> None:
    write_trace(project)

    response = key_api.get(path, **query)

    assert response.status_code == 400
    assert list(response.json()["fields"]) == [field]


def test_compare_values__event_that_is_not_there__not_found(project: Project, key_api: Api) -> None:
    write_trace(project)

    assert key_api.get("compare/values", left=TRACE_ID, right=TRACE_ID, left_span="never").status_code == 404
