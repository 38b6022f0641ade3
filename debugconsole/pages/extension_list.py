"""The Debug page: the project's extensions, who may watch them, and what they print at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from debugconsole.models import Extension
from debugconsole.models.extensions import DEBUG_CAPABILITY
from debugconsole.pages.access import console_page
from debugconsole.pages.forms import RegisterForm
from debugconsole.pages.start import make_start_context
from debugconsole.selectors.extensions import count_viewers, list_extensions
from debugconsole.selectors.grants import list_given_grants, list_grants_to_decide
from debugconsole.selectors.policy import Ask, Decision, decide_many
from debugconsole.selectors.streams import StreamGlance, get_stream_key, glance_at_streams
from debugconsole.selectors.watchers import Watcher
from debugconsole.services.extensions import create_extension
from observability.errors import InvalidError
from observability.models import Role, User
from observability.selectors.access import ProjectAccess

MOST_ROWS = 500


@dataclass(frozen=True, slots=True)
class Row:
    """An extension as the list shows it; without a glance nobody knows what its stream holds."""

    extension: Extension
    decision: Decision
    glance: StreamGlance | None
    viewers: int


@require_safe
@console_page()
def extension_list(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Show the extensions; the open page reads the table again every few seconds."""
    return _show(request, access)


@require_POST
@console_page(Role.ADMIN)
def register(request: HttpRequest, access: ProjectAccess) -> HttpResponse:
    """Register an extension, and go on to its console."""
    form = RegisterForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        also = [DEBUG_CAPABILITY] if given["may_be_watched"] else []
        try:
            made = create_extension(
                project=access.project,
                extension_id=given["extension_id"],
                name=given["name"],
                capabilities=[*Extension().capabilities, *also],
                created_by=_person(request),
            )
        except InvalidError as error:
            field, _, words = str(error).partition(": ")
            form.add_error(field if field in form.fields else None, words or field)
        else:
            messages.success(request, f"{made} is registered. Lines that come from now on can be watched here.")
            slugs = [access.project.organization.slug, access.project.slug]
            return redirect("debugconsole:debug-console", *slugs, made.pk)
    return _show(request, access, form=form, status=422)


def _show(
    request: HttpRequest, access: ProjectAccess, *, form: RegisterForm | None = None, status: int = 200
) -> HttpResponse:
    rows = list_rows(access, _person(request))
    context: dict[str, Any] = {
        "project": access.project,
        "access": access,
        "section": "debug",
        "rows": rows,
        "is_source_known": all(row.glance is not None for row in rows),
        "may_register": access.may(Role.ADMIN),
        "form": form or RegisterForm(),
        "is_form_open": form is not None,
    }
    if access.may(Role.ADMIN):
        watcher = Watcher(user=_person(request), project_id=access.project.pk)
        context["grants_to_decide"] = list_grants_to_decide(watcher)
        context["given_grants"] = list_given_grants(watcher)
    is_part = request.htmx  # type: ignore[attr-defined]
    if not is_part:
        first = rows[0].extension.extension_id if rows else ""
        context |= make_start_context(access.project, extension_id=first)
    template = "debugconsole/_extensions.html" if is_part else "debugconsole/extensions.html"
    response = render(request, template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def list_rows(access: ProjectAccess, person: User) -> list[Row]:
    """Return the project's extensions as the person may watch them. A fixed number of queries; streams at one look."""
    extensions = list(list_extensions(access.project.pk)[:MOST_ROWS])
    decisions = decide_many([Ask(person, extension) for extension in extensions])
    glances = glance_at_streams([get_stream_key(extension) for extension in extensions])
    viewers = count_viewers([extension.pk for extension in extensions])
    return [
        Row(
            extension,
            decision,
            None if glances is None else glances[get_stream_key(extension)],
            viewers.get(extension.pk, 0),
        )
        for extension, decision in zip(extensions, decisions, strict=True)
    ]


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
