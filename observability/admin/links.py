"""Ways from admin to the pages."""

from __future__ import annotations

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from observability.models import Project


def link_project(project: Project) -> SafeString:
    """Return a link to the project's traces."""
    return format_html('<a href="{}">{} / {}</a>', get_project_url(project), project.organization, project)


def get_project_url(project: Project) -> str:
    """Return the address of the project's traces."""
    return reverse("observability:trace-list", args=[project.organization.slug, project.slug])
