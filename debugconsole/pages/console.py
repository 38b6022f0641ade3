"""The console of one extension. Its script opens a session and draws the lines; the page says who may, and why not."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from debugconsole.filters import FIELDS, MOST_CHARACTERS
from debugconsole.models import Extension
from debugconsole.pages.access import extension_page, find_access, slugs_of
from debugconsole.pages.forms import LeaveForm
from debugconsole.pages.start import make_start_context
from debugconsole.selectors.extensions import count_viewers
from debugconsole.selectors.grants import find_last_grant
from debugconsole.selectors.policy import explain
from debugconsole.selectors.streams import StreamGlance, get_stream_key, glance_at_streams
from debugconsole.wire.keys import list_stray_keys, lower_ascii
from observability.models import Role, User

MOST_ID = 400


@require_safe
@extension_page
def console(request: HttpRequest, extension: Extension) -> HttpResponse:
    """Show the console. `install`, `request` and `filter` of the address say what it is about."""
    assert isinstance(request.user, User)
    asked = {name: request.GET.get(name, "").replace("\x00", "")[:MOST_ID] for name in ("install", "request")}
    decision = explain(user=request.user, extension=extension, install_id=asked["install"])
    access = find_access(request.user, extension)
    context: dict[str, Any] = {
        "project": extension.project,
        "access": access,
        "section": "debug",
        "extension": extension,
        "decision": decision,
        "asked": asked,
        "fields": [_describe_field(name) for name in FIELDS],
        "most_characters": MOST_CHARACTERS,
        "environment": settings.ENVIRONMENT,
        "urls": _make_urls(extension, asked["install"], is_member=access is not None),
        "may_make_keys": access is not None and access.may(Role.ADMIN),
    }
    if not decision.is_allowed:
        context |= {"leave_form": LeaveForm(), "grant": find_last_grant(request.user, extension)}
    return render(
        request,
        "debugconsole/console.html",
        context | make_start_context(extension.project, extension_id=extension.extension_id),
    )


@require_safe
@extension_page
def why(request: HttpRequest, extension: Extension) -> HttpResponse:
    """Show what may be the matter when no line is seen: policy, capabilities, the stream, lines that name no tenant."""
    assert isinstance(request.user, User)
    key = get_stream_key(extension)
    strays = _list_strays(extension, is_operator=request.user.is_superuser)
    glances = glance_at_streams([key, *strays])
    context: dict[str, Any] = {
        "extension": extension,
        "decision": explain(user=request.user, extension=extension, install_id=request.GET.get("install", "")[:200]),
        "key": key,
        "prefix": settings.DEBUG_STREAM_PREFIX,
        "glance": glances[key] if glances else None,
        "strays": _count_strays(glances or {}, strays),
        "viewers": count_viewers([extension.pk]).get(extension.pk, 0),
        "retention": settings.DEBUG_RETENTION_MINUTES,
        "has_case": lower_ascii(extension.extension_id) != extension.extension_id,
    }
    return render(request, "debugconsole/_why.html", context)


def _list_strays(extension: Extension, *, is_operator: bool) -> list[str]:
    """Return streams of lines that name no tenant: those with this extension's id; to operators also the rest."""
    keys = list_stray_keys(settings.DEBUG_STREAM_PREFIX, extension.extension_id)
    return list(keys if is_operator else keys[:-1])


def _count_strays(glances: dict[str, StreamGlance], keys: list[str]) -> list[tuple[str, StreamGlance]]:
    return [(key, glances[key]) for key in keys if key in glances and glances[key].length]


def _describe_field(name: str) -> dict[str, Any]:
    """Return what the filter box completes with."""
    field = FIELDS[name]
    return {
        "name": name,
        "hint": field.hint,
        "example": field.example,
        "choices": list(field.choices),
        "is_ordered": field.is_ordered,
    }


def _make_urls(extension: Extension, install: str, *, is_member: bool) -> dict[str, str]:
    slugs = slugs_of(extension)
    why = reverse("debugconsole:debug-why", args=[*slugs, extension.pk])
    return {
        "sessions": reverse("debug-api:session-list"),
        "why": f"{why}?{urlencode({'install': install})}" if install else why,
        "list": reverse("debugconsole:extension-list", args=slugs),
        # Traces are for members alone.
        "jump": reverse("api:jump") if is_member else "",
    }
