"""Times in the zone a person chose, wherever the server writes one."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin

from observability.models import User


class TimeZoneMiddleware(MiddlewareMixin):
    """Activate the person's time zone for one request; UTC where none was chosen: scripts then show the browser's."""

    get_response: Callable[[HttpRequest], HttpResponse]

    def process_view(self, request: HttpRequest, view: object, arguments: object, named: object) -> None:
        """Activate it as soon as somebody is to be answered: files and probes never ask who that is."""
        user = request.user
        zone = user.time_zone if isinstance(user, User) else ""
        try:
            timezone.activate(ZoneInfo(zone or "UTC"))
        except (ZoneInfoNotFoundError, ValueError):
            # Known once, but not to this machine's tables.
            timezone.deactivate()

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Leave nothing to the next request of this thread."""
        timezone.deactivate()
        return response
