"""Signing in with the organization's own provider, against a stand-in on a real port."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import httpx
import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.test import Client, override_settings

from config.single_sign_on import SingleSignOn
from observability.models import Membership, Organization, User
from observability.services.accounts import find_person
from tests.fixtures import PASSWORD
from tests.oidc_provider import CLIENT_ID, SECRET, Provider, run_provider

BEGIN = "/accounts/oidc/sso/login/"
HOST = "testserver"


@pytest.fixture
def provider() -> Iterator[Provider]:
    with run_provider() as running:
        running.person = {"sub": "p-1", "email": "owner@example.com", "email_verified": True, "name": "Olive"}
        yield running


@pytest.fixture
def wanted(provider: Provider) -> SingleSignOn:
    return SingleSignOn(issuer=provider.url, client_id=CLIENT_ID, secret=SECRET, name="Acme", domains=("example.com",))


@pytest.fixture
def set_up(wanted: SingleSignOn) -> Iterator[None]:
    with override_settings(SINGLE_SIGN_ON=wanted, SOCIALACCOUNT_PROVIDERS=wanted.make_providers()):
        yield


def sign_in(client: Client, **fields: str) -> Any:
    """Go the whole way: to the provider, through it, and back."""
    page = client.post(BEGIN, fields).content.decode()
    there = unescape(re.search(r'content="0;url=([^"]+)"', page)[1])  # type: ignore[index]
    back = httpx.get(there).headers["Location"]
    return client.get(back.partition(HOST)[2])


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_sign_in__verified_address_of_a_person__signs_them_in_and_links(
    provider: Provider, set_up: None, owner: User
) -> None:
    client = Client()

    answer = sign_in(client, next="/account/")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/account/")
    assert client.session["_auth_user_id"] == str(owner.pk)
    assert SocialAccount.objects.get().user == owner
    owner.refresh_from_db()
    assert owner.check_password(PASSWORD)
    assert set(provider.asked["scope"].split()) == {"openid", "profile", "email"}
    assert "Sign in with Acme" in Client().get("/accounts/login/").content.decode()


def test_sign_in__second_time_under_another_address__is_the_same_person(
    provider: Provider, set_up: None, owner: User
) -> None:
    sign_in(Client())
    provider.person["email"] = "renamed@example.com"
    client = Client()

    sign_in(client)

    assert client.session["_auth_user_id"] == str(owner.pk)
    assert User.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"claims": {"iss": "https://elsewhere.example.com"}}, "could not be trusted"),
        ({"claims": {"aud": "somebody-else"}}, "could not be trusted"),
        ({"claims": {"exp": 1}}, "could not be trusted"),
        ({"claims": {"nonce": "of another sign-in"}}, "could not be trusted"),
        ({"info": {"sub": "p-2"}}, "could not be trusted"),
        ({"discovery": {"issuer": "https://elsewhere.example.com"}}, "could not be trusted"),
        ({"signs_with_another_key": True}, "could not be trusted"),
        ({"info": {"email_verified": False}}, "did not vouch"),
        ({"info": {"email_verified": "false"}}, "did not vouch"),
        (
            {
                "person": {"sub": "p-1", "email": "owner@example.com"},
                "claims": {"email": "p@example.com", "email_verified": True},
            },
            "did not vouch",
        ),
        ({"info": {"email": "owner@elsewhere.com"}}, "not let in"),
        ({"info": {"email": "nobody@example.com"}}, "Nobody here has this address"),
    ],
)
def test_sign_in__answer_that_does_not_hold__is_refused(
    change: dict[str, Any], said: str, provider: Provider, set_up: None, owner: User
) -> None:
    for name, value in change.items():
        setattr(provider, name, value)
    client = Client()

    answer = sign_in(client)

    assert said in answer.content.decode()
    assert not is_signed_in(client)
    assert not SocialAccount.objects.exists()
    assert User.objects.count() == 1


def test_sign_in__state_of_another_browser__is_refused(set_up: None, owner: User) -> None:
    client = Client()

    answer = client.get(f"{BEGIN}callback/", {"code": "the-code", "state": "made up"})

    assert "could not be trusted" in answer.content.decode()
    assert not is_signed_in(client)


def test_sign_in__new_person_where_that_is_allowed__joins_the_organization(
    provider: Provider, wanted: SingleSignOn, organization: Organization
) -> None:
    provider.person |= {"sub": "p-9", "email": "new@example.com", "name": "Nia New"}
    opened = replace(wanted, creates_accounts=True, organization=organization.slug, role="viewer")

    with override_settings(SINGLE_SIGN_ON=opened, SOCIALACCOUNT_PROVIDERS=opened.make_providers()):
        sign_in(Client())

    person = find_person("new@example.com")
    assert person is not None
    assert (person.name, person.has_usable_password()) == ("Nia New", False)
    assert EmailAddress.objects.get(user=person).verified
    assert Membership.objects.get(user=person).role == "viewer"


def test_sign_in__address_somebody_else_claimed_unverified__takes_their_password_away(
    provider: Provider, set_up: None, owner: User
) -> None:
    EmailAddress.objects.filter(user=owner).update(verified=False)

    sign_in(Client())

    owner.refresh_from_db()
    assert not owner.has_usable_password()


def test_sign_in__address_somebody_added_to_their_own__is_not_their_account(
    provider: Provider, wanted: SingleSignOn, owner: User
) -> None:
    EmailAddress.objects.create(user=owner, email="new@example.com", verified=False, primary=False)
    provider.person |= {"email": "new@example.com"}
    open_ = replace(wanted, creates_accounts=True)
    client = Client()

    with override_settings(SINGLE_SIGN_ON=open_, SOCIALACCOUNT_PROVIDERS=open_.make_providers()):
        sign_in(client)

    assert client.session["_auth_user_id"] == str(User.objects.exclude(pk=owner.pk).get(email="new@example.com").pk)


def test_password__where_the_provider_is_the_only_way__is_refused(set_up: None, owner: User) -> None:
    client = Client()

    with override_settings(IS_PASSWORD_SIGN_IN=False):
        client.post("/accounts/login/", {"login": owner.email, "password": PASSWORD})
        page = client.get("/accounts/login/").content.decode()

    assert not is_signed_in(client)
    assert "Sign in with Acme" in page
    assert 'type="password"' not in page


def test_begin__provider_that_is_down__says_so(wanted: SingleSignOn, db: None) -> None:
    down = replace(wanted, issuer="http://127.0.0.1:9")

    with override_settings(SINGLE_SIGN_ON=down, SOCIALACCOUNT_PROVIDERS=down.make_providers()):
        answer = Client().post(BEGIN)

    assert "could not be reached" in answer.content.decode()


@pytest.mark.parametrize("path", [BEGIN, f"{BEGIN}callback/", "/accounts/oidc/other/login/", "/accounts/3rdparty/"])
def test_address__of_no_provider__is_not_there(path: str, db: None) -> None:
    client = Client()

    assert {client.get(path).status_code, client.post(path).status_code} <= {404, 405}
