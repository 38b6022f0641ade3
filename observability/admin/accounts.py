"""What belongs to signing in: addresses, second factors, sessions."""

from __future__ import annotations

from allauth.account.admin import EmailAddressAdmin as LibraryEmailAddressAdmin
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from observability.admin.service_admin import ReadOnlyAdmin

for model in (EmailAddress, Authenticator, UserSession):
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
