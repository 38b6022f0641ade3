"""API keys: list, make, rotate, revoke. A new key is shown once, on the page that a reload does not make again."""

from __future__ import annotations

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from observability.errors import InvalidError
from observability.models import Role
from observability.pages.access import project_page
from observability.pages.settings.forms import NewKeyForm, RotateKeyForm, first_error
from observability.pages.settings.frame import get_person, get_slugs, make_frame
from observability.selectors.access import ProjectAccess
from observability.selectors.keys import get_key, list_key_activity, list_keys
from observability.services.keys import REMEMBER_SECONDS, NewKey, create_key, revoke_key, rotate_key

_NEW_KEY = "new_key"
"""Session entry that holds a key from the moment it is made until it is shown, a redirect later."""


@require_safe
@project_page()
def keys(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """List the project's keys, and show the one just made, this once."""
    return _show(request, access)


@require_POST
@project_page(Role.ADMIN)
def create(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Make a key."""
    form = NewKeyForm(request.POST)
    if not form.is_valid():
        return _show(request, access, form=form, status=422)
    new = create_key(
        project=access.project,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        created_by=get_person(request),
        expires_at=form.expires_at,
    )
    return _show_later(request, access, new)


@require_POST
@project_page(Role.ADMIN)
def rotate(request: HttpRequest, access: ProjectAccess, public_id: str) -> HttpResponse:
    """Make a key's successor."""
    form = RotateKeyForm(request.POST)
    if not form.is_valid():
        return _show(request, access, problem=first_error(form), status=422)
    try:
        new = rotate_key(
            key=get_key(access.project.pk, public_id), rotated_by=get_person(request), overlap=form.overlap_time
        )
    except InvalidError as error:
        return _show(request, access, problem=str(error), status=422)
    return _show_later(request, access, new)


@require_POST
@project_page(Role.ADMIN)
def revoke(request: HttpRequest, access: ProjectAccess, public_id: str) -> HttpResponse:
    """Stop a key for good."""
    key = get_key(access.project.pk, public_id)
    revoke_key(key=key)
    messages.success(request, f"{key.name} is revoked; within {REMEMBER_SECONDS:.0f} seconds nobody can use it.")
    return redirect("observability:settings-keys", *get_slugs(access.project))


def _show_later(request: HttpRequest, access: ProjectAccess, new: NewKey) -> HttpResponse:
    request.session[_NEW_KEY] = {"project": access.project.pk, "name": new.key.name, "text": new.text}
    return redirect("observability:settings-keys", *get_slugs(access.project))


def _show(
    request: HttpRequest, access: ProjectAccess, *, form: Form | None = None, problem: str = "", status: int = 200
) -> HttpResponse:
    new = request.session.pop(_NEW_KEY, None)
    if new is not None and new["project"] != access.project.pk:
        new = None
    activity = list_key_activity(access.project.pk)
    found = list_keys(access.project.pk)
    context = make_frame(access, "keys") | {
        "keys": [{"key": key, "activity": activity.get(key.public_id)} for key in found],
        "new_key": new,
        "form": form or NewKeyForm(),
        "is_form_open": form is not None,
        "rotate_form": RotateKeyForm(),
        "problem": problem,
    }
    response = render(request, "observability/settings_keys.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response
