"""How people sign in and up."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Sign-up is closed unless the operator opens it; people come in by invitation or from admin."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say whether strangers may create an account."""
        return bool(settings.ACCOUNT_SIGNUP_OPEN)
