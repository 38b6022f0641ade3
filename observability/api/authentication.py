"""API keys for DRF: the same header forms that the ingest doors accept."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from observability.ingest.credentials import read_key
from observability.services.keys import KeyIdentity, check_key


class KeyUser(AnonymousUser):
    """Stands for a key where Django expects a user: signed in, nobody in particular."""

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]
        """A valid key is a valid caller."""
        return True


class ApiKeyAuthentication(BaseAuthentication):
    """Accept `api-key`, `x-api-key`, `Authorization: Bearer` and Basic; `request.auth` is the `KeyIdentity`."""

    def authenticate(self, request: Request) -> tuple[KeyUser, KeyIdentity] | None:
        """Return the key's identity, or None when the request carries no key (a signed-in person, perhaps)."""
        text = read_key([(name.lower().encode(), value.encode()) for name, value in request.headers.items()])
        if text is None:
            return None
        identity = check_key(text)
        if identity is None:
            raise AuthenticationFailed("The API key is unknown, expired or revoked.", code="invalid_api_key")
        return KeyUser(), identity

    def authenticate_header(self, request: Request) -> str:
        """Make DRF answer 401, not 403, when nobody is signed in."""
        return 'Bearer realm="playhead"'


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document describes our keys."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Name the header that every client can send."""
        return {"type": "apiKey", "in": "header", "name": "api-key"}
