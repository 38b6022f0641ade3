from __future__ import annotations

import pytest
from django.test import Client

from observability.models import Project, User
from tests.records import make_event, write

pytestmark = pytest.mark.usefixtures("store")


def get_status(user: User, project: Project, **query: str) -> int:
    client = Client()
    client.force_login(user)
    path = f"/o/{project.organization.slug}/p/{project.slug}/compare/"
    return client.get(path, query_params=query).status_code


def test_compare__members__may_compare_own_traces(project: Project, owner: User, teammate: User, viewer: User) -> None:
    write(project.pk, make_event("one"), make_event("two", at=5))

    for user in (owner, teammate, viewer):
        assert get_status(user, project, left="one", right="two") == 200
        assert get_status(user, project, left="one") == 200
        assert get_status(user, project) == 200


def test_compare__foreign_trace_on_either_side_or_a_stranger__not_found(
    project: Project, foreign_project: Project, owner: User, stranger: User
) -> None:
    write(project.pk, make_event("own"))
    write(foreign_project.pk, make_event("foreign"))

    assert get_status(owner, project, left="own", right="foreign") == 404
    assert get_status(owner, project, left="foreign", right="own") == 404
    assert get_status(owner, project, right="never") == 404
    assert get_status(stranger, project, left="own", right="own") == 404


def test_compare__suggestions__runs_of_the_other_sides_workflow(project: Project, owner: User) -> None:
    write(project.pk, make_event("before"), make_event("this", at=5), make_event("other", name="other", at=3))
    client = Client()
    client.force_login(owner)

    response = client.get(f"/o/{project.organization.slug}/p/{project.slug}/compare/", query_params={"left": "this"})

    suggested = [entry.candidate.trace_id for side in response.context["sides"] for entry in side.suggestions]
    assert suggested == ["before", "before"]
