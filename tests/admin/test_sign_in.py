from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from observability.models import Project, User
from tests.fixtures import PASSWORD


def _sign_in(client: Client, email: str, *, password: str = PASSWORD, next_url: str = "/admin/") -> None:
    client.post(f"{reverse('account_login')}?next={next_url}", {"login": email, "password": password})


@pytest.mark.parametrize("path", ["/admin/", "/admin/observability/apikey/", "/admin/login/"])
def test_admin__nobody_signed_in__leads_to_the_products_sign_in(client: Client, db: None, path: str) -> None:
    response = client.get(path, follow=True)

    assert response.redirect_chain[-1][0].startswith(reverse("account_login"))
    assert "next=/admin/" in response.redirect_chain[-1][0]


def test_admin__operator_signs_in__lands_where_they_wanted_to_go(client: Client, operator: User) -> None:
    response = client.post(
        f"{reverse('account_login')}?next=/admin/observability/apikey/",
        {"login": "Operator@Example.com", "password": PASSWORD, "next": "/admin/observability/apikey/"},
        follow=True,
    )

    assert response.redirect_chain[-1][0] == "/admin/observability/apikey/"
    assert response.status_code == 200


@pytest.mark.parametrize("person", ["owner", "teammate", "viewer", "stranger"])
@pytest.mark.parametrize("path", ["/admin/", "/admin/observability/project/", "/admin/login/"])
def test_admin__signed_in_but_no_staff__does_not_exist(
    client: Client, request: pytest.FixtureRequest, person: str, path: str
) -> None:
    client.force_login(request.getfixturevalue(person))

    assert client.get(path, follow=True).status_code == 404


def test_admin__next_leads_elsewhere__stays_here(client: Client, operator: User) -> None:
    client.force_login(operator)

    response = client.get("/admin/login/?next=https://evil.example/")

    assert response.headers["Location"] == "/admin/"


def test_admin__staff_without_permissions__sees_no_tenant(client: Client, stranger: User, project: Project) -> None:
    User.objects.filter(pk=stranger.pk).update(is_staff=True)
    client.force_login(stranger)

    front = client.get("/admin/")

    assert front.status_code == 200
    assert b"Organizations" not in front.content
    assert client.get("/admin/observability/project/").status_code == 403
    assert client.get(f"/admin/observability/project/{project.pk}/change/").status_code == 403


def test_admin__staff_may_view_keys_only__cannot_make_rotate_or_revoke(
    client: Client, stranger: User, api_key: object
) -> None:
    User.objects.filter(pk=stranger.pk).update(is_staff=True)
    stranger.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    client.force_login(stranger)
    key = api_key.key  # type: ignore[attr-defined]

    assert client.get(f"/admin/observability/apikey/{key.pk}/change/").status_code == 200
    assert client.get("/admin/observability/apikey/add/").status_code == 403
    assert client.post(f"/admin/observability/apikey/{key.pk}/revoke/").status_code in (403, 404)
    assert client.post(f"/admin/observability/apikey/{key.pk}/rotate/").status_code in (403, 404)
    key.refresh_from_db()
    assert key.state == "active"


@pytest.mark.parametrize(
    ("email", "password"), [("owner@example.com", "wrong"), ("nobody@example.com", PASSWORD), ("", "")]
)
def test_sign_in__wrong__stays_out(client: Client, owner: User, email: str, password: str) -> None:
    _sign_in(client, email, password=password)

    assert "_auth_user_id" not in client.session


def test_sign_in__right_password__is_in_until_signed_out(client: Client, owner: User) -> None:
    _sign_in(client, "owner@example.com")
    signed_in_as = client.session["_auth_user_id"]

    client.post(reverse("account_logout"))

    assert signed_in_as == str(owner.pk)
    assert "_auth_user_id" not in client.session


def test_sign_in__deactivated__stays_out(client: Client, owner: User) -> None:
    User.objects.filter(pk=owner.pk).update(is_active=False)

    _sign_in(client, "owner@example.com")

    assert "_auth_user_id" not in client.session


def test_sign_up__closed__makes_nobody(client: Client, db: None) -> None:
    client.post(reverse("account_signup"), {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD})

    assert not User.objects.exists()
