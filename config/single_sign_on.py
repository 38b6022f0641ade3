"""The organization's own sign-in, from the environment: see .env.example and docs/operating.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from config.env import env

PROVIDER_ID = "sso"
WELL_KNOWN = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """What is known of the provider, and what a first sign-in there makes here. False without an issuer."""

    issuer: str = ""
    client_id: str = ""
    secret: str = ""
    name: str = "single sign-on"
    domains: tuple[str, ...] = ()
    creates_accounts: bool = False
    organization: str = ""
    role: str = "engineer"

    def __bool__(self) -> bool:
        """Tell whether it is set up."""
        return bool(self.issuer)

    def make_providers(self) -> dict[str, Any]:
        """Return it as allauth wants its providers. PKCE always, and no token is stored."""
        if not self.issuer:
            return {}
        app = {
            "provider_id": PROVIDER_ID,
            "name": self.name,
            "client_id": self.client_id,
            "secret": self.secret,
            "settings": {"server_url": self.issuer.rstrip("/") + WELL_KNOWN, "oauth_pkce_enabled": True},
        }
        return {"openid_connect": {"APPS": [app]}}

    def is_issuer_safe(self) -> bool:
        """Tell whether the address can be trusted to be the provider's: https, or this machine."""
        parts = urlsplit(self.issuer)
        is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
        return bool(parts.hostname) and (parts.scheme == "https" or (parts.scheme == "http" and is_local))


def read_single_sign_on() -> SingleSignOn:
    """Read the environment."""
    return SingleSignOn(
        issuer=env.str("PLAYHEAD_OIDC_ISSUER", default="").removesuffix(WELL_KNOWN),
        client_id=env.str("PLAYHEAD_OIDC_CLIENT_ID", default=""),
        secret=env.str("PLAYHEAD_OIDC_CLIENT_SECRET", default=""),
        name=env.str("PLAYHEAD_OIDC_NAME", default="") or "single sign-on",
        domains=tuple(domain.strip().lower() for domain in env.list("PLAYHEAD_OIDC_DOMAINS", default=[]) if domain),
        creates_accounts=env.bool("PLAYHEAD_OIDC_CREATE_ACCOUNTS", default=False),
        organization=env.str("PLAYHEAD_OIDC_ORGANIZATION", default=""),
        role=env.str("PLAYHEAD_OIDC_ROLE", default="engineer"),
    )
