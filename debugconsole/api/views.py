"""What all views of the console share: who looks, and how refusals are described."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from debugconsole.api import examples
from debugconsole.errors import ConsoleOffError
from debugconsole.selectors.watchers import Watcher, find_viewer
from observability.api.errors import ApiError
from observability.api.filters import ProjectFilterSet
from observability.api.views import ERRORS, ReadView
from observability.query import QueryError
from observability.services.keys import KeyIdentity

__all__ = ["ERRORS", "BareFilterSet", "DebugView"]

_WAIT = "`Retry-After` says for how many seconds to wait."
TOO_OFTEN = {429: OpenApiResponse(ApiError, description=f"Asked for too often. {_WAIT}", examples=[examples.TOO_OFTEN])}
LIMITS = {
    409: OpenApiResponse(ApiError, description="As many watch as may at once.", examples=[examples.VIEWER_LIMIT]),
    **TOO_OFTEN,
}
ENDED = {409: OpenApiResponse(ApiError, description="The session is over.", examples=[examples.ENDED])}
UNAVAILABLE = {
    503: OpenApiResponse(
        ApiError,
        description=f"It could not be written to the audit, so it was not done; or no stream can be read. {_WAIT}",
        examples=[examples.AUDIT_UNAVAILABLE],
    )
}


def describe_refusals(*more: str) -> dict[int, OpenApiResponse]:
    """Return what the document says of the policy's refusals, with further codes of one operation."""
    codes = ("policy_denied", "capability_missing", "approval_required", "role_denied", "extension_disabled", *more)
    return {
        403: OpenApiResponse(
            ApiError,
            description=(
                "The key lacks the scope `read` or `debug`, or its maker is gone (`denied`); or the policy refuses: "
                f"{', '.join(f'`{code}`' for code in codes)}."
            ),
            examples=[examples.APPROVAL_REQUIRED],
        )
    }


REFUSED = describe_refusals()


class BareFilterSet(ProjectFilterSet):
    """No parameters: what is asked about says whose it is."""

    project = None


class DebugView(ReadView):
    """A view of the console. Where it is switched off, there is none."""

    filterset_class = BareFilterSet

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse before anybody is asked who they are."""
        if not settings.DEBUG_CONSOLE_ENABLED:
            raise ConsoleOffError("No such page.")
        super().initial(request, *args, **kwargs)

    def handle_exception(self, error: Exception) -> Response:
        """Say of a filter that cannot be read which field it is, and where in it."""
        if isinstance(error, QueryError):
            data = {"code": "bad_filter", "detail": f"filter: {error}", "fields": {"filter": [str(error)]}}
            return Response(data | {"position": error.position, "length": error.length}, status=error.status)
        return super().handle_exception(error)

    def find_watcher(self, request: Request) -> Watcher:
        """Return who looks, once the parameters are known to be some. Every method's first line."""
        watcher = find_viewer(user=request.user, key=request.auth if isinstance(request.auth, KeyIdentity) else None)
        self.filterset_class.read(request)
        return watcher
