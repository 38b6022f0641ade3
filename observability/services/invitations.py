"""Invitations: an address is sent a link, and whoever opens it with an account of that address joins.

- The link holds 256 random bits and is stored as a hash; it works once, for `LIFETIME`, and for one address only.
- One invitation an address and organization is open at a time. Sending it again makes a new link; the old one ends.
- Roles follow the same rules as members (`services/members.py`); how many are open, and sent in an hour, is bounded.

Mail goes out after the commit. Where it cannot, the invitation stands all the same: its link is shown to whoever made
it, once.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from smtplib import SMTPException

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.validators import validate_email
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from observability.errors import DeniedError, InvalidError, NotFoundError
from observability.models import Invitation, Membership, Organization, Project, ProjectMembership, Role, User
from observability.services.accounts import create_person, find_person
from observability.services.members import check_role_change

log = structlog.get_logger(__name__)

LIFETIME = timedelta(days=7)
MOST_OPEN = 200
MOST_AN_HOUR = 50
SEND_AGAIN_AFTER = timedelta(minutes=1)
_MAIL_SECONDS = 10
_NO_MAIL = ("console", "dummy")


@dataclass(frozen=True, slots=True)
class SentInvitation:
    """An invitation and its link, the only place where the token is ever in the clear."""

    invitation: Invitation
    link: str
    is_mailed: bool


def invite(
    *,
    organization: Organization,
    email: str,
    role: str,
    invited_by: User | None,
    acting_role: Role,
    project: Project | None = None,
) -> SentInvitation:
    """Invite an address to the organization, or to one project of it.

    Raises `InvalidError` naming the field: no address, a member already, invited already, too many. Raises
    `DeniedError` when the acting role may not give this one.
    """
    token = secrets.token_urlsafe(32)
    invitation = _create(
        organization=organization,
        project=project,
        email=email.strip(),
        role=role,
        invited_by=invited_by,
        acting_role=acting_role,
        token=token,
    )
    return _send(invitation, token)


def send_again(*, invitation: Invitation, acting_role: Role) -> SentInvitation:
    """Send a new link in place of the old one, good for another `LIFETIME`. Raises `InvalidError`."""
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        locked = _lock(invitation)
        check_role_change(acting_role=acting_role, roles=[locked.role])
        if locked.state not in ("open", "expired"):
            raise InvalidError(f"invitation: it is {locked.state} already")
        now = timezone.now()
        if locked.sent_at > now - SEND_AGAIN_AFTER:
            raise InvalidError("invitation: it was sent a moment ago; wait a minute")
        locked.token_hash, locked.sent_at, locked.expires_at = _hash(token), now, now + LIFETIME
        locked.save(update_fields=["token_hash", "sent_at", "expires_at"])
    return _send(locked, token)


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, acting_role: Role) -> None:
    """End an invitation: its link works no more. Idempotent; raises `InvalidError` for one that was accepted."""
    locked = _lock(invitation)
    check_role_change(acting_role=acting_role, roles=[locked.role])
    if locked.state == "accepted":
        raise InvalidError("invitation: it was accepted; remove the member instead")
    if locked.revoked_at is None:
        locked.revoked_at = timezone.now()
        locked.save(update_fields=["revoked_at"])


def get_invitation(token: str) -> Invitation:
    """Return the invitation that a link names, whatever its state. One query. Raises `NotFoundError`."""
    related = ("organization", "project__organization", "invited_by")
    found = Invitation.objects.select_related(*related).filter(token_hash=_hash(token)).first()
    if found is None or found.organization.deleted_at or (found.project and found.project.deleted_at):
        raise NotFoundError("No such invitation.")
    return found


@transaction.atomic
def accept_invitation(*, token: str, user: User) -> Invitation:
    """Let a person in whose address was invited.

    Of two requests at once the second waits for the first, and finds the invitation used. Raises `NotFoundError`,
    `DeniedError` for somebody else's account, and `InvalidError` for a link that works no more.
    """
    invitation = _lock(get_invitation(token))
    if invitation.token_hash != _hash(token):
        raise NotFoundError("No such invitation.")
    if user.email.casefold() != invitation.email.casefold():
        raise DeniedError(f"This invitation is for {invitation.email}; you are signed in as {user.email}.")
    if invitation.state != "open":
        raise InvalidError(f"invitation: it is {invitation.state}; ask for a new one")
    invitation.accepted_at, invitation.accepted_by = timezone.now(), user
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    _join(invitation, user)
    return invitation


@transaction.atomic
def accept_as_new_person(*, token: str, name: str, password: str) -> User:
    """Make an account for the invited address and let it in. Sign-up being closed does not matter here.

    The link came by mail to the address, or from an admin's own hand, so the address counts as verified. Raises as
    `accept_invitation`, and `InvalidError` when the address has an account: then its owner signs in.
    """
    invitation = get_invitation(token)
    if invitation.state != "open":
        raise InvalidError(f"invitation: it is {invitation.state}; ask for a new one")
    user = create_person(email=invitation.email, password=password, name=name)
    accept_invitation(token=token, user=user)
    return user


def is_mail_configured() -> bool:
    """Say whether mail leaves this installation at all."""
    return not any(name in settings.EMAIL_BACKEND for name in _NO_MAIL)


@transaction.atomic
def _create(
    *,
    organization: Organization,
    project: Project | None,
    email: str,
    role: str,
    invited_by: User | None,
    acting_role: Role,
    token: str,
) -> Invitation:
    # The lock puts two invitations of one address, and the counting of them, one after the other.
    Organization.objects.select_for_update().get(pk=organization.pk)
    check_role_change(acting_role=acting_role, roles=[role])
    _check_address(email, organization=organization, project=project)
    _end_expired(organization, email)
    _check_number(organization, email)
    return Invitation.objects.create(
        organization=organization,
        project=project,
        email=email,
        role=role,
        invited_by=invited_by,
        token_hash=_hash(token),
        expires_at=timezone.now() + LIFETIME,
    )


def _check_address(email: str, *, organization: Organization, project: Project | None) -> None:
    try:
        validate_email(email)
    except ValidationError as error:
        raise InvalidError(f"email: {email!r} is not an email address") from error
    person = find_person(email)
    if person is None:
        return
    if Membership.objects.filter(organization=organization, user=person).exists():
        raise InvalidError(f"email: {email} is a member already; change their role below")
    if project and ProjectMembership.objects.filter(project=project, user=person).exists():
        raise InvalidError(f"email: {email} is in this project already; change their role below")


def _end_expired(organization: Organization, email: str) -> None:
    open_ = Invitation.objects.filter(organization=organization, accepted_at=None, revoked_at=None)
    for expired in open_.filter(email__iexact=email, expires_at__lte=timezone.now()):
        expired.revoked_at = timezone.now()
        expired.save(update_fields=["revoked_at"])


def _check_number(organization: Organization, email: str) -> None:
    invitations = Invitation.objects.filter(organization=organization)
    open_ = invitations.filter(accepted_at=None, revoked_at=None)
    if open_.filter(email__iexact=email).exists():
        raise InvalidError(f"email: {email} is invited already; send that invitation again, or revoke it")
    if open_.count() >= MOST_OPEN:
        raise InvalidError(f"email: an organization has at most {MOST_OPEN} open invitations; revoke some first")
    if invitations.filter(sent_at__gt=timezone.now() - timedelta(hours=1)).count() >= MOST_AN_HOUR:
        raise InvalidError(f"email: at most {MOST_AN_HOUR} invitations go out in an hour; go on later")


def _join(invitation: Invitation, user: User) -> None:
    """Give the role, unless the person got in some other way meanwhile: then theirs stays."""
    if invitation.project is None:
        Membership.objects.get_or_create(
            organization=invitation.organization, user=user, defaults={"role": invitation.role}
        )
    else:
        ProjectMembership.objects.get_or_create(
            project=invitation.project, user=user, defaults={"role": invitation.role}
        )


def _lock(invitation: Invitation) -> Invitation:
    locked = Invitation.objects.select_for_update(of=("self",)).select_related("organization", "project", "invited_by")
    return locked.get(pk=invitation.pk)


def _send(invitation: Invitation, token: str) -> SentInvitation:
    link = f"{settings.PUBLIC_URL}{reverse('observability:invitation', args=[token])}"
    return SentInvitation(invitation, link, is_mailed=is_mail_configured() and _mail(invitation, link))


def _mail(invitation: Invitation, link: str) -> bool:
    """Send the link; say whether the mail server took it. A failure is logged, without the link."""
    place = invitation.project or invitation.organization
    text = render_to_string(
        "observability/mail/invitation.txt", {"invitation": invitation, "place": place, "link": link}
    )
    # A name may hold line breaks, a header may not.
    subject = " ".join(f"Join {place} on Playhead".split())
    message = EmailMessage(subject=subject, body=text, to=[invitation.email])
    try:
        message.connection = get_connection(timeout=_MAIL_SECONDS)
        return bool(message.send())
    except (OSError, SMTPException) as error:
        log.warning("invitation.not_mailed", invitation_id=invitation.pk, error=repr(error))
        return False


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
