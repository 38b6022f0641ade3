"""What holds for every page: accessible, within its budget, whole at 400 pixels, in light and dark."""

from __future__ import annotations

import json

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, ViewportSize, expect

from observability.ingest.fingerprints import fingerprint_error
from observability.models import Organization, Role, User
from observability.services.invitations import invite
from observability.services.keys import NewKey
from tests.e2e.conftest import SignIn, StoreRecords
from tests.records import make_event, make_log

BUDGET_BYTES = 300 * 1024
GRAVE = {"serious", "critical"}
PHONE: ViewportSize = {"width": 400, "height": 800}
OWN_BYTES = """performance.getEntriesByType("resource").filter(({ name }) => /\\/static\\/(css|js)\\//.test(name))
    .reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0)"""
FOR_ANYBODY = ("sign-in", "new-person", "forgotten")
ERROR = fingerprint_error("ai", "gpt-4o", "broke")[0]
PAGES = {
    "overview": "{base}/overview/",
    "errors": "{base}/errors/",
    "error": f"{{base}}/errors/{ERROR}/",
    "ingest": "{base}/ingest/",
    "traces": "{base}/traces/",
    "no-match": "{base}/traces/?q=nothinghasthisword",
    "trace": "{base}/traces/t-1/?event=call",
    "compare": "{base}/compare/?left=t-1&right=t-2",
    "flow": "{base}/traces/t-1/?tab=flow",
    "log": "{base}/traces/t-1/?tab=log",
    "steps": "{base}/steps/",
    "step": "{base}/steps/workflow/chat/",
    "reruns": "{base}/reruns/",
    "reruns-tab": "{base}/traces/t-1/?tab=reruns",
    "sdk-sessions": "{base}/sdk-sessions/",
    "debug": "{base}/debug/",
    "keys": "{base}/settings/keys/",
    "quickstart": "{base}/settings/quickstart/",
    "capture": "{base}/settings/capture/",
    "coverage": "{base}/settings/coverage/",
    "members": "{base}/settings/members/",
    "where": "{base}/settings/where/?id=t-1",
    "project": "{base}/settings/project/",
    "organization": "{base}/settings/organization/",
    "profile": "/account/",
    "email": "/accounts/email/",
    "password": "/accounts/password/change/",
    "two-factor": "/accounts/2fa/",
    "sessions": "/accounts/sessions/",
    "invitation": "/invitations/{token}/",
    "new-person": "/invitations/{token}/",
    "sign-in": "/accounts/login/",
    "forgotten": "/accounts/password/reset/",
}


@pytest.fixture
def something(keep: StoreRecords, api_key: NewKey) -> None:
    """A run with a call, an error and a log record."""
    keep(
        make_event("t-1", "root", name="chat", lasts=None, tags=("beta",), session_id="s-1", user_id="u-1"),
        make_event(
            "t-1",
            "call",
            name="gpt-4o",
            kind="ai",
            model="gpt-4o",
            parent_span_id="root",
            status="error",
            error_message="broke",
            input=json.dumps({"messages": [{"role": "user", "content": "Hi"}], "temperature": 0}).encode(),
        ),
        make_event("t-1", "orphan", parent_span_id="nowhere", at=2),
        make_log("t-1", "line", at=1),
        make_event("t-2", name="done", at=-5),
    )


@pytest.fixture
def invited(organization: Organization, owner: User) -> str:
    """The token of an open invitation."""
    sent = invite(
        organization=organization,
        email="new@example.com",
        role=Role.VIEWER,
        invited_by=owner,
        acting_role=Role.OWNER,
    )
    return sent.link.rstrip("/").rpartition("/")[2]


def find_grave(page: Page, *only: str) -> list[tuple[str, list[str]]]:
    """Return what axe holds against the page: everything it knows, targets of 24 pixels included, or some rules."""
    options = {"runOnly": list(only)} if only else {"rules": {"target-size": {"enabled": True}}}
    found = Axe().run(page, options={"resultTypes": ["violations"], **options}).response["violations"]
    return [
        (one["id"], [f"{node['html'][:160]} {node['failureSummary']}" for node in one["nodes"]])
        for one in found
        if one["impact"] in GRAVE
    ]


@pytest.mark.parametrize("name", PAGES)
def test_page__in_both_themes_and_on_a_phone__is_accessible_whole_and_light(
    name: str, visit: SignIn, owner: User, base: str, invited: str, something: None
) -> None:
    """One visit for all of it, since a visit is what takes the time."""
    page = visit(None if name in FOR_ANYBODY else owner).page

    page.goto(PAGES[name].format(base=base, token=invited), wait_until="networkidle")
    expect(page.locator(".is-slow")).to_have_count(0)
    own = page.evaluate(OWN_BYTES)
    in_light = find_grave(page)
    page.emulate_media(color_scheme="dark")
    in_dark = find_grave(page, "color-contrast")
    page.set_viewport_size(PHONE)
    on_a_phone = find_grave(page, "target-size")

    assert (in_light, in_dark, on_a_phone) == ([], [], [])
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert 0 < own < BUDGET_BYTES


def test_modules__are_served_under_hashed_names(visit: SignIn, owner: User, base: str, something: None) -> None:
    page = visit(owner).page
    urls: list[str] = []
    page.on("response", lambda response: urls.append(response.url) if "/static/js/" in response.url else None)

    page.goto(f"{base}/traces/t-1/?event=call", wait_until="networkidle")

    assert len(urls) > 8
    assert [url for url in urls if url.rsplit("/", 1)[-1].count(".") != 2] == []
