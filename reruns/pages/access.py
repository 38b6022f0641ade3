"""Who may rerun, as the pages ask it: the same answer as the API's, in words for those who may not."""

from __future__ import annotations

from django.http import HttpRequest

from observability.errors import DeniedError
from observability.models import User
from observability.selectors.access import Caller, ProjectAccess
from reruns.models import RerunPolicy
from reruns.selectors.policies import get_policy, require_rerun


def find_denial(request: HttpRequest, access: ProjectAccess) -> tuple[RerunPolicy, str]:
    """Return the project's policy, and why the person may not rerun; empty if they may. One query."""
    assert isinstance(request.user, User)
    try:
        return require_rerun(Caller(project_id=access.project.pk, user=request.user, role=access.role)), ""
    except DeniedError as error:
        return get_policy(access.project.pk), str(error)


def slugs_of(access: ProjectAccess) -> list[str]:
    """Return what every address of a project's page begins with."""
    return [access.project.organization.slug, access.project.slug]
