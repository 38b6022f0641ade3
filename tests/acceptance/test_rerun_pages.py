"""The demo's agent, on the published Python SDK, triggered by clicks in Chromium; the page follows by itself."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.test_demo_reruns import CountingStandIn, client, refund, stand_in
from tests.acceptance.test_pages import PROJECT, page

pytestmark = pytest.mark.slow
API = "/api/observability"

__all__ = ["client", "page", "refund", "stand_in"]


def open_sheet(window: Page, trace_id: str) -> None:
    window.goto(f"{PROJECT}/traces/{trace_id}/")
    window.get_by_role("button", name="Rerun from here").click()
    expect(window.locator(".rr-plan")).not_to_be_empty()


def send(window: Page) -> int:
    """Press Rerun, and wait on the page of the rerun until it has come to its end; return its number."""
    window.locator("[data-rr=go]").click()
    window.wait_for_url("**/reruns/*/")
    window.evaluate("window.isSame = true")
    expect(window.locator(".rerun-title .status")).to_have_text("completed", timeout=60_000)
    assert window.evaluate("window.isSame")
    return int(window.url.rstrip("/").rpartition("/")[2])


def test_rerun__frozen_as_far_as_recorded__asks_no_model_and_the_page_says_so(
    page: Page, refund: dict[str, Any], stand_in: CountingStandIn, client: httpx.Client
) -> None:
    open_sheet(page, refund["trace_id"])
    asked = stand_in.requests["model"]

    number = send(page)

    assert stand_in.requests["model"] == asked
    report = client.get(f"{API}/triggers/{number}/fidelity").json()
    said = f"❄ {report['consumed']} from the recording · ▶ {report['live']} really happened"
    expect(page.locator("[data-part=fidelity] header")).to_contain_text(said)
    expect(page.locator("[data-part=output] .tag")).to_have_text("same as the source")


def test_rerun__dragged_to_the_start__really_asks_and_shows_both_side_by_side(
    page: Page, refund: dict[str, Any], stand_in: CountingStandIn, client: httpx.Client
) -> None:
    open_sheet(page, refund["trace_id"])
    strip = page.locator(".rr-strip").bounding_box()
    assert strip is not None
    y = strip["y"] + strip["height"] / 2
    asked = stand_in.requests["model"]

    page.mouse.move(strip["x"] + strip["width"] - 2, y)
    page.mouse.down()
    page.mouse.move(strip["x"] - 5, y, steps=5)
    page.mouse.up()
    expect(page.locator('.rr-call[data-state="frozen"]')).to_have_count(0)
    number = send(page)

    assert stand_in.requests["model"] > asked
    report = client.get(f"{API}/triggers/{number}/fidelity").json()
    assert (report["consumed"], report["live"] > 1) == (0, True)
    expect(page.locator(".cmp-row[data-at]:not([hidden])").first).to_be_visible()
    expect(page.locator(".rr-cell.is-live")).to_have_count(report["live"])


def test_step__of_a_tool__runs_again_with_a_click(page: Page, refund: dict[str, Any], client: httpx.Client) -> None:
    events = client.get(f"{API}/traces/{refund['trace_id']}/events").json()["items"]
    tool = next(event for event in events if event["kind"] == "tool")

    page.goto(f"{PROJECT}/traces/{refund['trace_id']}/?event={tool['span_id']}")
    page.locator(".side").get_by_role("button", name="Rerun step").click()
    expect(page.locator(".rr-plan")).to_contain_text(f"1 call really happens: {tool['name']}.")
    number = send(page)

    (run,) = client.get(f"{API}/triggers/{number}").json()["runItems"]
    assert (run["status"], run["ok"]) == ("completed", True)


def test_portal_task__step_with_another_input__is_sent_with_a_click_and_answered_on_the_page(
    page: Page, refund: dict[str, Any], client: httpx.Client
) -> None:
    events = client.get(f"{API}/traces/{refund['trace_id']}/events").json()["items"]
    policy = next(event for event in events if event["name"] == "refund_policy")

    page.goto(f"{PROJECT}/traces/{refund['trace_id']}/?event={policy['span_id']}")
    page.locator(".side").get_by_role("button", name="Rerun step").click()
    expect(page.locator(".rr-plan")).not_to_be_empty()
    page.get_by_label("Input as JSON").fill('{"country": "NL"}')
    number = send(page)

    done = client.get(f"{API}/triggers/{number}").json()
    (run,) = done["runItems"]
    assert (done["mode"], run["ok"], run["output"]["country"]) == ("portal", True, "NL")
    expect(page.locator("[data-part=output]")).to_contain_text("NL")
