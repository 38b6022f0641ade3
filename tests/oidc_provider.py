"""A stand-in OpenID Connect provider on a real port: discovery, keys, authorization, token and user info.

It behaves as the specification says, checks PKCE, client and redirect address itself, and lies where a test asks it to.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, SECRET = "playhead", "a-client-secret"


@dataclass
class Provider:
    """What it says about the one person who signs in; `claims` go over the ID token's, `info` over the user info's."""

    url: str = ""
    person: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    discovery: dict[str, Any] = field(default_factory=dict)
    signs_with_another_key: bool = False
    asked: dict[str, str] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    other_key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def discover(self) -> dict[str, Any]:
        """Answer `/.well-known/openid-configuration`."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "jwks_uri": f"{self.url}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            **self.discovery,
        }

    def list_keys(self) -> dict[str, Any]:
        """Answer `/keys`."""
        key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**key, "kid": "one", "use": "sig", "alg": "RS256"}]}

    def authorize(self, query: dict[str, str]) -> str:
        """Let the person in at once, and return where the browser goes with the code."""
        assert query["client_id"] == CLIENT_ID
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        self.asked = query
        return f"{query['redirect_uri']}?{urlencode({'code': 'the-code', 'state': query['state']})}"

    def make_tokens(self, form: dict[str, str]) -> dict[str, Any]:
        """Answer `/token`, once PKCE and client are right."""
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.asked["code_challenge"]
        assert (form["code"], form["client_id"], form["client_secret"]) == ("the-code", CLIENT_ID, SECRET)
        assert form["redirect_uri"] == self.asked["redirect_uri"]
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": self.asked["nonce"]}
        token = jwt.encode(
            {**claims, **self.person, **self.claims},
            self.other_key if self.signs_with_another_key else self.key,
            algorithm="RS256",
            headers={"kid": "one"},
        )
        return {"access_token": "an-access-token", "token_type": "Bearer", "expires_in": 300, "id_token": token}


@contextmanager
def run_provider() -> Iterator[Provider]:
    """Serve a provider until the block ends."""
    provider = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(provider))
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _make_handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    reads: dict[str, Callable[[], dict[str, Any]]] = {
        "/.well-known/openid-configuration": provider.discover,
        "/keys": provider.list_keys,
        "/userinfo": lambda: {**provider.person, **provider.info},
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/authorize":
                self.send_response(302)
                self.send_header("Location", provider.authorize(_flatten(parts.query)))
                self.end_headers()
            else:
                self._answer(reads[parts.path]())

        def do_POST(self) -> None:
            self._answer(provider.make_tokens(_flatten(self.rfile.read(int(self.headers["Content-Length"])).decode())))

        def _answer(self, value: dict[str, Any]) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler


def _flatten(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
