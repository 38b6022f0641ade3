"""Project settings: API keys, quickstarts, capture and redaction. Everybody in the project sees them, admins change."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from observability.errors import InvalidError
from observability.models import Project, RedactionRule, Role, User
from observability.pages.access import project_page
from observability.pages.quickstarts import make_quickstart_context
from observability.pages.settings_forms import CaptureForm, NewKeyForm, RedactionRuleForm, RotateKeyForm, first_error
from observability.selectors.access import ProjectAccess
from observability.selectors.keys import get_key, list_keys
from observability.services.keys import REMEMBER_SECONDS, NewKey, create_key, revoke_key, rotate_key
from observability.services.policies import (
    add_redaction_rule,
    remove_redaction_rule,
    switch_redaction_rule,
    update_capture,
)

_PAGES = (("keys", "API keys"), ("quickstart", "Quickstart"), ("capture", "Capture and redaction"))


def _make_frame(access: ProjectAccess, page: str) -> dict[str, Any]:
    slugs = [access.project.organization.slug, access.project.slug]
    return {
        "project": access.project,
        "access": access,
        "may_change": access.may(Role.ADMIN),
        "section": "settings",
        "settings_pages": [
            {"label": label, "url": reverse(f"observability:settings-{name}", args=slugs), "is_current": name == page}
            for name, label in _PAGES
        ],
    }


def _slugs(project: Project) -> tuple[str, str]:
    return project.organization.slug, project.slug


@require_safe
@project_page()
def settings(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Go to the first page of the settings."""
    return redirect("observability:settings-keys", *_slugs(access.project))


# --- Keys -------------------------------------------------------------------------------------------------------------


@require_safe
@project_page()
def keys(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """List the project's keys."""
    return _show_keys(request, access)


@require_POST
@project_page(Role.ADMIN)
def create(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Make a key and show it, this once."""
    form = NewKeyForm(request.POST)
    if not form.is_valid():
        return _show_keys(request, access, form=form, status=422)
    new = create_key(
        project=access.project,
        name=form.cleaned_data["name"],
        scopes=form.cleaned_data["scopes"],
        created_by=_person(request),
        expires_at=form.expires_at,
    )
    return _show_keys(request, access, new=new)


@require_POST
@project_page(Role.ADMIN)
def rotate(request: HttpRequest, access: ProjectAccess, public_id: str) -> HttpResponse:
    """Make a key's successor and show it, this once."""
    form = RotateKeyForm(request.POST)
    if not form.is_valid():
        return _show_keys(request, access, problem=first_error(form), status=422)
    try:
        new = rotate_key(
            key=get_key(access.project.pk, public_id), rotated_by=_person(request), overlap=form.overlap_time
        )
    except InvalidError as error:
        return _show_keys(request, access, problem=str(error), status=422)
    return _show_keys(request, access, new=new)


@require_POST
@project_page(Role.ADMIN)
def revoke(request: HttpRequest, access: ProjectAccess, public_id: str) -> HttpResponse:
    """Stop a key for good."""
    key = get_key(access.project.pk, public_id)
    revoke_key(key=key)
    messages.success(request, f"{key.name} is revoked; within {REMEMBER_SECONDS:.0f} seconds nobody can use it.")
    return redirect("observability:settings-keys", *_slugs(access.project))


def _show_keys(
    request: HttpRequest,
    access: ProjectAccess,
    *,
    new: NewKey | None = None,
    form: Form | None = None,
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    context = _make_frame(access, "keys") | {
        "keys": list_keys(access.project.pk),
        "new_key": new,
        "form": form or NewKeyForm(),
        "is_form_open": form is not None,
        "rotate_form": RotateKeyForm(),
        "problem": problem,
    }
    response = render(request, "observability/settings_keys.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


# --- Quickstart -------------------------------------------------------------------------------------------------------


@require_safe
@project_page()
def quickstart(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show how to send, per SDK."""
    context = _make_frame(access, "quickstart") | make_quickstart_context(access)
    return render(request, "observability/settings_quickstart.html", context)


# --- Capture and redaction --------------------------------------------------------------------------------------------


@require_safe
@project_page()
def capture(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show what is stored and what is hidden."""
    return _show_capture(request, access, rule_form=RedactionRuleForm())


@require_POST
@project_page(Role.ADMIN)
def change_capture(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Switch what is stored from now on."""
    form = CaptureForm(request.POST)
    form.is_valid()
    update_capture(project=access.project, **form.cleaned_data)
    messages.success(request, "Saved. It holds for what arrives from now on.")
    return redirect("observability:settings-capture", *_slugs(access.project))


@require_POST
@project_page(Role.ADMIN)
def add_rule(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Add a redaction rule."""
    form = RedactionRuleForm(request.POST)
    if form.is_valid():
        try:
            add_redaction_rule(project=access.project, **form.cleaned_data)
        except InvalidError as error:
            form.add_error("value", str(error).removeprefix("value: "))
    if not form.is_valid():
        return _show_capture(request, access, rule_form=form, status=422)
    messages.success(request, "Rule added. It holds for what arrives from now on.")
    return redirect("observability:settings-capture", *_slugs(access.project))


@require_POST
@project_page(Role.ADMIN)
def switch_rule(request: HttpRequest, access: ProjectAccess, rule_id: int) -> HttpResponse:
    """Switch a rule on or off, or remove it."""
    rule = get_object_or_404(RedactionRule, project=access.project, pk=rule_id)
    if request.POST.get("do") == "remove":
        remove_redaction_rule(rule=rule)
    else:
        try:
            switch_redaction_rule(rule=rule, is_enabled=not rule.is_enabled)
        except InvalidError as error:
            messages.error(request, str(error))
    return redirect("observability:settings-capture", *_slugs(access.project))


def _show_capture(
    request: HttpRequest, access: ProjectAccess, *, rule_form: RedactionRuleForm, status: int = 200
) -> HttpResponse:
    context = _make_frame(access, "capture") | {
        "form": CaptureForm.of(access.project),
        "rules": list(access.project.redaction_rules.all()),
        "rule_form": rule_form,
    }
    return render(request, "observability/settings_capture.html", context, status=status)
