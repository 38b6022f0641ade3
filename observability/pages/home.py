"""The start page, and what the frame of the pages posts."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from observability.api.callers import CURRENT_PROJECT
from observability.errors import InvalidError
from observability.models import User
from observability.pages.context import THEME_COOKIE
from observability.selectors.access import list_projects_for_user
from observability.services.preferences import PREFERENCES, check_preference, set_preferences

_YEAR_SECONDS = 365 * 86400


@login_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Go to the overview of the current project, or else of the first one."""
    assert isinstance(request.user, User)
    found = [access.project for access in list_projects_for_user(request.user)]
    if not found:
        return render(request, "observability/no_project.html")
    current = request.session.get(CURRENT_PROJECT)
    project = next((one for one in found if one.pk == current), found[0])
    return redirect("observability:overview", project.organization.slug, project.slug)


@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Keep what is given of theme, density, time zone and shortcuts with the person; the theme in this browser as well.

    Before sign-in only the theme can be chosen.
    """
    changes = {name: request.POST[name] for name in PREFERENCES if name in request.POST}
    try:
        if isinstance(request.user, User):
            set_preferences(user=request.user, **changes)
        elif changes.keys() != {"theme"}:
            raise InvalidError("theme: only this can be chosen before signing in")
        else:
            check_preference("theme", changes["theme"])
    except InvalidError as error:
        return HttpResponseBadRequest(str(error))
    response = HttpResponse(status=204)
    if "theme" in changes:
        keep_theme(response, changes["theme"])
    return response


def keep_theme(response: HttpResponse, theme: str) -> None:
    """Let the sign-in page of this browser know the theme."""
    response.set_cookie(THEME_COOKIE, theme, max_age=_YEAR_SECONDS, samesite="Lax")
