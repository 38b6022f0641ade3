"""Asking for leave to watch an extension, and deciding on what others asked for."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from debugconsole.errors import DecidedError, TooOftenError
from debugconsole.models import DebugGrant, Extension
from debugconsole.pages.access import console_page, extension_page, slugs_of
from debugconsole.pages.forms import LeaveForm
from debugconsole.selectors.grants import get_grant_for_viewer
from debugconsole.selectors.watchers import Watcher
from debugconsole.services.grants import approve_grant, refuse_grant, request_grant, revoke_grant
from observability.errors import DeniedError, InvalidError
from observability.models import Role, User
from observability.selectors.access import ProjectAccess


@require_POST
@extension_page
def ask(request: HttpRequest, extension: Extension) -> HttpResponse:
    """Ask for leave to watch, and go back to the console, which says how it stands."""
    assert isinstance(request.user, User)
    form = LeaveForm(request.POST)
    if form.is_valid():
        try:
            request_grant(extension=extension, requested_by=request.user, **form.cleaned_data)
            messages.success(request, "Asked. Another person who looks after the project decides.")
        except (InvalidError, TooOftenError) as error:
            messages.error(request, str(error))
    else:
        field, errors = next(iter(form.errors.items()))
        messages.error(request, f"{form.fields[field].label or field}: {errors[0]}")
    return redirect("debugconsole:debug-console", *slugs_of(extension), extension.pk)


@require_POST
@console_page(Role.ADMIN)
def decide(request: HttpRequest, access: ProjectAccess, number: int) -> HttpResponse:
    """Approve, refuse or revoke what somebody asked for: `do` says which."""
    assert isinstance(request.user, User)
    grant = get_grant_for_viewer(Watcher(user=request.user, project_id=access.project.pk), number)
    try:
        messages.success(request, _decide(grant, request.user, request.POST.get("do", "")))
    except (DecidedError, DeniedError, InvalidError) as error:
        messages.error(request, str(error))
    return redirect("debugconsole:extension-list", access.project.organization.slug, access.project.slug)


def _decide(grant: DebugGrant, person: User, do: str) -> str:
    if do == "approve":
        grant = approve_grant(grant=grant, approved_by=person)
        return f"Approved. It ends by itself at {grant.expires_at:%Y-%m-%d %H:%M} UTC."
    if do == "refuse":
        refuse_grant(grant=grant, refused_by=person)
        return "Refused."
    if do == "revoke":
        revoke_grant(grant=grant, revoked_by=person)
        return "Taken away. Whoever watches by it is stopped within seconds."
    raise InvalidError("do: choose approve, refuse or revoke")
