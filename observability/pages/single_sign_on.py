"""Signing in with the organization's own provider: OpenID Connect, authorization code with PKCE and nonce.

allauth does the protocol; here lie what it leaves out: the ID token's signature and nonce, the provider's own issuer,
and that ID token and user info are about the same person.
"""

from __future__ import annotations

import secrets
from typing import Any

from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialLogin, SocialToken
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from requests import RequestException

from config.single_sign_on import PROVIDER_ID
from observability.services.id_tokens import read_id_token


class CheckingAdapter(OpenIDConnectOAuth2Adapter):  # type: ignore[misc]
    """Believes nothing that is not signed for this very sign-in."""

    nonce = ""

    def complete_login(self, request: HttpRequest, app: Any, token: SocialToken, **kwargs: Any) -> SocialLogin:
        """Return who signed in. Raises `OAuth2Error`, which shows the error page."""
        config = self.openid_config
        issuer = str(config["issuer"])
        if issuer.rstrip("/") != settings.SINGLE_SIGN_ON.issuer.rstrip("/"):
            raise OAuth2Error(f"the provider calls itself {issuer}")
        with get_adapter().get_requests_session() as session:
            answer = session.get(config["jwks_uri"])
            answer.raise_for_status()
        claims = read_id_token(
            kwargs["response"].get("id_token") or "",
            keys=answer.json(),
            issuer=issuer,
            client_id=app.client_id,
            nonce=self.nonce,
        )
        info = self._fetch_user_info(token.token) if "userinfo_endpoint" in config else {}
        if info and info.get("sub") != claims["sub"]:
            raise OAuth2Error("the user info is about somebody else")
        # allauth prefers the user info; what only the signed token says must count as well.
        said = {**claims, **info}
        if "email_verified" not in info and said.get("email") != claims.get("email"):
            # What the token vouches for is its own address, not the other one.
            said["email_verified"] = False
        data = {"userinfo": said, "id_token": claims}
        return self.get_provider().sociallogin_from_response(request, data)


class CallbackView(OAuth2CallbackView):  # type: ignore[misc]
    """Hands the nonce of the sign-in's beginning to the adapter."""

    adapter: CheckingAdapter

    def _get_state(self, request: HttpRequest, provider: Any) -> tuple[dict[str, Any] | None, HttpResponse | None]:
        state, answer = super()._get_state(request, provider)
        if state is not None:
            self.adapter.nonce = state.get("nonce", "")
        return state, answer


@never_cache
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Send the browser to the provider: by a page, since our policy keeps forms from leading elsewhere."""
    _check_set_up()
    provider = get_adapter(request).get_provider(request, PROVIDER_ID)
    nonce = secrets.token_urlsafe(24)
    try:
        answer: HttpResponse = provider.redirect(
            request,
            process=AuthProcess.LOGIN,
            next_url=get_next_redirect_url(request),
            auth_params={"nonce": nonce},
            nonce=nonce,
        )
    except (RequestException, KeyError, ValueError) as error:
        return _show_error(request, provider, error)
    address = answer.headers.get("Location", "")
    if not address:
        return answer
    return render(request, "socialaccount/leave.html", {"address": address, "name": settings.SINGLE_SIGN_ON.name})


@never_cache
@require_safe
def finish(request: HttpRequest) -> HttpResponse:
    """Take the provider's answer, and sign in."""
    _check_set_up()
    adapter = CheckingAdapter(request, PROVIDER_ID)
    try:
        answer: HttpResponse = CallbackView.adapter_view(adapter)(request)
        return answer
    except (KeyError, ValueError) as error:
        # A provider that leaves out what the specification demands.
        return _show_error(request, adapter.get_provider(), error)


def _show_error(request: HttpRequest, provider: Any, error: Exception) -> HttpResponse:
    page: HttpResponse = render_authentication_error(request, provider, exception=error)
    return page


def nothing(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Stand in for allauth's pages of connecting further providers: there is one, and settings name it."""
    raise Http404


def _check_set_up() -> None:
    if not settings.SINGLE_SIGN_ON:
        raise Http404
