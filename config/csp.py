"""The strict content security policy of our pages.

Admin and Swagger UI are third-party pages with inline parts; they get a looser one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin

_STRICT = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# Alpine (admin) evaluates expressions; Swagger UI starts from an inline script.
_THIRD_PARTY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'"
)


class ContentSecurityPolicyMiddleware(MiddlewareMixin):
    """Add the policy header to every answer that has none."""

    third_party_prefixes: ClassVar[tuple[str, ...]] = ("/admin/", "/api/docs")
    get_response: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse]]

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Choose the policy by path."""
        policy = _THIRD_PARTY if request.path.startswith(self.third_party_prefixes) else _STRICT
        response.headers.setdefault("Content-Security-Policy", policy)
        return response
