from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from observability.errors import NotFoundError
from observability.models import ApiKey, Deletion, Event, Organization, Project, StepHour, Trace, User
from observability.selectors.access import get_project_for_user, list_projects_for_user
from observability.services import deletion
from observability.services.deletion import delete_organization, delete_project, delete_traces, run_deletion
from observability.services.keys import NewKey, check_key
from observability.services.policies import load_policy
from observability.services.tenancy import create_project
from observability.sql.store import DISTRIBUTED
from tests.records import at, make_event, make_log, write

pytestmark = pytest.mark.usefixtures("store")


def _count(project_id: int) -> dict[str, int]:
    counts = {}
    with connection.cursor() as cursor:
        for table in DISTRIBUTED:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE project_id = %s", [project_id])
            counts[table] = cursor.fetchone()[0]
    return counts


def _let_time_pass(made: Deletion) -> None:
    long_ago = timezone.now() - timedelta(minutes=5)
    Deletion.objects.filter(pk=made.pk).update(requested_at=long_ago)
    Trace.objects.filter(project_id=made.project_id, deleted_at__isnull=False).update(deleted_at=long_ago)


def test_delete_project__at_once__is_hidden_and_its_keys_refused(
    project: Project, owner: User, api_key: NewKey
) -> None:
    delete_project(project=project, requested_by=owner)

    assert list_projects_for_user(owner) == []
    assert check_key(api_key.text) is None
    with pytest.raises(NotFoundError):
        load_policy(project.pk)
    with pytest.raises(NotFoundError):
        get_project_for_user(owner, "acme", "support-desk")
    with pytest.raises(NotFoundError):
        delete_project(project=project, requested_by=owner)
    assert create_project(organization=project.organization, name="Support desk").slug == "support-desk"


def test_run_deletion__of_a_project__leaves_nothing_of_it_and_all_of_others(
    project: Project, foreign_project: Project, owner: User, api_key: NewKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "BATCH_TRACES", 2)
    monkeypatch.setattr(deletion, "BATCH_ROWS", 3)
    for target in (project, foreign_project):
        events = [make_event(f"t-{number}", input=b'{"a": 1}', session_id="s") for number in range(5)]
        write(target.pk, *events, make_log("t-0"), make_log(""))
    before = _count(foreign_project.pk)
    made = delete_project(project=project, requested_by=owner)

    assert not run_deletion(made.pk)
    _let_time_pass(made)
    assert run_deletion(made.pk)

    assert set(_count(project.pk).values()) == {0}
    assert _count(foreign_project.pk) == before
    assert not Project.objects.filter(pk=project.pk).exists()
    assert not ApiKey.objects.filter(pk=api_key.key.pk).exists()
    done = Deletion.objects.get(pk=made.pk)
    assert (done.expected, done.removed, done.percent) == (5, 5, 100)


def test_delete_organization__goes_with_the_last_project(project: Project, owner: User) -> None:
    write(project.pk, make_event("t-1"))
    delete_organization(organization=project.organization, requested_by=owner)
    made = Deletion.objects.get()
    _let_time_pass(made)

    run_deletion(made.pk)

    assert not Organization.objects.filter(pk=project.organization_id).exists()


def test_delete_traces__by_time__goes_in_two_turns(project: Project, owner: User) -> None:
    write(project.pk, make_event("old-1"), make_event("old-2", at=1), make_event("new", at=100))
    made = delete_traces(project=project, until=at(50), requested_by=owner)

    assert not run_deletion(made.pk)
    shown = Trace.objects.filter(project_id=project.pk, deleted_at=None)
    assert list(shown.values_list("trace_id", flat=True)) == ["new"]
    _let_time_pass(made)
    assert run_deletion(made.pk)

    assert list(Event.objects.filter(project_id=project.pk).values_list("trace_id", flat=True)) == ["new"]
    assert sum(StepHour.objects.filter(project_id=project.pk, kind="workflow").values_list("calls", flat=True)) == 1
    done = Deletion.objects.get(pk=made.pk)
    assert (done.expected, done.removed) == (2, 2)
