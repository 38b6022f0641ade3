"""One shape for every API error: `{"code": ..., "detail": ..., "fields"?: {...}}`."""

from __future__ import annotations

from typing import Any

from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler

from observability.errors import ObservabilityError
from observability.query import QueryError


def handle_exception(error: Exception, context: dict[str, Any]) -> Response | None:
    """Map our errors and DRF's to status, `code` and `detail`; validation errors name their fields.

    Called by DRF for every exception a view raises. Returns None for the unexpected, which Django logs as a 500.
    """
    if isinstance(error, QueryError):
        data = {"code": error.code, "detail": f"q: {error}", "fields": {"q": [str(error)]}}
        return Response(data | {"position": error.position, "length": error.length}, status=error.status)
    if isinstance(error, ObservabilityError):
        wait_s = error.retry_after_s
        headers = None if wait_s is None else {"Retry-After": str(wait_s)}
        return Response({"code": error.code, "detail": str(error)}, status=error.status, headers=headers)
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, exceptions.ValidationError):
        response.data = {"code": "invalid", "detail": _first_message(error.detail), "fields": error.detail}
    elif isinstance(error, exceptions.APIException):
        response.data = {"code": error.get_codes(), "detail": str(error.detail)}
    else:
        response.data = {"code": "not_found" if response.status_code == 404 else "denied", "detail": str(error)}
    return response


def _first_message(detail: Any) -> str:
    """Return one sentence that names the first field at fault."""
    if isinstance(detail, dict) and detail:
        field, messages = next(iter(detail.items()))
        return f"{field}: {_first_message(messages)}"
    if isinstance(detail, list) and detail:
        return _first_message(detail[0])
    return str(detail)
