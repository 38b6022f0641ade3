"""The project itself: name and address, and what cannot be undone. The organization it belongs to."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from observability.errors import DeniedError, InvalidError
from observability.models import Deletion, Project, Role
from observability.pages.access import project_page
from observability.pages.settings.forms import ConfirmForm, DeleteTracesForm, NameForm, RenameForm
from observability.pages.settings.frame import get_person, get_slugs, make_frame
from observability.selectors.access import ProjectAccess, get_organization_role
from observability.services.deletion import delete_project, delete_traces
from observability.services.members import leave_organization
from observability.services.tenancy import create_project, rename_organization, rename_project


@require_safe
@project_page()
def general(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show the project's name, and what can be deleted."""
    return _show(request, access)


@require_POST
@project_page(Role.ADMIN)
def rename(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Change name and address."""
    form = RenameForm(request.POST)
    if form.is_valid():
        try:
            with transaction.atomic():
                rename_project(project=access.project, **form.cleaned_data)
        except InvalidError as error:
            _blame(form, error)
            access.project.refresh_from_db()
    if not form.is_valid():
        return _show(request, access, form=form, status=422)
    messages.success(request, "Renamed.")
    return redirect("observability:settings-general", *get_slugs(access.project))


@require_POST
@project_page(Role.ADMIN)
def remove_traces(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Delete traces by age."""
    form = DeleteTracesForm(request.POST, auto_id="traces_%s")
    if not _is_confirmed(form, access.project):
        return _show(request, access, traces_form=form, status=422)
    delete_traces(project=access.project, until=form.until, requested_by=get_person(request))
    messages.success(request, "The traces are being deleted.")
    return redirect("observability:settings-general", *get_slugs(access.project))


@require_POST
@project_page(Role.OWNER)
def remove_project(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Delete the project."""
    form = ConfirmForm(request.POST, auto_id="project_%s")
    if not _is_confirmed(form, access.project):
        return _show(request, access, project_form=form, status=422)
    delete_project(project=access.project, requested_by=get_person(request))
    messages.success(request, f"{access.project.name} is deleted. Its data is being removed in the background.")
    return redirect("observability:home")


@require_safe
@project_page()
def deletions(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show how far deletions are."""
    return render(request, "observability/_deletions.html", _frame(request, access))


@require_safe
@project_page()
def organization(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show the organization: its name, its projects, and the way out."""
    return _show_organization(request, access)


@require_POST
@project_page()
def rename_org(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Change the organization's name."""
    _require(request, access, Role.ADMIN)
    form = NameForm(request.POST)
    if not form.is_valid():
        return _show_organization(request, access, name_form=form, status=422)
    rename_organization(organization=access.project.organization, name=form.cleaned_data["name"])
    messages.success(request, "Renamed.")
    return redirect("observability:settings-organization", *get_slugs(access.project))


@require_POST
@project_page()
def new_project(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Make another project of the organization and go to it."""
    _require(request, access, Role.ADMIN)
    form = NameForm(request.POST, prefix="project")
    if not form.is_valid():
        return _show_organization(request, access, project_form=form, status=422)
    made = create_project(organization=access.project.organization, name=form.cleaned_data["name"])
    messages.success(request, f"{made.name} is ready. Make a key for it.")
    return redirect("observability:settings-keys", *get_slugs(made))


@require_POST
@project_page()
def leave(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Leave the organization."""
    try:
        leave_organization(organization=access.project.organization, user=get_person(request))
    except InvalidError as error:
        messages.error(request, str(error).partition(": ")[2])
        return redirect("observability:settings-organization", *get_slugs(access.project))
    messages.success(request, f"You left {access.project.organization}.")
    return redirect("observability:home")


def _require(request: HttpRequest, access: ProjectAccess, minimum: Role) -> None:
    """Raise `DeniedError` unless the person has a role in the organization itself that includes this one."""
    role = get_organization_role(get_person(request), access.project.organization_id)
    if role is None or not ProjectAccess(access.project, role).may(minimum):
        raise DeniedError(f"This takes the role {minimum.label.lower()} in the organization.")


def _is_confirmed(form: Form, project: Project) -> bool:
    if form.is_valid() and form.cleaned_data["name"].strip() != project.name:
        form.add_error("name", f"That is not {project.name!r}.")
    return form.is_valid()


def _blame(form: Form, error: InvalidError) -> None:
    field, _, reason = str(error).partition(": ")
    form.add_error(field if field in form.fields else None, reason or field)


def _list_deletions(request: HttpRequest, access: ProjectAccess) -> list[Deletion]:
    """Return the organization's; whoever is in this project alone does not hear of others."""
    found = Deletion.objects.filter(organization=access.project.organization).select_related("requested_by")
    if get_organization_role(get_person(request), access.project.organization_id) is None:
        found = found.filter(project_id=access.project.pk)
    return [one for one in found[:5] if one.finished_at is None or one.kind == Deletion.Kind.TRACES][:5]


def _frame(request: HttpRequest, access: ProjectAccess) -> dict[str, object]:
    found = _list_deletions(request, access)
    return {"project": access.project, "deletions": found, "is_deleting": any(not one.finished_at for one in found)}


def _show(
    request: HttpRequest,
    access: ProjectAccess,
    *,
    form: Form | None = None,
    traces_form: Form | None = None,
    project_form: Form | None = None,
    status: int = 200,
) -> HttpResponse:
    initial = {"name": access.project.name, "slug": access.project.slug}
    context = make_frame(access, "general") | {
        **_frame(request, access),
        "form": form or RenameForm(initial=initial),
        "traces_form": traces_form or DeleteTracesForm(auto_id="traces_%s"),
        "is_traces_open": traces_form is not None,
        "project_form": project_form or ConfirmForm(auto_id="project_%s"),
        "is_project_open": project_form is not None,
    }
    return render(request, "observability/settings_general.html", context, status=status)


def _show_organization(
    request: HttpRequest,
    access: ProjectAccess,
    *,
    name_form: Form | None = None,
    project_form: Form | None = None,
    status: int = 200,
) -> HttpResponse:
    organization = access.project.organization
    role = get_organization_role(get_person(request), organization.pk)
    context = make_frame(access, "organization") | {
        **_frame(request, access),
        "organization": organization,
        "projects": organization.projects.filter(deleted_at=None),
        "role": role,
        "may_manage": role is not None and ProjectAccess(access.project, role).may(Role.ADMIN),
        "name_form": name_form or NameForm(initial={"name": organization.name}),
        "project_form": project_form or NameForm(prefix="project"),
        "is_project_open": project_form is not None,
    }
    return render(request, "observability/settings_organization.html", context, status=status)
