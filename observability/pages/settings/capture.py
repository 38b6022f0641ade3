"""Capture switches, redaction rules, and the box to try them in."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from observability.errors import InvalidError
from observability.models import RedactionRule, Role
from observability.pages.access import project_page
from observability.pages.settings.forms import CaptureForm, RedactionRuleForm, TryForm
from observability.pages.settings.frame import get_slugs, make_frame
from observability.selectors.access import ProjectAccess
from observability.services.policies import (
    add_redaction_rule,
    remove_redaction_rule,
    switch_redaction_rule,
    update_capture,
)
from observability.services.redaction_trial import DraftRule, Trial, TrialError, try_redaction


@require_safe
@project_page()
def capture(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show what is stored and what is hidden."""
    return _show(request, access, rule_form=RedactionRuleForm())


@require_POST
@project_page(Role.ADMIN)
def change_capture(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Switch what is stored from now on."""
    form = CaptureForm(request.POST)
    form.is_valid()
    update_capture(project=access.project, **form.cleaned_data)
    messages.success(request, "Saved. It holds for what arrives from now on.")
    return redirect("observability:settings-capture", *get_slugs(access.project))


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
        return _show(request, access, rule_form=form, status=422)
    messages.success(request, "Rule added. It holds for what arrives from now on.")
    return redirect("observability:settings-capture", *get_slugs(access.project))


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
    return redirect("observability:settings-capture", *get_slugs(access.project))


@require_POST
@project_page()
def try_rules(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show what would be stored of a text, with the saved rules and perhaps one that is not saved yet."""
    form = TryForm(request.POST, auto_id="try_%s")
    trial: Trial | TrialError | None = None
    if form.is_valid():
        draft = DraftRule(form.cleaned_data["kind"], form.cleaned_data["value"])
        try:
            trial = try_redaction(
                project_id=access.project.pk, text=form.cleaned_data["text"], draft=draft if draft.value else None
            )
        except TrialError as error:
            form.add_error("value", str(error))
            trial = error
    template = "observability/_capture_trial.html"
    if not request.headers.get("HX-Request"):
        return _show(request, access, rule_form=RedactionRuleForm(), try_form=form, trial=trial)
    return render(request, template, {"try_form": form, "trial": trial})


def _show(
    request: HttpRequest,
    access: ProjectAccess,
    *,
    rule_form: RedactionRuleForm,
    try_form: TryForm | None = None,
    trial: object = None,
    status: int = 200,
) -> HttpResponse:
    context = make_frame(access, "capture") | {
        "form": CaptureForm.of(access.project),
        "rules": list(access.project.redaction_rules.all()),
        "rule_form": rule_form,
        "try_form": try_form or TryForm(auto_id="try_%s"),
        "trial": trial,
    }
    return render(request, "observability/settings_capture.html", context, status=status)
