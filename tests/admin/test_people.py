from __future__ import annotations

from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from observability.models import ApiKey, Membership, Organization, User
from observability.services.keys import NewKey
from tests.fixtures import PASSWORD

PEOPLE = "/admin/observability/user/"


@pytest.fixture
def signed_in(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


def _change(client: Client, user: User, **changed: Any) -> str:
    looks = {"theme": "system", "density": "compact", "shortcuts": "on"}
    fields = {"email": user.email, "name": user.name, "is_active": "on", **looks}
    kept = {name: value for name, value in (fields | changed).items() if value is not None}
    return client.post(f"{PEOPLE}{user.pk}/change/", kept, follow=True).content.decode()


def test_add__with_password__can_sign_in(signed_in: Client) -> None:
    signed_in.post(f"{PEOPLE}add/", {"email": "new@example.com", "name": "New", "password": PASSWORD})

    user = User.objects.get(email="new@example.com")
    assert user.check_password(PASSWORD)
    assert not user.is_staff
    assert EmailAddress.objects.get(user=user).verified


def test_add__without_password__cannot_sign_in_yet(signed_in: Client) -> None:
    signed_in.post(f"{PEOPLE}add/", {"email": "new@example.com", "name": "", "password": ""})

    assert not User.objects.get(email="new@example.com").has_usable_password()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"email": "OWNER@example.com", "password": ""}, "already"),
        ({"email": "nobody", "password": ""}, "valid email"),
        ({"email": "new@example.com", "password": "short"}, "too short"),
    ],
)
def test_add__unusable__says_why(signed_in: Client, owner: User, fields: dict[str, str], message: str) -> None:
    response = signed_in.post(f"{PEOPLE}add/", {"name": "", **fields}, follow=True)

    assert message in response.content.decode()
    assert User.objects.count() == 2


def test_change__name__leaves_the_rest(signed_in: Client, owner: User) -> None:
    before = owner.password

    _change(signed_in, owner, name="Changed")

    owner.refresh_from_db()
    assert (owner.name, owner.email, owner.password) == ("Changed", "owner@example.com", before)


def test_change__address__signs_in_with_the_new_one_only(signed_in: Client, owner: User) -> None:
    _change(signed_in, owner, email="olive@example.com")

    client = Client()
    client.post(reverse("account_login"), {"login": "owner@example.com", "password": PASSWORD})
    assert "_auth_user_id" not in client.session
    client.post(reverse("account_login"), {"login": "olive@example.com", "password": PASSWORD})
    assert client.session["_auth_user_id"] == str(owner.pk)


def test_change__groups__are_stored(signed_in: Client, owner: User) -> None:
    group = Group.objects.create(name="Support")

    _change(signed_in, owner, is_staff="on", groups=[group.pk])

    owner.refresh_from_db()
    assert owner.is_staff
    assert list(owner.groups.all()) == [group]


def test_change__last_owner_deactivated__is_refused(signed_in: Client, organization: Organization, owner: User) -> None:
    content = _change(signed_in, owner, is_active=None)

    assert "keeps at least one owner" in content
    owner.refresh_from_db()
    assert owner.is_active


def test_change__teammate_deactivated__is_signed_out(signed_in: Client, teammate: User) -> None:
    theirs = Client()
    theirs.force_login(teammate)

    _change(signed_in, teammate, is_active=None)

    assert theirs.get("/admin/", follow=True).redirect_chain[-1][0].startswith(reverse("account_login"))


def test_delete__last_owner__is_refused(signed_in: Client, organization: Organization, owner: User) -> None:
    response = signed_in.post(f"{PEOPLE}{owner.pk}/delete/", {"post": "yes"}, follow=True)

    assert "keeps at least one owner" in response.content.decode()
    assert User.objects.filter(pk=owner.pk).exists()


def test_delete__teammate__goes_with_memberships_and_leaves_keys(
    signed_in: Client, teammate: User, api_key: NewKey
) -> None:
    ApiKey.objects.update(created_by=teammate)

    signed_in.post(f"{PEOPLE}{teammate.pk}/delete/", {"post": "yes"}, follow=True)

    assert not User.objects.filter(pk=teammate.pk).exists()
    assert not Membership.objects.filter(user_id=teammate.pk).exists()
    assert ApiKey.objects.get().created_by is None


def test_second_factor__page__hides_the_secret_and_can_remove_it(signed_in: Client, owner: User) -> None:
    factor = Authenticator.objects.create(user=owner, type="totp", data={"secret": "SECRETSEED"})
    path = f"/admin/mfa/authenticator/{factor.pk}"

    content = signed_in.get(f"{path}/change/").content.decode()
    signed_in.post(f"{path}/delete/", {"post": "yes"})

    assert "SECRETSEED" not in content
    assert not Authenticator.objects.exists()


def test_session__removed__signs_out_there(signed_in: Client, teammate: User) -> None:
    theirs = Client()
    theirs.post(reverse("account_login"), {"login": teammate.email, "password": PASSWORD})
    session = UserSession.objects.get(user=teammate)

    content = signed_in.get(f"/admin/usersessions/usersession/{session.pk}/change/").content.decode()
    signed_in.post(f"/admin/usersessions/usersession/{session.pk}/delete/", {"post": "yes"})

    assert session.session_key not in content
    assert not theirs.session.get("_auth_user_id")
