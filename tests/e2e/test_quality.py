"""What holds for every page: accessible, within its budget, whole at 400 pixels, in light and dark."""

from __future__ import annotations

import json

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from observability.ingest.fingerprints import fingerprint_error
from observability.models import User
from observability.services.keys import NewKey
from tests.e2e.conftest import SignIn, StoreRecords
from tests.records import make_event, make_log

BUDGET_BYTES = 300 * 1024
GRAVE = {"serious", "critical"}
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
    "keys": "{base}/settings/keys/",
    "quickstart": "{base}/settings/quickstart/",
    "capture": "{base}/settings/capture/",
    "email": "/accounts/email/",
    "password": "/accounts/password/change/",
    "two-factor": "/accounts/2fa/",
    "sessions": "/accounts/sessions/",
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


def open_page(page: Page, name: str, base: str) -> None:
    page.goto(PAGES[name].format(base=base), wait_until="networkidle")
    expect(page.locator(".is-slow")).to_have_count(0)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_page__axe__finds_nothing_grave(
    name: str, theme: str, visit: SignIn, owner: User, base: str, something: None
) -> None:
    # axe runs inside the page, which the policy of our pages does not allow to anybody.
    page = visit(owner, theme=theme, bypass_csp=True).page
    open_page(page, name, base)

    found = Axe().run(page).response["violations"]

    grave = [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found if one["impact"] in GRAVE]
    assert grave == []


def test_sign_in__axe__finds_nothing_grave(visit: SignIn, store: None) -> None:
    page = visit(bypass_csp=True).page
    page.goto("/accounts/login/")

    found = Axe().run(page).response["violations"]

    assert [one["id"] for one in found if one["impact"] in GRAVE] == []


@pytest.mark.parametrize("name", PAGES)
def test_page__own_script_and_style__is_within_its_budget(
    name: str, visit: SignIn, owner: User, base: str, something: None
) -> None:
    page = visit(owner).page
    sizes: dict[str, int] = {}
    page.on(
        "response",
        lambda response: (
            sizes.update({response.url: len(response.body())})
            if "/static/css/" in response.url or "/static/js/" in response.url
            else None
        ),
    )

    open_page(page, name, base)

    assert sizes
    assert sum(sizes.values()) < BUDGET_BYTES


@pytest.mark.parametrize("name", PAGES)
def test_page__400_pixels__does_not_scroll_sideways(
    name: str, visit: SignIn, owner: User, base: str, something: None
) -> None:
    page = visit(owner, viewport={"width": 400, "height": 800}).page

    open_page(page, name, base)

    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_modules__are_served_under_hashed_names(visit: SignIn, owner: User, base: str, something: None) -> None:
    page = visit(owner).page
    urls: list[str] = []
    page.on("response", lambda response: urls.append(response.url) if "/static/js/" in response.url else None)

    open_page(page, "trace", base)

    assert len(urls) > 8
    assert [url for url in urls if url.rsplit("/", 1)[-1].count(".") != 2] == []
