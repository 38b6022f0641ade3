from __future__ import annotations

from observability.models import Project
from observability.models.tenancy import DEMO_KEY_NAME
from observability.selectors.keys import find_sending_key
from observability.services.keys import NewKey, create_key, rotate_key


def test_find_sending_key__newer_key_of_the_demo__names_the_one_whose_secret_was_shown(
    project: Project, api_key: NewKey
) -> None:
    create_key(project=project, name=DEMO_KEY_NAME, scopes=["ingest"])

    assert find_sending_key(project.pk) == api_key.key


def test_find_sending_key__rotated__names_the_successor(project: Project, api_key: NewKey) -> None:
    successor = rotate_key(key=api_key.key, rotated_by=None)

    assert find_sending_key(project.pk) == successor.key


def test_find_sending_key__none_that_may_send__is_none(project: Project) -> None:
    create_key(project=project, name="Reader", scopes=["read"])

    assert find_sending_key(project.pk) is None
