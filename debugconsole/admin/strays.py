"""Nobody's lines, for operators: streams that name no tenant, and the last lines of one. Looks at lines are audited."""

from __future__ import annotations

from typing import Any

import redis
import structlog
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from debugconsole.errors import AuditUnavailableError
from debugconsole.selectors.strays import StrayLines, list_stray_streams, read_stray_lines
from debugconsole.services.audit import write_audit
from observability.models import User

log = structlog.get_logger(__name__)


@require_safe
@never_cache
def show_strays(request: HttpRequest) -> HttpResponse:
    """Show the streams, and with `?key=` the last lines of one. For superusers: anybody's lines may be among them."""
    if not request.user.is_superuser:
        raise PermissionDenied
    if not settings.DEBUG_CONSOLE_ENABLED:
        raise Http404
    key = request.GET.get("key", "").replace("\x00", "")
    context: dict[str, Any] = {**admin.site.each_context(request), "title": "Nobody's debug lines", "key": key}
    try:
        context["streams"] = list_stray_streams()
        if key:
            found = _read(request, key)
            context |= {"lines": found.lines, "unshown": found.unshown}
    except (redis.RedisError, OSError) as error:
        log.warning("debug.strays_unreachable", error=repr(error))
        context["problem"] = "The server of the streams does not answer."
    except AuditUnavailableError as error:
        context["problem"] = str(error)
    return TemplateResponse(request, "admin/debug_strays.html", context, status=503 if "problem" in context else 200)


def _read(request: HttpRequest, key: str) -> StrayLines:
    """Write down who looks, then look."""
    assert isinstance(request.user, User)
    try:
        found = read_stray_lines(key)
    except LookupError as error:
        raise Http404 from error
    write_audit("strays.viewed", actor=request.user, target=key, lines=len(found.lines))
    return found


def list_urls() -> list[Any]:
    """Return admin's addresses with ours before them."""
    ours = path("debug-strays/", admin.site.admin_view(show_strays), name="debug-strays")
    return [ours, *_library_urls()]


_library_urls = admin.site.get_urls
admin.site.get_urls = list_urls  # type: ignore[method-assign]
