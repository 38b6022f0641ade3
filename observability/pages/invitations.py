"""The page behind the link of an invitation: for people with an account, without one, and with another."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from observability.errors import DeniedError, InvalidError, NotFoundError
from observability.models import Invitation, User
from observability.pages.settings.forms import JoinForm
from observability.services.accounts import find_person
from observability.services.invitations import accept_as_new_person, accept_invitation, get_invitation

_BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show who invites to what, or join."""
    try:
        found = get_invitation(token)
    except NotFoundError as error:
        raise Http404(str(error)) from error
    if found.state != "open":
        return _show(request, found, status=410)
    return _join(request, found, token) if request.method == "POST" else _show(request, found)


def _join(request: HttpRequest, found: Invitation, token: str) -> HttpResponse:
    try:
        if isinstance(request.user, User):
            accept_invitation(token=token, user=request.user)
        else:
            form = JoinForm(request.POST)
            if find_person(found.email) is not None or not form.is_valid():
                return _show(request, found, form=form, status=422)
            user = accept_as_new_person(
                token=token, name=form.cleaned_data["name"], password=form.cleaned_data["password"]
            )
            login(request, user, backend=_BACKEND)
    except DeniedError:
        return _show(request, found, status=403)
    except (InvalidError, NotFoundError):
        # Somebody was faster: this link was used, revoked or replaced a moment ago.
        found.refresh_from_db()
        return _show(request, found, status=410)
    place = found.project or found.organization
    messages.success(request, f"Welcome to {place}.")
    if found.project is not None:
        return redirect("observability:trace-list", found.organization.slug, found.project.slug)
    return redirect("observability:home")


def _show(request: HttpRequest, found: Invitation, *, form: JoinForm | None = None, status: int = 200) -> HttpResponse:
    user = request.user if isinstance(request.user, User) else None
    context = {
        "invitation": found,
        "place": found.project or found.organization,
        "has_account": user is None and find_person(found.email) is not None,
        "is_other": user is not None and user.email.casefold() != found.email.casefold(),
        "form": form or JoinForm(),
    }
    response = render(request, "observability/invitation.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response
