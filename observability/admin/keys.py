"""API keys: made, rotated and revoked here; a key's text is in the one answer that follows, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib import messages as flash
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelect2Widget

from observability.admin.links import link_project
from observability.admin.service_admin import ServiceAdmin
from observability.errors import ObservabilityError
from observability.models import ApiKey, Project, Scope, User
from observability.services.keys import REMEMBER_SECONDS, NewKey, create_key, revoke_key, rotate_key


class ProjectChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Names a project with its organization: many organizations have one of the same name."""

    def label_from_instance(self, obj: Any) -> str:
        """Return `Acme / Support desk`."""
        return f"{obj.organization} / {obj}"


class NewKeyForm(forms.ModelForm):  # type: ignore[type-arg]
    """Make a key."""

    project = ProjectChoiceField(
        queryset=Project.objects.select_related("organization").order_by("organization__name", "name"),
        widget=UnfoldAdminSelect2Widget,
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=[Scope.INGEST], widget=UnfoldAdminCheckboxSelectMultipleWidget
    )

    class Meta:
        model = ApiKey
        fields = ("project", "name", "scopes", "expires_at")
        help_texts: ClassVar = {"expires_at": "Empty: never."}


class StateFilter(admin.SimpleListFilter):
    """Active, expired or revoked, as of now."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Name the states."""
        return [("active", "Active"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        """Keep the keys in the chosen state; the rule is `ApiKey.state`."""
        is_expired = Q(expires_at__lte=timezone.now())
        conditions = {
            "revoked": Q(revoked_at__isnull=False),
            "expired": Q(revoked_at=None) & is_expired,
            "active": Q(revoked_at=None) & ~(Q(expires_at__isnull=False) & is_expired),
        }
        chosen = self.value()
        return queryset.filter(conditions[chosen]) if chosen in conditions else queryset


@admin.register(ApiKey)
class ApiKeyAdmin(ServiceAdmin):
    """Keys. Nothing about a key changes after it was made: it is rotated or revoked."""

    list_display = ("name", "public_id", "show_project", "show_scopes", "show_state", "last_used_at", "expires_at")
    list_filter = (StateFilter, "project__organization", "project")
    list_select_related = ("project", "project__organization")
    search_fields = ("name", "public_id", "project__name", "project__organization__name")
    actions_detail = ("rotate", "revoke")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """Take the form for a new key where one can be made."""
        if obj is None:
            kwargs["form"] = NewKeyForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Ask for what a service takes, or show what is known."""
        if obj is None:
            return ("project", "name", "scopes", "expires_at")
        times = ("created_by", "created_at", "last_used_at", "expires_at", "revoked_at")
        return ("name", "public_id", "project", "show_scopes", "show_state", *times, "replaced_by")

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Show everything, change nothing."""
        return self.get_fields(request, obj) if obj else ()

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody edits a key."""
        return False

    def has_manage_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may rotate and revoke: whoever may change keys by their permissions."""
        return request.user.has_perm("observability.change_apikey")

    def view_on_site(self, obj: ApiKey) -> str:
        """Lead to the project's keys."""
        return reverse("observability:settings-keys", args=[obj.project.organization.slug, obj.project.slug])

    @display(description="Project", ordering="project__organization__name")
    def show_project(self, obj: ApiKey) -> SafeString:
        """Return the project with its organization, as a link to its page."""
        return link_project(obj.project)

    @display(description="Scopes")
    def show_scopes(self, obj: ApiKey) -> str:
        """Return the scopes in a line."""
        return ", ".join(obj.scopes)

    @display(description="State", label={"active": "success", "expired": "warning", "revoked": "danger"})
    def show_state(self, obj: ApiKey) -> str:
        """Return the state as of now."""
        return obj.state

    def create(self, request: HttpRequest, form: forms.ModelForm[Any]) -> ApiKey:
        """Make the key. Its text rides on the request to `response_add`, and no further."""
        given = form.cleaned_data
        new = create_key(
            project=given["project"],
            name=given["name"],
            scopes=given["scopes"],
            created_by=_get_actor(request),
            expires_at=given["expires_at"],
        )
        request.new_key = new  # type: ignore[attr-defined]
        return new.key

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """Show the key's text, in this answer only."""
        return self._show_text(request, request.new_key)  # type: ignore[attr-defined]

    @action(description="Rotate", url_path="rotate", permissions=["manage"], icon="autorenew")
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then make a successor and show its text."""

        def confirmed(key: ApiKey) -> HttpResponse:
            return self._show_text(request, rotate_key(key=key, rotated_by=_get_actor(request)))

        return self._confirm(
            request,
            object_id,
            confirmed=confirmed,
            title="Rotate key",
            question="A new key with the same name and scopes is made and shown once. The old one works one more day.",
        )

    @action(description="Revoke", url_path="revoke", permissions=["manage"], icon="block", variant=ActionVariant.DANGER)
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then stop the key for good."""

        def confirmed(key: ApiKey) -> HttpResponse:
            revoke_key(key=key)
            flash.success(request, f"Revoked {key}. It may work for {REMEMBER_SECONDS:.0f} more seconds.")
            return HttpResponseRedirect(_change_url(key))

        return self._confirm(
            request,
            object_id,
            confirmed=confirmed,
            title="Revoke key",
            question="Whoever uses this key is refused from now on. This cannot be undone.",
        )

    def _confirm(
        self,
        request: HttpRequest,
        object_id: str,
        *,
        confirmed: Callable[[ApiKey], HttpResponse],
        title: str,
        question: str,
    ) -> HttpResponse:
        """Ask on GET; do it on POST, and show a refusal on the key's page."""
        key = self.get_object(request, object_id)
        if key is None:
            raise Http404
        if request.method != "POST":
            context = {"key": key, "question": question, "back_url": _change_url(key)}
            return self._render(request, "admin/observability/apikey/confirm.html", title=title, context=context)
        try:
            return confirmed(key)
        except ObservabilityError as error:
            flash.error(request, str(error))
            return HttpResponseRedirect(_change_url(key))

    def _show_text(self, request: HttpRequest, new: NewKey) -> HttpResponse:
        context = {"key": new.key, "text": new.text, "back_url": _change_url(new.key)}
        # Every page of admin is sent with "no-store", so the text stays out of the browser's cache as well.
        return self._render(request, "admin/observability/apikey/created.html", title="Key made", context=context)

    def _render(self, request: HttpRequest, template: str, *, title: str, context: dict[str, Any]) -> HttpResponse:
        shared = {**self.admin_site.each_context(request), "opts": self.opts, "title": title}
        return TemplateResponse(request, template, {**shared, **context})


def _change_url(key: ApiKey) -> str:
    return reverse("admin:observability_apikey_change", args=[key.pk])


def _get_actor(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None
