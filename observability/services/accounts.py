"""How people sign in and up, and how the product makes a person itself."""

from __future__ import annotations

from typing import Any

import structlog
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.http import HttpRequest

from observability.errors import InvalidError
from observability.models import User
from observability.services.members import check_may_leave

log = structlog.get_logger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up is closed unless the operator opens it; people come in by invitation or from admin."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Say whether strangers may create an account."""
        return bool(settings.ACCOUNT_SIGNUP_OPEN and settings.IS_PASSWORD_SIGN_IN)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuse every password where people sign in with their organization's provider alone."""
        if not settings.IS_PASSWORD_SIGN_IN:
            raise ValidationError(f"Sign in with {settings.SINGLE_SIGN_ON.name}.")
        super().pre_authenticate(request, **credentials)

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """Tell the person of a change; a mail server that is down does not undo it."""
        try:
            super().send_notification_mail(*args, **kwargs)
        except OSError as error:
            log.warning("account.mail_failed", error=str(error))


@transaction.atomic
def create_person(*, email: str, password: str | None, name: str = "", is_admin: bool = False) -> User:
    """Make a person who can sign in at once; without a password they set one through "Forgot your password?".

    `is_admin` lets them into Django admin and everything in it. The address counts as verified: whoever calls this
    vouches for it. Raises `InvalidError` naming the field.
    """
    try:
        validate_email(email)
    except ValidationError as error:
        raise InvalidError(f"email: {email!r} is not an email address") from error
    if find_person(email) is not None:
        raise InvalidError(f"email: {email} already has an account")
    make = User.objects.create_superuser if is_admin else User.objects.create_user
    user = make(email, password, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@transaction.atomic
def change_email(*, user: User, email: str) -> None:
    """Let a person sign in with another address instead. Raises `InvalidError` when it belongs to somebody else."""
    found = find_person(email)
    if found is not None and found.pk != user.pk:
        raise InvalidError(f"email: {email} already has an account")
    user.email = email
    user.save(update_fields=["email"])
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)


@transaction.atomic
def deactivate_person(*, user: User) -> None:
    """Let a person sign in no more; open pages end with their next request. Raises `InvalidError` for a last owner."""
    check_may_leave(user)
    user.is_active = False
    user.save(update_fields=["is_active"])


@transaction.atomic
def delete_person(*, user: User) -> None:
    """Remove a person, their memberships and sessions. Keys they made go on working, without a name.

    Raises `InvalidError` for the last owner of an organization.
    """
    check_may_leave(user)
    for session in UserSession.objects.filter(user=user):
        session.end()
    user.delete()


def find_person(email: str) -> User | None:
    """Return whoever signs in with this address, whatever its case."""
    return User.objects.filter(email__iexact=email).first()
