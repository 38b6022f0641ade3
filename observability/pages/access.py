"""What every page of a project does first: see who asks, find the project, or say that there is none."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase

from observability.api.callers import CURRENT_PROJECT
from observability.errors import DeniedError, NotFoundError
from observability.models import Role
from observability.selectors.access import ProjectAccess, get_project_for_user

ProjectView = Callable[..., HttpResponseBase]


def project_page(minimum_role: Role = Role.VIEWER) -> Callable[[ProjectView], ProjectView]:
    """Turn `view(request, access, ...)` into a view of `/o/<org>/p/<project>/...`.

    Strangers get the same 404 as for a project that does not exist, people with too small a role a 403. The project
    becomes the current one of the session, so that `/` and the API know it.
    """

    def decorate(view: ProjectView) -> ProjectView:
        @wraps(view)
        def wrapped(request: HttpRequest, org_slug: str, project_slug: str, **parts: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _ask_to_sign_in(request)
            try:
                access = get_project_for_user(request.user, org_slug, project_slug, minimum_role=minimum_role)
                _remember(request, access)
                return view(request, access, **parts)
            except NotFoundError as error:
                raise Http404(str(error)) from error
            except DeniedError as error:
                raise PermissionDenied(str(error)) from error

        return wrapped

    return decorate


def _ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    """Lead a person to the form; tell a script of an open page, which would take the form for its answer, 401."""
    if "HX-Request" in request.headers or "X-Requested-With" in request.headers:
        return HttpResponse(status=401)
    return redirect_to_login(request.get_full_path())


def _remember(request: HttpRequest, access: ProjectAccess) -> None:
    if request.session.get(CURRENT_PROJECT) != access.project.pk:
        request.session[CURRENT_PROJECT] = access.project.pk
