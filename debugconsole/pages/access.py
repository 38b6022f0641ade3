"""Whose pages these are: nobody's while the console is switched off, else the project's members', and of one extension
also those whom a grant lets see it from outside."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponseBase

from debugconsole.models import Extension
from debugconsole.selectors.extensions import get_extension_for_user
from observability.errors import NotFoundError
from observability.models import Role, User
from observability.pages.access import ProjectView, project_page
from observability.selectors.access import ProjectAccess, get_project_for_user


def console_page(minimum_role: Role = Role.VIEWER) -> Callable[[ProjectView], ProjectView]:
    """As `project_page`, and a 404 for everybody while the console is switched off."""

    def decorate(view: ProjectView) -> ProjectView:
        return _only_when_on(project_page(minimum_role)(view))

    return decorate


def extension_page(view: ProjectView) -> ProjectView:
    """Turn `view(request, extension)` into a view of an extension's page, for whoever may know of it."""

    @_only_when_on
    @wraps(view)
    def wrapped(request: HttpRequest, org_slug: str, project_slug: str, number: int, **parts: Any) -> HttpResponseBase:
        if not isinstance(request.user, User):
            return redirect_to_login(request.get_full_path())
        try:
            extension = get_extension_for_user(request.user, number=number)
        except NotFoundError as error:
            raise Http404(str(error)) from error
        if (extension.organization.slug, extension.project.slug) != (org_slug, project_slug):
            raise Http404("No such extension.")
        return view(request, extension, **parts)

    return wrapped


def find_access(user: User, extension: Extension) -> ProjectAccess | None:
    """Return the person's place in an extension's project; None for somebody whom only a grant lets in."""
    try:
        return get_project_for_user(user, *slugs_of(extension))
    except NotFoundError:
        return None


def slugs_of(extension: Extension) -> list[str]:
    """Return what the addresses of an extension's pages begin with."""
    return [extension.organization.slug, extension.project.slug]


def _only_when_on(view: ProjectView) -> ProjectView:
    @wraps(view)
    def wrapped(request: HttpRequest, **parts: Any) -> HttpResponseBase:
        if not settings.DEBUG_CONSOLE_ENABLED:
            raise Http404("No such page.")
        return view(request, **parts)

    return wrapped
