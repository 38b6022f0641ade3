"""What belongs to signing in: addresses, second factors, sessions."""

from __future__ import annotations

from allauth.account.admin import EmailAddressAdmin as LibraryEmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from observability.admin.service_admin import ReadOnlyAdmin

# The provider comes from settings, and its tokens are not stored: both tables stay empty.
for model in (EmailAddress, Authenticator, UserSession, SocialAccount, SocialApp, SocialToken):
    admin.site.unregister(model)


@admin.register(EmailAddress)
class EmailAddressAdmin(LibraryEmailAddressAdmin, ModelAdmin):
    """Addresses people sign in with."""

    raw_id_fields = ()
    autocomplete_fields = ("user",)
    list_select_related = ("user",)


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    """Second factors. Removing one lets a person in who lost theirs; its secret is never shown."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type",)
    list_select_related = ("user",)
    search_fields = ("user__email",)
    fields = list_display

    def remove(self, request: HttpRequest, obj: Authenticator) -> None:
        """Remove the factor."""
        obj.delete()


@admin.register(UserSession)
class UserSessionAdmin(ReadOnlyAdmin):
    """Where people are signed in. Removing one signs them out there."""

    list_display = ("user", "ip", "user_agent", "created_at", "last_seen_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "ip")
    fields = list_display

    def remove(self, request: HttpRequest, obj: UserSession) -> None:
        """End the session."""
        obj.end()


@admin.register(SocialAccount)
class SocialAccountAdmin(ReadOnlyAdmin):
    """Who is linked to whom at the organization's own provider. Removing a link leaves the account."""

    list_display = ("user", "uid", "date_joined", "last_login")
    list_select_related = ("user",)
    search_fields = ("user__email", "uid")
    fields = list_display

    def remove(self, request: HttpRequest, obj: SocialAccount) -> None:
        """Remove the link: the next sign-in makes it anew, by verified address."""
        obj.delete()
