"""Saved views, met by owner, teammate, viewer, stranger, a key and nobody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from observability.models import Project, ProjectMembership, Role, SavedView, Scope, User
from observability.services.keys import create_key
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db

VIEWS = "saved-views"


def _save(user: User, **fields: Any) -> Any:
    return Api(user=user).post(VIEWS, {"name": "Failed chats", **fields})


def _names(user: User) -> list[str]:
    return [item["name"] for item in Api(user=user).get(VIEWS).json()["items"]]


def test_views__private__are_their_owners_alone(project: Project, owner: User, teammate: User, viewer: User) -> None:
    saved = _save(viewer, q="status:error", range="24h", columns=["run", "cost"])
    path = f"{VIEWS}/{saved.json()['id']}"

    assert saved.status_code == 201
    assert saved.json() == {
        "id": saved.json()["id"],
        "name": "Failed chats",
        "is_shared": False,
        "is_default": False,
        "is_changeable": True,
        "owner": "viewer",
        "q": "status:error",
        "range": "24h",
        "from": None,
        "to": None,
        "columns": ["run", "cost"],
    }
    assert [_names(user) for user in (owner, teammate, viewer)] == [[], [], ["Failed chats"]]
    for user in (owner, teammate):
        assert Api(user=user).patch(path, {"name": "Mine"}).status_code == 404
        assert Api(user=user).delete(path).status_code == 404


def test_views__shared__seen_by_all_and_changed_by_owner_and_admins(
    project: Project, owner: User, teammate: User, viewer: User
) -> None:
    path = f"{VIEWS}/{_save(teammate, is_shared=True).json()['id']}"

    assert [_names(user) for user in (owner, teammate, viewer)] == [["Failed chats"]] * 3
    assert Api(user=viewer).patch(path, {"name": "Mine"}).status_code == 403
    assert Api(user=viewer).delete(path).status_code == 403
    assert Api(user=teammate).patch(path, {"name": "Second"}).json()["name"] == "Second"
    assert Api(user=owner).patch(path, {"q": "chat"}).json()["q"] == "chat"
    assert Api(user=owner).delete(path).status_code == 204
    assert _names(viewer) == []


def test_views__strangers_and_other_projects__find_nothing(
    project: Project, foreign_project: Project, owner: User, stranger: User, operator: User
) -> None:
    path = f"{VIEWS}/{_save(owner, is_shared=True).json()['id']}"

    assert _names(stranger) == []
    for method in ("patch", "delete"):
        assert getattr(Api(user=stranger), method)(path, {"name": "x"}).status_code == 404
    assert Api(user=stranger).post(f"{path}/restore", {}).status_code == 404
    assert Api(user=stranger).get(VIEWS, project=project.pk).status_code == 404
    assert Api(user=operator).get(VIEWS).status_code == 404
    assert Api().get(VIEWS).status_code == 401


def test_views__viewer__may_not_share(project: Project, viewer: User) -> None:
    assert _save(viewer, is_shared=True).status_code == 403
    path = f"{VIEWS}/{_save(viewer).json()['id']}"
    assert Api(user=viewer).patch(path, {"is_shared": True}).status_code == 403
    assert not SavedView.objects.get().is_shared


def test_views__key__reads_shared_ones_and_changes_nothing(project: Project, owner: User) -> None:
    path = f"{VIEWS}/{_save(owner, is_shared=True).json()['id']}"
    _save(owner, name="Private")
    api = Api(key=create_key(project=project, name="Key", scopes=[Scope.READ, Scope.ADMIN]).text)

    assert [item["name"] for item in api.get(VIEWS).json()["items"]] == ["Failed chats"]
    assert api.post(VIEWS, {"name": "x"}).status_code == 403
    assert api.patch(path, {"name": "x"}).status_code == 403
    assert api.delete(path).status_code == 403
    assert api.put("trace-columns", {"columns": []}).status_code == 403


def test_views__deleted__restored_as_it_was_until_its_name_is_taken(project: Project, teammate: User) -> None:
    saved = _save(teammate, is_shared=True).json()
    path = f"{VIEWS}/{saved['id']}"
    api = Api(user=teammate)
    api.patch(path, {"is_default": True})

    api.delete(path)
    restored = api.post(f"{path}/restore", {})
    assert restored.json() == {**saved, "is_default": True}

    api.delete(path)
    _save(teammate, is_shared=True, name="failed CHATS")
    refused = api.post(f"{path}/restore", {})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")


def test_views__deleted_long_ago__goes_with_the_next_deletion(project: Project, owner: User) -> None:
    old, new = (_save(owner, name=name).json()["id"] for name in ("Old", "New"))
    SavedView.objects.filter(pk=old).update(deleted_at=timezone.now() - timedelta(days=2))

    Api(user=owner).delete(f"{VIEWS}/{new}")

    assert list(SavedView.objects.values_list("pk", flat=True)) == [new]


def test_views__default__is_each_persons_own(project: Project, owner: User, viewer: User) -> None:
    path = f"{VIEWS}/{_save(owner, is_shared=True).json()['id']}"

    assert Api(user=viewer).patch(path, {"is_default": True}).json()["is_default"]

    assert [Api(user=user).get(VIEWS).json()["items"][0]["is_default"] for user in (owner, viewer)] == [False, True]
    assert not Api(user=viewer).patch(path, {"is_default": False}).json()["is_default"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": ""}, "name"),
        ({"name": "   "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"q": "a\x00b"}, "q"),
        ({"range": "2y"}, "range"),
        ({"range": "custom", "from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "to"),
        ({"range": "custom", "from": "0001-01-01T00:00:00+05:00"}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"columns": ["run", "nonsense"]}, "columns"),
        ({"columns": "run"}, "columns"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_views__bad_value__says_which(project: Project, owner: User, fields: dict[str, Any], named: str) -> None:
    answer = _save(owner, **fields)

    assert answer.status_code == 400
    assert named in answer.json()["detail"]
    assert not SavedView.objects.exists()


def test_views__same_name__refused_within_what_one_menu_shows(project: Project, owner: User, teammate: User) -> None:
    assert [_save(user).status_code for user in (owner, owner, teammate)] == [201, 400, 201]
    assert [_save(user, is_shared=True).status_code for user in (owner, teammate)] == [201, 400]


def test_views__one_or_many__same_queries(project: Project, owner: User, django_assert_num_queries: Any) -> None:
    api = Api(user=owner)
    _save(owner)
    with django_assert_num_queries(5):
        api.get(VIEWS)
    for number in range(9):
        _save(owner, name=f"View {number}")

    with django_assert_num_queries(5):
        assert len(api.get(VIEWS).json()["items"]) == 10


def test_columns__kept_per_person_with_the_one_that_opens_a_row(project: Project, owner: User, viewer: User) -> None:
    answer = Api(user=viewer).put("trace-columns", {"columns": ["cost", "cost", "model"]})

    assert answer.json() == {"columns": ["run", "cost", "model"]}
    assert Api(user=viewer).put("trace-columns", {"columns": ["nonsense"]}).status_code == 400


def test_views__role_lost__own_views_stay_private(project: Project, teammate: User) -> None:
    path = f"{VIEWS}/{_save(teammate).json()['id']}"
    ProjectMembership.objects.create(project=project, user=teammate, role=Role.VIEWER)

    assert Api(user=teammate).patch(path, {"name": "Renamed"}).status_code == 200
    assert Api(user=teammate).patch(path, {"is_shared": True}).status_code == 403
