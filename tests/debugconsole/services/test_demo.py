"""The demo's extension, registered once."""

from __future__ import annotations

import pytest
from django.test import override_settings

from debugconsole.models import DebugPolicy, Extension
from debugconsole.selectors.policy import explain
from debugconsole.services.demo import EXTENSION_ID, ensure_demo_extension
from debugconsole.services.policies import delete_policy
from demo.extension import EXTENSION_ID as PRINTED_ID
from observability.models import Project, User


def test_ensure_demo_extension__called_twice__registers_it_once_under_the_id_that_it_prints_by(
    project: Project,
) -> None:
    made, again = ensure_demo_extension(), ensure_demo_extension()

    assert made is not None and again is None
    assert (made.project, made.extension_id) == (project, PRINTED_ID)
    assert EXTENSION_ID == PRINTED_ID


@override_settings(IS_PRODUCTION=True, ENVIRONMENT="production", DEBUG_CONSOLE_ENABLED=True)
def test_ensure_demo_extension__in_production__owners_may_watch_and_the_rule_has_an_end(
    owner: User, project: Project
) -> None:
    made = ensure_demo_extension()

    assert made is not None
    assert explain(user=owner, extension=made).is_allowed
    assert DebugPolicy.objects.get(extension=made).expires_at is not None


def test_ensure_demo_extension__rule_removed_by_an_operator__stays_removed(project: Project) -> None:
    made = ensure_demo_extension()
    delete_policy(policy=DebugPolicy.objects.get(extension=made), deleted_by=None)

    ensure_demo_extension()

    assert not DebugPolicy.objects.filter(extension=made).exists()
    assert Extension.objects.filter(extension_id=EXTENSION_ID).count() == 1


@pytest.mark.django_db
def test_ensure_demo_extension__no_project__makes_nothing() -> None:
    assert ensure_demo_extension() is None
