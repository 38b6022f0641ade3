"""Who may come in through the organization's own sign-in (OpenID Connect), and as what.

`settings.SINGLE_SIGN_ON` says which provider that is; `config/single_sign_on.py` reads it from the environment.
"""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import render

from observability.models import Membership, Organization, User
from observability.services.accounts import find_person

UNVERIFIED = "The sign-in did not vouch for an email address. Ask whoever runs it to verify yours."
FOREIGN = "Addresses of this domain are not let in here."
UNKNOWN = "Nobody here has this address. Ask an admin of your organization to add you."


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Lets people in by a verified address of an allowed domain; makes their account where settings say so."""

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuse with the reason, before anything is linked or made. Holds at every sign-in, not just the first."""
        address = find_verified_address(sociallogin)
        refusal = ""
        if not address:
            refusal = UNVERIFIED
        elif not is_domain_allowed(address):
            refusal = FOREIGN
        elif not sociallogin.is_existing and not settings.SINGLE_SIGN_ON.creates_accounts:
            refusal = UNKNOWN
        if refusal:
            context = {"reason": refusal, "name": settings.SINGLE_SIGN_ON.name, "address": address}
            raise ImmediateHttpResponse(render(request, "socialaccount/refused.html", context, status=403))

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """Return whose address the provider verified. Somebody who only wrote it down as a further one loses it.

        Otherwise a colleague's first sign-in would end in the account of whoever added their address before.
        """
        address = find_verified_address(sociallogin)
        if not address:
            return None
        claims = EmailAddress.objects.filter(email__iexact=address)
        claims.filter(verified=False).exclude(user__email__iexact=address).delete()
        verified = claims.filter(verified=True).select_related("user").first()
        person = verified.user if verified else find_person(address)
        return (person, address) if person else None

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Say whether a first sign-in makes an account; open sign-up has nothing to do with it."""
        return bool(settings.SINGLE_SIGN_ON.creates_accounts)

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        """Take name and address."""
        user: User = sociallogin.user
        user.email = find_verified_address(sociallogin) or str(data.get("email") or "")
        user.name = str(data.get("name") or "")[:150]
        return user

    @transaction.atomic
    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        """Make the account and, where settings name one, its membership."""
        user: User = super().save_user(request, sociallogin, form)
        wanted = settings.SINGLE_SIGN_ON
        organization = Organization.objects.filter(slug=wanted.organization).first() if wanted.organization else None
        if organization is not None:
            Membership.objects.create(organization=organization, user=user, role=wanted.role)
        return user


def find_verified_address(sociallogin: SocialLogin) -> str:
    """Return the address that the provider says it verified, or "". Only the JSON value true counts."""
    return next((one.email for one in sociallogin.email_addresses if one.verified is True), "")


def is_domain_allowed(address: str) -> bool:
    """Say whether the address is of one of the domains; without any, all are allowed."""
    domains = settings.SINGLE_SIGN_ON.domains
    return not domains or address.rpartition("@")[2].lower() in domains
