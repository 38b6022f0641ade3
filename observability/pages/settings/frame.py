"""What all settings pages share: the grouped navigation beside them, and who is asking."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from observability.models import Project, Role, User
from observability.pages.access import project_page
from observability.selectors.access import ProjectAccess

GROUPS = (
    ("Sending", (("keys", "API keys"), ("quickstart", "Quickstart"), ("where", "Where is my trace?"))),
    ("Data", (("capture", "Capture and redaction"), ("coverage", "Dialect coverage"))),
    ("People", (("members", "Members"),)),
    ("Administration", (("general", "Project"), ("organization", "Organization"))),
)


def make_frame(access: ProjectAccess, page: str) -> dict[str, Any]:
    """Return what every settings page shows beside its own content."""
    slugs = get_slugs(access.project)
    return {
        "project": access.project,
        "access": access,
        "may_change": access.may(Role.ADMIN),
        "is_owner": access.may(Role.OWNER),
        "section": "settings",
        "settings_groups": [
            {
                "title": title,
                "pages": [
                    {
                        "label": label,
                        "url": reverse(f"observability:settings-{name}", args=slugs),
                        "is_current": name == page,
                    }
                    for name, label in pages
                ],
            }
            for title, pages in GROUPS
        ],
    }


def get_slugs(project: Project) -> tuple[str, str]:
    """Return what a project's addresses name it by."""
    return project.organization.slug, project.slug


def get_person(request: HttpRequest) -> User:
    """Return who is signed in; `project_page` let nobody else through."""
    assert isinstance(request.user, User)
    return request.user


@require_safe
@project_page()
def settings(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Go to the first page of the settings."""
    return redirect("observability:settings-keys", *get_slugs(access.project))
