"""Organizations and projects with their people, and what a project lets be stored."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold.admin import TabularInline
from unfold.decorators import display

from observability.admin.service_admin import ServiceAdmin
from observability.models import Membership, Organization, Project, ProjectMembership, RedactionRule, Role, User
from observability.services.deletion import delete_organization, delete_project
from observability.services.members import (
    add_member,
    change_member,
    clear_project_role,
    remove_member,
    set_project_role,
)
from observability.services.policies import (
    add_redaction_rule,
    remove_redaction_rule,
    switch_redaction_rule,
    update_capture,
)
from observability.services.retention import (
    request_retention,
    set_organization_retention,
    set_project_retention,
    start_retention,
)
from observability.services.tenancy import (
    change_plan,
    create_organization,
    create_project,
    rename_organization,
    rename_project,
)

# Whoever may change these pages in admin acts for the owners.
ACTING_ROLE = Role.OWNER


class FixedFieldsForm(forms.ModelForm):  # type: ignore[type-arg]
    """A row of a table below: `fixed_fields` are chosen when it is made, and shown from then on."""

    fixed_fields: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.fixed_fields if self.instance.pk else ():
            self.fields[name].disabled = True


class PersonRowForm(FixedFieldsForm):
    """Who, and as what."""

    fixed_fields = ("user",)


class RuleRowForm(FixedFieldsForm):
    """What to redact. A rule is switched off or replaced, not reworded: stored data was redacted by it."""

    fixed_fields = ("kind", "value")


class MembershipInline(TabularInline):
    """People of an organization."""

    model = Membership
    form = PersonRowForm
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    extra = 0
    tab = True


class ProjectMembershipInline(TabularInline):
    """People with another role in one project."""

    model = ProjectMembership
    form = PersonRowForm
    fields = ("user", "role")
    autocomplete_fields = ("user",)
    verbose_name = "role in this project"
    verbose_name_plural = "roles in this project"
    extra = 0
    tab = True


class RedactionRuleInline(TabularInline):
    """A project's own redaction."""

    model = RedactionRule
    form = RuleRowForm
    fields = ("kind", "value", "is_enabled")
    extra = 0
    tab = True


class ProjectInline(TabularInline):
    """Projects of an organization, to go to."""

    model = Project
    fields = ("name", "slug", "created_at")
    readonly_fields = fields
    extra = 0
    show_change_link = True
    can_delete = False
    tab = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None) -> bool:
        """Projects have a page of their own."""
        return False


class TenantAdmin(ServiceAdmin):
    """A page with tables below, whose rows services write."""

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> list[Any]:
        """Show the tables once there is something for them to belong to."""
        return list(super().get_inlines(request, obj)) if obj else []

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:  # noqa: FBT001
        """Write what changed in one table: removals first, so that a person can be removed and added again."""
        formset.save(commit=False)
        for row in formset.deleted_objects:
            _remove_row(row)
        for row in formset.new_objects:
            _add_row(row)
        for row, changed in formset.changed_objects:
            _change_row(row, changed)


def _remove_row(row: Model) -> None:
    if isinstance(row, Membership):
        remove_member(membership=row, acting_role=ACTING_ROLE)
    elif isinstance(row, ProjectMembership):
        clear_project_role(override=row, acting_role=ACTING_ROLE)
    elif isinstance(row, RedactionRule):
        remove_redaction_rule(rule=row)


def _add_row(row: Model) -> None:
    if isinstance(row, Membership):
        add_member(organization=row.organization, user=row.user, role=row.role, acting_role=ACTING_ROLE)
    elif isinstance(row, ProjectMembership):
        set_project_role(project=row.project, user=row.user, role=row.role, acting_role=ACTING_ROLE)
    elif isinstance(row, RedactionRule):
        rule = add_redaction_rule(project=row.project, kind=row.kind, value=row.value)
        if not row.is_enabled:
            switch_redaction_rule(rule=rule, is_enabled=False)


def _change_row(row: Model, changed: list[str]) -> None:
    if isinstance(row, Membership):
        change_member(membership=row, role=row.role, acting_role=ACTING_ROLE)
    elif isinstance(row, ProjectMembership):
        set_project_role(project=row.project, user=row.user, role=row.role, acting_role=ACTING_ROLE)
    elif isinstance(row, RedactionRule) and "is_enabled" in changed:
        switch_redaction_rule(rule=row, is_enabled=row.is_enabled)


@admin.register(Organization)
class OrganizationAdmin(TenantAdmin):
    """Tenants."""

    list_display = ("name", "slug", "plan", "show_kept_days", "count_projects", "count_people", "created_at")
    list_filter = ("plan",)
    search_fields = ("name", "slug", "tenant_id")
    readonly_fields = ("tenant_id", "created_at")
    inlines = (MembershipInline, ProjectInline)
    actions = ("count_expired",)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Ask for what a service takes; show the rest later."""
        asked = ("name", "slug", "plan")
        return (*asked, "retention_days", "tenant_id", "created_at") if obj else asked

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Addresses name the slug, so it stays."""
        return (*self.readonly_fields, "slug") if obj else self.readonly_fields

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """Make the slug optional: the service makes one from the name."""
        return _with_optional_slug(super().get_form(request, obj, change, **kwargs))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        """Count in the same query."""
        counts = {
            "project_count": Count("projects", distinct=True),
            "people_count": Count("memberships", distinct=True),
        }
        organizations: QuerySet[Organization] = super().get_queryset(request).annotate(**counts)
        return organizations.filter(deleted_at=None)

    @admin.action(description="Count what retention would remove (dry run)", permissions=["change"])
    def count_expired(self, request: HttpRequest, queryset: QuerySet[Organization]) -> None:
        """Ask for a dry run over the chosen organizations; what it finds is shown among the retention runs."""
        runs = start_retention(is_dry_run=True, organization_ids=list(queryset.values_list("pk", flat=True)))
        request_retention()
        self.message_user(request, f"{len(runs)} dry runs were asked for; see Retention runs.")

    @display(description="Keeps", ordering="plan")
    def show_kept_days(self, obj: Organization) -> str:
        """Return how long data is kept."""
        return f"{obj.kept_days} days"

    @display(description="Projects", ordering="project_count")
    def count_projects(self, obj: Any) -> int:
        """Return how many projects it has."""
        return int(obj.project_count)

    @display(description="People", ordering="people_count")
    def count_people(self, obj: Any) -> int:
        """Return how many people belong to it."""
        return int(obj.people_count)

    def create(self, request: HttpRequest, form: forms.ModelForm[Any]) -> Organization:
        """Make the organization; people are added on its page."""
        given = form.cleaned_data
        return create_organization(name=given["name"], plan=given["plan"], slug=given["slug"])

    def update(self, request: HttpRequest, obj: Organization, form: forms.ModelForm[Any]) -> None:  # type: ignore[override]
        """Store name and plan."""
        if "name" in form.changed_data:
            rename_organization(organization=obj, name=obj.name)
        if "plan" in form.changed_data:
            change_plan(organization=obj, plan=obj.plan)
        if "retention_days" in form.changed_data:
            set_organization_retention(organization=obj, days=obj.retention_days)

    def remove(self, request: HttpRequest, obj: Organization) -> None:  # type: ignore[override]
        """Hide it with all its projects, and have them removed in the background."""
        delete_organization(organization=obj, requested_by=request.user if isinstance(request.user, User) else None)


@admin.register(Project)
class ProjectAdmin(TenantAdmin):
    """Projects: what they let be stored, and who has another role in them."""

    list_display = ("name", "organization", "slug", "created_at")
    list_filter = ("organization",)
    list_select_related = ("organization",)
    search_fields = ("name", "slug", "organization__name")
    autocomplete_fields = ("organization",)
    readonly_fields = ("created_at",)
    inlines = (RedactionRuleInline, ProjectMembershipInline)
    capture_fields = ("capture_inputs", "capture_outputs", "capture_error_stacks", "capture_attributes")
    retention_fields = ("retention_days", "is_held")

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Ask for what a service takes; show the rest later."""
        if obj is None:
            return ((None, {"fields": ("organization", "name", "slug")}),)
        about = ("organization", "name", "slug", "created_at")
        capture = "What is stored from now on. What is stored already stays."
        retention = "Each night, what is older goes for good."
        return (
            (None, {"fields": about}),
            ("Capture", {"fields": self.capture_fields, "description": capture}),
            ("Retention", {"fields": self.retention_fields, "description": retention}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Addresses name the slug, and data the project, so both stay."""
        return (*self.readonly_fields, "organization", "slug") if obj else self.readonly_fields

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002
        """Make the slug optional: the service makes one from the name."""
        return _with_optional_slug(super().get_form(request, obj, change, **kwargs))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        """Leave out what is being removed."""
        projects: QuerySet[Project] = super().get_queryset(request)
        return projects.filter(deleted_at=None)

    def view_on_site(self, obj: Project) -> str:
        """Lead to the project's traces."""
        return reverse("observability:trace-list", args=[obj.organization.slug, obj.slug])

    def create(self, request: HttpRequest, form: forms.ModelForm[Any]) -> Project:
        """Make the project."""
        given = form.cleaned_data
        return create_project(organization=given["organization"], name=given["name"], slug=given["slug"])

    def update(self, request: HttpRequest, obj: Project, form: forms.ModelForm[Any]) -> None:  # type: ignore[override]
        """Store name and switches."""
        if "name" in form.changed_data:
            rename_project(project=obj, name=obj.name)
        switches = {name.removeprefix("capture_"): getattr(obj, name) for name in self.capture_fields}
        if set(form.changed_data) & set(self.capture_fields):
            update_capture(project=obj, **switches)
        if set(form.changed_data) & set(self.retention_fields):
            set_project_retention(project=obj, days=obj.retention_days, is_held=obj.is_held)

    def remove(self, request: HttpRequest, obj: Project) -> None:  # type: ignore[override]
        """Hide it, and have it removed in the background."""
        delete_project(project=obj, requested_by=request.user if isinstance(request.user, User) else None)


def _with_optional_slug(form_class: Any) -> Any:
    if "slug" in form_class.base_fields:
        form_class.base_fields["slug"].required = False
        form_class.base_fields["slug"].help_text = "Part of every address, for ever. Empty: made from the name."
    return form_class
