"""The audit log: who changed what. django-auditlog keeps it; settings name the tables (`AUDITLOG_...`)."""

from __future__ import annotations

from auditlog.middleware import AuditlogMiddleware
from django.http import HttpRequest


class AuditMiddleware(AuditlogMiddleware):  # type: ignore[misc]
    """Tells the audit log who acts, and from where.

    The address is the connection's, which the server takes from `X-Forwarded-For` only behind a proxy it trusts. The
    library would believe the header from anybody.
    """

    @staticmethod
    def _get_remote_addr(request: HttpRequest) -> str | None:
        return request.META.get("REMOTE_ADDR") or None

    @staticmethod
    def _get_remote_port(request: HttpRequest) -> int | None:
        return None


def hide_value(value: str) -> str:
    """Stand in for a secret in the log: that it changed is told, what it is not."""
    return "(hidden)"


def get_no_correlation_id() -> str | None:
    """Keep a caller's own header out of the log: it may be longer than the column, and then nothing is saved."""
    return None
