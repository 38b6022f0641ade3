from __future__ import annotations

import pytest

from observability.models import Project, User
from tests.api.conftest import TRACE_ID, Api, write_trace

pytestmark = pytest.mark.usefixtures("store")


def _codes(api: Api, wanted: str) -> list[str]:
    return [item["code"] for item in api.get("where", id=wanted).json()["items"]]


def test_where__members_and_keys__learn_what_is_stored(
    project: Project, owner: User, teammate: User, viewer: User, key_api: Api
) -> None:
    write_trace(project)

    for api in (Api(user=owner), Api(user=teammate), Api(user=viewer), key_api):
        assert _codes(api, TRACE_ID)[0] == "found"


def test_where__stranger__learns_nothing_and_nobody_is_refused(
    project: Project, foreign_project: Project, stranger: User
) -> None:
    write_trace(project)

    assert _codes(Api(user=stranger), TRACE_ID) == ["unknown"]
    assert Api(user=stranger).get("where", id=TRACE_ID, project=project.pk).status_code == 404
    assert Api().get("where", id=TRACE_ID).status_code == 401


def test_where__without_an_id__names_the_field(key_api: Api, project: Project) -> None:
    answer = key_api.get("where")

    assert (answer.status_code, list(answer.json()["fields"])) == (400, ["id"])
