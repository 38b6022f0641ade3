from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone

from observability.errors import DeniedError, InvalidError, NotFoundError, ObservabilityError
from observability.models import Invitation, Membership, Organization, Project, ProjectMembership, Role, User
from observability.services import invitations
from observability.services.invitations import (
    SentInvitation,
    accept_as_new_person,
    accept_invitation,
    invite,
    revoke_invitation,
    send_again,
)
from observability.services.members import leave_organization
from tests.fixtures import PASSWORD


def _invite(organization: Organization, email: str = "stranger@example.com", **fields: object) -> SentInvitation:
    given = {"role": "engineer", "invited_by": None, "acting_role": Role.ADMIN, **fields}
    return invite(organization=organization, email=email, **given)  # type: ignore[arg-type]


def _token(sent: SentInvitation) -> str:
    return sent.link.rstrip("/").rpartition("/")[2]


def _age(sent: SentInvitation, *, by: timedelta) -> None:
    invitation = sent.invitation
    Invitation.objects.filter(pk=invitation.pk).update(
        sent_at=invitation.sent_at - by, expires_at=invitation.expires_at - by
    )


def test_invite__address__gets_a_link_that_is_stored_as_a_hash(organization: Organization) -> None:
    sent = _invite(organization)

    assert sent.is_mailed
    assert mail.outbox[0].to == ["stranger@example.com"]
    assert sent.link in mail.outbox[0].body
    assert _token(sent) not in Invitation.objects.get().token_hash
    assert re.fullmatch(r"[0-9a-f]{64}", Invitation.objects.get().token_hash)


def test_invite__name_with_a_line_break__is_mailed_all_the_same(organization: Organization) -> None:
    organization.name = "Acme\nBcc: all@example.com"

    assert _invite(organization).is_mailed
    assert mail.outbox[0].subject == "Join Acme Bcc: all@example.com on Playhead"


def test_invite__mail_fails_or_is_not_set_up__stands_all_the_same(organization: Organization, settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"  # type: ignore[attr-defined]
    by_hand = _invite(organization)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # type: ignore[attr-defined]
    failed = _invite(organization, "other@example.com")

    assert (by_hand.is_mailed, failed.is_mailed) == (False, False)
    assert Invitation.objects.count() == 2


def test_invite__twice_or_a_member_or_too_many__is_refused(
    organization: Organization, teammate: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    _invite(organization)

    with pytest.raises(InvalidError, match="invited already"):
        _invite(organization, "STRANGER@example.com")
    with pytest.raises(InvalidError, match="member already"):
        _invite(organization, teammate.email)
    with pytest.raises(InvalidError, match="not an email address"):
        _invite(organization, "nobody")
    monkeypatch.setattr(invitations, "MOST_AN_HOUR", 1)
    with pytest.raises(InvalidError, match="in an hour"):
        _invite(organization, "third@example.com")


def test_invite__roles__follow_those_of_members(organization: Organization) -> None:
    with pytest.raises(DeniedError, match="Only an owner"):
        _invite(organization, role="owner")
    with pytest.raises(DeniedError, match="role admin"):
        _invite(organization, acting_role=Role.ENGINEER)

    assert _invite(organization, role="owner", acting_role=Role.OWNER).invitation.role == "owner"


def test_accept__own_address__joins_once(organization: Organization, stranger: User) -> None:
    sent = _invite(organization, "Stranger@Example.com")

    accept_invitation(token=_token(sent), user=stranger)

    assert Membership.objects.get(organization=organization, user=stranger).role == Role.ENGINEER
    with pytest.raises(InvalidError, match="accepted"):
        accept_invitation(token=_token(sent), user=stranger)


def test_accept__to_one_project__sees_that_one_alone(project: Project, stranger: User) -> None:
    sent = _invite(project.organization, project=project, role="viewer")

    accept_invitation(token=_token(sent), user=stranger)

    assert ProjectMembership.objects.get(project=project, user=stranger).role == Role.VIEWER
    assert not Membership.objects.filter(organization=project.organization, user=stranger).exists()


def test_accept__member_already_by_other_means__keeps_their_role(organization: Organization, stranger: User) -> None:
    sent = _invite(organization, role="viewer")
    Membership.objects.create(organization=organization, user=stranger, role=Role.ADMIN)

    accept_invitation(token=_token(sent), user=stranger)

    assert Membership.objects.get(organization=organization, user=stranger).role == Role.ADMIN


def test_accept__foreign_expired_revoked_or_replaced__is_refused(
    organization: Organization, stranger: User, operator: User
) -> None:
    sent = _invite(organization)
    with pytest.raises(DeniedError, match=r"for stranger@example\.com"):
        accept_invitation(token=_token(sent), user=operator)
    with pytest.raises(NotFoundError):
        accept_invitation(token="made-up", user=stranger)
    _age(sent, by=timedelta(days=8))
    with pytest.raises(InvalidError, match="expired"):
        accept_invitation(token=_token(sent), user=stranger)
    again = send_again(invitation=sent.invitation, acting_role=Role.ADMIN)
    with pytest.raises(NotFoundError):
        accept_invitation(token=_token(sent), user=stranger)
    revoke_invitation(invitation=again.invitation, acting_role=Role.ADMIN)
    with pytest.raises(InvalidError, match="revoked"):
        accept_invitation(token=_token(again), user=stranger)

    assert not Membership.objects.filter(organization=organization, user=stranger).exists()


def test_send_again__at_once__asks_to_wait(organization: Organization) -> None:
    sent = _invite(organization)

    with pytest.raises(InvalidError, match="wait a minute"):
        send_again(invitation=sent.invitation, acting_role=Role.ADMIN)


def test_accept__new_person__has_an_account_although_sign_up_is_closed(organization: Organization) -> None:
    sent = _invite(organization, "new@example.com")

    user = accept_as_new_person(token=_token(sent), name="Nia New", password=PASSWORD)

    assert Membership.objects.get(user=user).organization == organization
    assert Client().login(email="new@example.com", password=PASSWORD)
    with pytest.raises(InvalidError):
        accept_as_new_person(token=_token(sent), name="Twice", password=PASSWORD)


@pytest.mark.django_db(transaction=True)
def test_accept__two_requests_at_once__one_joins(organization: Organization, stranger: User) -> None:
    token = _token(_invite(organization))
    refused: list[str] = []
    start = threading.Barrier(2)

    def accept() -> None:
        start.wait()
        try:
            accept_invitation(token=token, user=stranger)
        except ObservabilityError as error:
            refused.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=accept) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert Membership.objects.filter(organization=organization, user=stranger).count() == 1


def test_page__used_link__is_gone_and_an_unknown_one_not_found(organization: Organization, stranger: User) -> None:
    sent = _invite(organization)
    accept_invitation(token=_token(sent), user=stranger)

    assert Client().get(f"/invitations/{_token(sent)}/").status_code == 410
    assert Client().get("/invitations/made-up/").status_code == 404


def test_page__somebody_else_signed_in__cannot_join(organization: Organization, operator: User) -> None:
    client = Client()
    client.force_login(operator)
    sent = _invite(organization)

    answer = client.post(f"/invitations/{_token(sent)}/")

    assert answer.status_code == 403
    assert "You are signed in as operator@example.com" in answer.content.decode()


def test_page__weak_password__is_refused_and_nothing_is_made(organization: Organization) -> None:
    sent = _invite(organization, "new@example.com")

    answer = Client().post(f"/invitations/{_token(sent)}/", {"name": "", "password": "short"})

    assert answer.status_code == 422
    assert not User.objects.filter(email="new@example.com").exists()


def test_leave__last_owner__stays(organization: Organization, owner: User, teammate: User) -> None:
    leave_organization(organization=organization, user=teammate)

    with pytest.raises(InvalidError, match="keeps at least one owner"):
        leave_organization(organization=organization, user=owner)
    assert not Membership.objects.filter(user=teammate).exists()


def test_invitation__expires__in_seven_days(organization: Organization) -> None:
    left = _invite(organization).invitation.expires_at - timezone.now()

    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)
