"""Signing in through the organization's own provider, in Chromium: the policy of our pages holds all the way."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from observability.models import Project, User
from tests.e2e.conftest import SignIn, serve_site
from tests.oidc_provider import CLIENT_ID, SECRET, run_provider


def test_sign_in__through_the_provider__lands_where_the_person_wanted_to_go(
    visit: SignIn, site_data: Path, owner: User, project: Project, base: str, store: None
) -> None:
    with run_provider() as provider:
        provider.person = {"sub": "p-1", "email": owner.email, "email_verified": True}
        settings = {
            "PLAYHEAD_OIDC_ISSUER": provider.url,
            "PLAYHEAD_OIDC_CLIENT_ID": CLIENT_ID,
            "PLAYHEAD_OIDC_CLIENT_SECRET": SECRET,
            "PLAYHEAD_OIDC_NAME": "Acme",
        }
        with serve_site(site_data, **settings) as url:
            page = visit().page
            page.goto(f"{url}{base}/settings/keys/")
            page.get_by_role("button", name="Sign in with Acme").click()

            expect(page.get_by_role("heading", name="API keys")).to_be_visible()
            expect(page).to_have_url(f"{url}{base}/settings/keys/")
            page.get_by_role("button", name="Account").click()
            expect(page.get_by_role("heading", name=owner.email)).to_be_visible()
