"""The frame without a browser: preferences, where the palette and the switcher lead."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from observability.models import Project, User
from observability.pages.settings.frame import GROUPS


@pytest.fixture
def client(owner: User) -> Client:
    signed_in = Client()
    signed_in.force_login(owner)
    return signed_in


def read_places(client: Client) -> dict[str, Any]:
    page = client.get("/account/").content.decode()
    found = re.search(r'<script id="palette-data" type="application/json">(.*?)</script>', page)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


@pytest.mark.parametrize(
    ("name", "value"),
    [("theme", "dark"), ("density", "comfortable"), ("time_zone", "Asia/Kathmandu"), ("shortcuts", "off")],
)
def test_preferences__one_that_can_be_chosen__is_kept(client: Client, owner: User, name: str, value: str) -> None:
    answer = client.post("/preferences/", {name: value})

    owner.refresh_from_db()
    assert (answer.status_code, getattr(owner, name)) == (204, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("theme", "density", "shortcuts") for value in ("", "Dark", "dark ", "\x00")),
        *(("time_zone", value) for value in ("Mars/Olympus", "../etc/passwd", "x" * 5000)),
    ],
)
def test_preferences__wrong_value__is_refused_naming_it_and_keeps_nothing(
    client: Client, owner: User, name: str, value: str
) -> None:
    answer = client.post("/preferences/", {"theme": "light", "density": "comfortable", name: value})

    owner.refresh_from_db()
    assert answer.status_code == 400
    assert answer.content.decode().startswith(f"{name}: ")
    assert (owner.theme, owner.density) == ("system", "compact")


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"theme": "dark"}, 204), ({"theme": "pink"}, 400), ({"density": "compact"}, 400), ({}, 400)],
)
def test_preferences__nobody_signed_in__may_choose_the_theme_alone(
    db: None, fields: dict[str, str], status: int
) -> None:
    answer = Client().post("/preferences/", fields)

    assert answer.status_code == status
    assert ("theme" in answer.cookies) == (status == 204)


def test_shortcuts__switched_off__is_said_on_every_page(client: Client, owner: User) -> None:
    before = client.get("/account/").content.decode()
    client.post("/preferences/", {"shortcuts": "off"})
    after = client.get("/account/").content.decode()

    assert 'data-shortcuts="off"' not in before
    assert 'data-shortcuts="off"' in after
    assert "You have switched single keys off" in after


def test_palette__places__are_every_settings_page_and_all_of_them_open(client: Client, project: Project) -> None:
    client.get(reverse("observability:overview", args=["acme", "support-desk"]))

    data = read_places(client)

    urls = {place["url"] for place in data["places"]}
    wanted = {
        reverse(f"observability:settings-{name}", args=["acme", "support-desk"])
        for _, pages in GROUPS
        for name, _ in pages
    }
    assert wanted <= urls
    assert {client.get(url, follow=True).status_code for url in urls} == {200}
    assert (data["project"], bool(data["jump_url"]), bool(data["views_url"])) == (project.pk, True, True)


def test_palette__stranger__knows_no_place_of_the_project(stranger: User, project: Project) -> None:
    client = Client()
    client.force_login(stranger)

    data = read_places(client)

    assert "support-desk" not in json.dumps(data)
    assert data["project"] is None


def test_switcher__another_project__leads_to_its_overview(client: Client, project: Project) -> None:
    page = client.get("/account/").content.decode()

    assert '<a href="/o/acme/p/support-desk/overview/"' in page
    assert "in Administration" not in page


def test_account_menu__operator__leads_to_the_project_in_admin(operator: User, project: Project) -> None:
    client = Client()
    client.force_login(operator)
    operator.memberships.create(organization=project.organization, role="owner")

    page = client.get(f"/o/acme/p/{project.slug}/overview/").content.decode()

    assert f'href="/admin/observability/project/{project.pk}/change/"' in page
