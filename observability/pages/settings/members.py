"""Members of the organization and of the project, and who is invited."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from observability.errors import DeniedError, InvalidError
from observability.models import Invitation, Membership, Project, ProjectMembership, Role
from observability.pages.access import project_page
from observability.pages.settings.forms import InviteForm
from observability.pages.settings.frame import get_person, get_slugs, make_frame
from observability.selectors.access import ProjectAccess
from observability.selectors.access import get_organization_role as get_role_in_organization
from observability.selectors.people import get_invitation_of, is_last_owner, list_open_invitations, list_people
from observability.services.invitations import (
    SentInvitation,
    invite,
    is_mail_configured,
    revoke_invitation,
    send_again,
)
from observability.services.members import change_member, clear_project_role, remove_member, set_project_role

_LINK = "invitation_link"
"""Session entry that holds a link from the moment it is made until it is shown, a redirect later."""
_INHERIT = "inherit"


@require_safe
@project_page()
def members(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """List who is in, and who is invited."""
    return _show(request, access)


@require_POST
@project_page(Role.ADMIN)
def invite_member(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Invite an address."""
    form = InviteForm(access.project, request.POST, is_owner=access.may(Role.OWNER))
    if form.is_valid():
        given = form.cleaned_data
        is_project_only = given["place"] == "project"
        try:
            sent = invite(
                organization=access.project.organization,
                project=access.project if is_project_only else None,
                email=given["email"],
                role=given["role"],
                invited_by=get_person(request),
                acting_role=access.role if is_project_only else _get_organization_role(request, access),
            )
        except InvalidError as error:
            form.add_error("email", str(error).partition(": ")[2])
        else:
            return _show_link_later(request, access, sent)
    return _show(request, access, form=form, status=422)


@require_POST
@project_page(Role.ADMIN)
def resend_invitation(request: HttpRequest, access: ProjectAccess, invitation_id: int) -> HttpResponse:
    """Send a new link."""
    invitation = _find_invitation(access.project, invitation_id)
    try:
        sent = send_again(invitation=invitation, acting_role=_acting_role(request, access, invitation))
    except InvalidError as error:
        messages.error(request, str(error).partition(": ")[2])
        return _back(access)
    return _show_link_later(request, access, sent)


@require_POST
@project_page(Role.ADMIN)
def withdraw_invitation(request: HttpRequest, access: ProjectAccess, invitation_id: int) -> HttpResponse:
    """End an invitation."""
    invitation = _find_invitation(access.project, invitation_id)
    try:
        revoke_invitation(invitation=invitation, acting_role=_acting_role(request, access, invitation))
        messages.success(request, f"The invitation of {invitation.email} is revoked; its link works no more.")
    except InvalidError as error:
        messages.error(request, str(error).partition(": ")[2])
    return _back(access)


@require_POST
@project_page(Role.ADMIN)
def change_role(request: HttpRequest, access: ProjectAccess, user_id: int) -> HttpResponse:
    """Give a person another role in the organization, or in this project alone."""
    role = request.POST.get("role", "")
    try:
        if request.POST.get("place") == "project":
            _change_in_project(access, user_id, role)
        else:
            membership = _find_membership(access.project, user_id)
            change_member(membership=membership, role=role, acting_role=_get_organization_role(request, access))
        messages.success(request, "The role is changed.")
    except InvalidError as error:
        messages.error(request, str(error).partition(": ")[2])
    return _back(access)


@require_POST
@project_page(Role.ADMIN)
def remove(request: HttpRequest, access: ProjectAccess, user_id: int) -> HttpResponse:
    """Take a person out of the organization; one who is in this project alone, out of it."""
    membership = Membership.objects.filter(organization=access.project.organization, user=user_id).first()
    try:
        if membership is not None:
            remove_member(membership=membership, acting_role=_get_organization_role(request, access))
        else:
            clear_project_role(override=_find_override(access.project, user_id), acting_role=access.role)
        messages.success(request, "Removed. Their keys go on working; revoke those they know.")
    except InvalidError as error:
        messages.error(request, str(error).partition(": ")[2])
    return _back(access)


def _change_in_project(access: ProjectAccess, user_id: int, role: str) -> None:
    override = ProjectMembership.objects.filter(project=access.project, user=user_id).select_related("user").first()
    if role == _INHERIT:
        # Whoever is in by the project alone has nothing to inherit.
        _find_membership(access.project, user_id)
        if override is not None:
            clear_project_role(override=override, acting_role=access.role)
        return
    user = override.user if override else _find_membership(access.project, user_id).user
    set_project_role(project=access.project, user=user, role=role, acting_role=access.role)


def _get_organization_role(request: HttpRequest, access: ProjectAccess) -> Role:
    """Return the role in the organization: a role in one project gives no say over the others."""
    role = get_role_in_organization(get_person(request), access.project.organization_id)
    if role is None:
        raise DeniedError("This takes a role in the organization; yours is in this project alone.")
    return role


def _acting_role(request: HttpRequest, access: ProjectAccess, invitation: Invitation) -> Role:
    return _get_organization_role(request, access) if invitation.project_id is None else access.role


def _find_membership(project: Project, user_id: int) -> Membership:
    found = Membership.objects.filter(organization=project.organization, user=user_id).select_related("user").first()
    if found is None:
        raise Http404("No such member.")
    return found


def _find_override(project: Project, user_id: int) -> ProjectMembership:
    found = ProjectMembership.objects.filter(project=project, user=user_id).first()
    if found is None:
        raise Http404("No such member.")
    return found


def _find_invitation(project: Project, invitation_id: int) -> Invitation:
    found = get_invitation_of(project, invitation_id)
    if found is None:
        raise Http404("No such invitation.")
    return found


def _back(access: ProjectAccess) -> HttpResponse:
    return redirect("observability:settings-members", *get_slugs(access.project))


def _show_link_later(request: HttpRequest, access: ProjectAccess, sent: SentInvitation) -> HttpResponse:
    request.session[_LINK] = {
        "project": access.project.pk,
        "email": sent.invitation.email,
        "link": sent.link,
        "is_mailed": sent.is_mailed,
    }
    return _back(access)


def _show(
    request: HttpRequest, access: ProjectAccess, *, form: InviteForm | None = None, status: int = 200
) -> HttpResponse:
    link = request.session.pop(_LINK, None)
    people = list_people(access.project)
    is_owner = access.may(Role.OWNER)
    organization_role = get_role_in_organization(get_person(request), access.project.organization_id)
    context = make_frame(access, "members") | {
        "people": [{"person": one, "is_last_owner": is_last_owner(people, one)} for one in people],
        "invitations": list_open_invitations(access.project),
        "link": link if link and link["project"] == access.project.pk else None,
        "form": form or InviteForm(access.project, is_owner=is_owner),
        "is_form_open": form is not None,
        "roles": [role for role in Role if is_owner or role != Role.OWNER],
        "may_change_organization": organization_role in (Role.OWNER, Role.ADMIN),
        "owns_organization": organization_role == Role.OWNER,
        "is_mail_configured": is_mail_configured(),
    }
    response = render(request, "observability/settings_members.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response
