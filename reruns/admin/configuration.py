"""Who may rerun how much, and what is sampled: changed here as by the API."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelect2Widget

from observability.admin.keys import ProjectChoiceField
from observability.admin.service_admin import ServiceAdmin
from observability.models import Project, User
from reruns.models import RerunPolicy, SamplingConfig
from reruns.models.sampling import StepType
from reruns.services.policies import set_rerun_policy
from reruns.services.sampling import create_sampling_config, delete_sampling_config, update_sampling_config

_SAMPLING_FIELDS = (
    "name",
    "is_enabled",
    "mode",
    "event_types",
    "workflow",
    "event_name",
    "rate",
    "run_count",
    "max_per_hour",
    "evaluations",
)
_POLICY_FIELDS = ("minimum_role", "max_per_hour", "max_concurrent", "ttl_minutes", "is_open_to_run_ids")


def _make_project_field() -> ProjectChoiceField:
    projects = Project.objects.filter(deleted_at=None).select_related("organization")
    return ProjectChoiceField(queryset=projects.order_by("organization__name", "name"), widget=UnfoldAdminSelect2Widget)


class SamplingConfigForm(forms.ModelForm):  # type: ignore[type-arg]
    """A sampling config; its project is chosen when it is made."""

    project = _make_project_field()
    event_types = forms.MultipleChoiceField(choices=StepType.choices, widget=UnfoldAdminCheckboxSelectMultipleWidget)

    class Meta:
        model = SamplingConfig
        fields = ("project", *_SAMPLING_FIELDS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"].disabled = bool(self.instance.pk)


class RerunPolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A project's limits; a project without a row has the defaults."""

    project = _make_project_field()

    class Meta:
        model = RerunPolicy
        fields = ("project", *_POLICY_FIELDS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["project"].disabled = bool(self.instance.pk)


@admin.register(SamplingConfig)
class SamplingConfigAdmin(ServiceAdmin):
    """Which stored traces are run again by themselves."""

    form = SamplingConfigForm
    list_display = (
        "name",
        "project",
        "is_enabled",
        "mode",
        "rate",
        "max_per_hour",
        "triggered_count",
        "capped_count",
        "unusable_count",
    )
    list_filter = ("is_enabled", "mode")
    list_select_related = ("project__organization",)
    search_fields = ("name", "project__name", "project__organization__name")

    def create(self, request: HttpRequest, form: forms.ModelForm[Any]) -> Model:
        """Add the config."""
        values = {name: form.cleaned_data[name] for name in _SAMPLING_FIELDS}
        user = request.user if isinstance(request.user, User) else None
        return create_sampling_config(project_id=form.cleaned_data["project"].pk, created_by=user, **values)

    def update(self, request: HttpRequest, obj: Model, form: forms.ModelForm[Any]) -> None:
        """Change it for what is stored from now on."""
        assert isinstance(obj, SamplingConfig)
        update_sampling_config(config=obj, **{name: form.cleaned_data[name] for name in _SAMPLING_FIELDS})

    def remove(self, request: HttpRequest, obj: Model) -> None:
        """Remove it; the reruns it asked for stay."""
        assert isinstance(obj, SamplingConfig)
        delete_sampling_config(config=obj)


@admin.register(RerunPolicy)
class RerunPolicyAdmin(ServiceAdmin):
    """Who may rerun in which project, and how much."""

    form = RerunPolicyForm
    list_display = ("project", *_POLICY_FIELDS)
    list_select_related = ("project__organization",)
    search_fields = ("project__name", "project__organization__name")

    def create(self, request: HttpRequest, form: forms.ModelForm[Any]) -> Model:
        """Set the project's limits."""
        return self._set(form)

    def update(self, request: HttpRequest, obj: Model, form: forms.ModelForm[Any]) -> None:
        """Change them."""
        self._set(form)

    def remove(self, request: HttpRequest, obj: Model) -> None:
        """Go back to the defaults."""
        obj.delete()

    def _set(self, form: forms.ModelForm[Any]) -> RerunPolicy:
        values = {name: form.cleaned_data[name] for name in _POLICY_FIELDS}
        return set_rerun_policy(project_id=form.cleaned_data["project"].pk, **values)
