from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import timezone

from observability.models import Organization, Project, RetentionRun, User

ORGANIZATIONS = "/admin/observability/organization/"
PROJECTS = "/admin/observability/project/"
RUNS = "/admin/observability/retentionrun/"
NO_ROWS = {"TOTAL_FORMS": 0, "INITIAL_FORMS": 0}


@pytest.fixture
def signed_in(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


def _post(client: Client, address: str, tables: tuple[str, ...], fields: dict[str, Any]) -> str:
    rows = {f"{table}-{name}": value for table in tables for name, value in NO_ROWS.items()}
    return client.post(address, fields | rows, follow=True).content.decode()


def _change_organization(client: Client, organization: Organization, **fields: Any) -> str:
    given = {"name": organization.name, "plan": organization.plan} | fields
    return _post(client, f"{ORGANIZATIONS}{organization.pk}/change/", ("memberships", "projects"), given)


def _change_project(client: Client, project: Project, **fields: Any) -> str:
    switches = dict.fromkeys((f"capture_{part}" for part in ("inputs", "outputs", "error_stacks", "attributes")), "on")
    given = {"name": project.name} | switches | fields
    return _post(client, f"{PROJECTS}{project.pk}/change/", ("redaction_rules", "memberships"), given)


def test_organization__plan_and_days__are_stored(signed_in: Client, organization: Organization) -> None:
    _change_organization(signed_in, organization, plan="enterprise", retention_days=30)

    organization.refresh_from_db()
    assert organization.kept_days == 30
    assert "30 days" in signed_in.get(ORGANIZATIONS).content.decode()


def test_organization__days_on_another_plan__are_refused(signed_in: Client, organization: Organization) -> None:
    page = _change_organization(signed_in, organization, retention_days=30)

    organization.refresh_from_db()
    assert organization.retention_days is None
    assert "only the enterprise plan" in page


def test_project__days_and_hold__are_stored(signed_in: Client, project: Project) -> None:
    _change_project(signed_in, project, retention_days=7)
    project.refresh_from_db()
    assert project.kept_days == 7

    _change_project(signed_in, project, retention_days=7, is_held="on")
    project.refresh_from_db()
    assert project.kept_days is None


def test_project__more_days_than_the_organization__are_refused(signed_in: Client, project: Project) -> None:
    page = _change_project(signed_in, project, retention_days=1000)

    project.refresh_from_db()
    assert project.retention_days is None
    assert "at most the organization&#x27;s 90" in page


@pytest.mark.django_db(transaction=True)
def test_organizations__dry_run__is_asked_for_by_the_chosen(
    signed_in: Client, organization: Organization, foreign_project: Project
) -> None:
    with patch("observability.services.retention.current_app.send_task") as send_task:
        signed_in.post(ORGANIZATIONS, {"action": "count_expired", "_selected_action": [organization.pk]})

    assert [(run.organization, run.is_dry_run) for run in RetentionRun.objects.all()] == [(organization, True)]
    send_task.assert_called_once_with("observability.tasks.run_retention")


def test_runs__list_and_page__show_what_went(signed_in: Client, organization: Organization) -> None:
    now = timezone.now()
    run = RetentionRun.objects.create(
        organization=organization,
        started_at=now - timedelta(seconds=90),
        finished_at=now,
        counts={"events": 12_000, "traces": 900},
        dropped=["events_p20260101"],
    )

    listed = signed_in.get(RUNS).content.decode()
    page = signed_in.get(f"{RUNS}{run.pk}/change/").content.decode()

    for shown in ("12,000 events, 900 traces", "events_p20260101", "90.0 s", "finished"):
        assert shown in listed
    assert "12,000 events" in page
    assert signed_in.get(f"{RUNS}add/").status_code == 403


def test_runs__not_an_operator__are_not_shown(client: Client, owner: User) -> None:
    client.force_login(owner)

    assert client.get(RUNS).status_code == 302
