"""What may be watched and by whom: changed here as by the pages, through services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.forms.models import construct_instance
from django.http import HttpRequest

from debugconsole.models import DebugPolicy, Extension, ExtensionInstall
from debugconsole.services.extensions import create_extension, delete_extension, set_install, update_extension
from debugconsole.services.policies import PLACES, VALUES, create_policy, delete_policy, update_policy
from observability.admin.keys import ProjectChoiceField
from observability.admin.service_admin import ServiceAdmin
from observability.models import Project, User


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


class ExtensionForm(forms.ModelForm):  # type: ignore[type-arg]
    """An extension; its project and id are chosen when it is registered."""

    project = ProjectChoiceField(
        queryset=Project.objects.filter(deleted_at=None).select_related("organization").order_by("organization__name")
    )

    class Meta:
        model = Extension
        fields = ("project", "extension_id", "name", "capabilities", "is_enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("project", "extension_id"):
            self.fields[name].disabled = bool(self.instance.pk)


@admin.register(Extension)
class ExtensionAdmin(ServiceAdmin):
    """What prints."""

    form = ExtensionForm
    list_display = ("extension_id", "name", "project", "organization", "is_enabled", "capabilities")
    list_filter = ("is_enabled",)
    list_select_related = ("project__organization", "organization")
    search_fields = ("extension_id", "name", "project__name", "organization__name")

    def create(self, request: HttpRequest, form: forms.ModelForm[Any]) -> Model:
        """Register it."""
        values = {name: form.cleaned_data[name] for name in ("project", "extension_id", "name", "capabilities")}
        return create_extension(**values, created_by=_person(request))

    def update(self, request: HttpRequest, obj: Model, form: forms.ModelForm[Any]) -> None:
        """Change it."""
        assert isinstance(obj, Extension)
        values = {name: form.cleaned_data[name] for name in ("name", "capabilities", "is_enabled")}
        update_extension(extension=obj, updated_by=_person(request), **values)

    def remove(self, request: HttpRequest, obj: Model) -> None:
        """Remove it with its rules, grants and sessions."""
        assert isinstance(obj, Extension)
        delete_extension(extension=obj, deleted_by=_person(request))


@admin.register(ExtensionInstall)
class ExtensionInstallAdmin(ServiceAdmin):
    """Installs that differ from their extension."""

    fields = ("extension", "install_id", "capabilities", "is_enabled")
    list_display = ("install_id", "extension", "is_enabled", "capabilities")
    list_filter = ("is_enabled",)
    list_select_related = ("extension",)
    search_fields = ("install_id", "extension__extension_id")

    def create(self, request: HttpRequest, form: forms.ModelForm[Any]) -> Model:
        """Say how it differs."""
        return set_install(**form.cleaned_data, updated_by=_person(request))

    def update(self, request: HttpRequest, obj: Model, form: forms.ModelForm[Any]) -> None:
        """Say it anew."""
        set_install(**form.cleaned_data, updated_by=_person(request))


class DebugPolicyForm(forms.ModelForm):  # type: ignore[type-arg]
    """A rule; its place is chosen when it is set."""

    class Meta:
        model = DebugPolicy
        fields = (*PLACES, *VALUES)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in PLACES:
            self.fields[name].disabled = bool(self.instance.pk)

    def _post_clean(self) -> None:
        """Leave what a rule must be to the service, which says it in words."""
        self.instance = construct_instance(self, self.instance, self.fields)


@admin.register(DebugPolicy)
class DebugPolicyAdmin(ServiceAdmin):
    """Who may watch what. One that denies beats all others; of the rest the most specific decides."""

    form = DebugPolicyForm
    list_display = ("describe_place", "effect", "require_capability", "reason", "version", "expires_at", "updated_by")
    list_filter = ("scope", "effect")
    list_select_related = ("organization", "extension", "updated_by")
    search_fields = ("environment", "organization__name", "extension__extension_id", "reason")

    def create(self, request: HttpRequest, form: forms.ModelForm[Any]) -> Model:
        """Set it."""
        return create_policy(created_by=_person(request), **form.cleaned_data)

    def update(self, request: HttpRequest, obj: Model, form: forms.ModelForm[Any]) -> None:
        """Change it: its next version."""
        assert isinstance(obj, DebugPolicy)
        values = {name: form.cleaned_data[name] for name in VALUES}
        update_policy(policy=obj, updated_by=_person(request), **values)

    def remove(self, request: HttpRequest, obj: Model) -> None:
        """Remove it."""
        assert isinstance(obj, DebugPolicy)
        delete_policy(policy=obj, deleted_by=_person(request))
