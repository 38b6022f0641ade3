"""Reading an OpenID Connect ID token: who signed in, as the provider signs it (OpenID Connect Core 1.0, 3.1.3.7).

The specification lets a client skip the signature of a token that came straight from the provider. This one does not:
a proxy in between is enough to make that no longer true.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import jwt
from allauth.socialaccount.providers.oauth2.client import OAuth2Error

# Signatures by a key pair alone: a public key must never serve as a shared secret.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
LEEWAY_SECONDS = 60


def read_id_token(token: str, *, keys: Mapping[str, Any], issuer: str, client_id: str, nonce: str) -> dict[str, Any]:
    """Return the claims. Raises `OAuth2Error` for a token that is not signed by one of `keys`, or meant for elsewhere.

    `keys` is the provider's JWK set. The token must be for this client, from this issuer, not expired, and carry the
    nonce that this sign-in began with.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key=_choose_key(token, keys),
            algorithms=[*ALGORITHMS],
            audience=client_id,
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub"]},
        )
    except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
        raise OAuth2Error(f"the ID token is not valid: {error}") from error
    if claims.get("azp", client_id) != client_id:
        raise OAuth2Error("the ID token was made for another client")
    if not nonce or not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
        raise OAuth2Error("the ID token belongs to another sign-in")
    return claims


def _choose_key(token: str, keys: Mapping[str, Any]) -> jwt.PyJWK:
    """Return the key that the token names; a token that names none may be of the only one."""
    header = jwt.get_unverified_header(token)
    usable = [key for key in jwt.PyJWKSet.from_dict(dict(keys)).keys if key.public_key_use in (None, "sig")]
    if "kid" in header:
        usable = [key for key in usable if key.key_id == header["kid"]]
    if len(usable) != 1:
        raise jwt.InvalidTokenError("it names none of the provider's keys")
    return usable[0]
