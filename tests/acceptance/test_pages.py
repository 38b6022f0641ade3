"""What real clients sent, as a person sees it in Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.acceptance.conftest import Send
from tests.acceptance.playhead import ROOT, LivePlayhead
from tests.e2e.conftest import CHROMIUM, CHROMIUM_ARGUMENTS, texts_of
from tests.e2e.visitor import Visitor
from tests.receiver import Receiver, read_attributes

pytestmark = pytest.mark.slow
PROJECT = "/o/kestrel-outdoor/p/acceptance"
# Tall enough to draw every row of a demo run at once.
VIEWPORT = {"width": 1400, "height": 3200}
ROWS = ".tl-row:not([hidden])"


@pytest.fixture(scope="module")
def demo_wire(send: Send) -> Receiver:
    return send("django", "demo", "--once", "--only", "otel").wire


@pytest.fixture(scope="module")
def page(live_playhead: LivePlayhead) -> Iterator[Page]:
    """A window signed in as the first person; at the end nothing may have gone wrong in it."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; name one in PLAYHEAD_TEST_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        opened = browser.new_page(base_url=live_playhead.url, viewport=VIEWPORT)  # type: ignore[arg-type]
        opened.set_default_timeout(20_000)
        visitor = Visitor(page=opened)
        opened.goto("/accounts/login/")
        opened.get_by_label("Email").fill(live_playhead.email)
        opened.get_by_label("Password").fill(live_playhead.password)
        opened.get_by_role("button", name="Sign in").click()
        expect(opened.get_by_role("button", name="Sign in")).to_have_count(0)
        yield opened
        browser.close()
    assert visitor.problems == []


def _find_root(wire: Receiver, workflow: str) -> str:
    roots = [span for span in wire.list_spans() if not span.parent_span_id]
    return next(span.trace_id.hex() for span in roots if read_attributes(span)["workflow.name"] == workflow)


@pytest.mark.parametrize("workflow", ["ticketTriage", "incidentResearch", "weeklyDigest"])
def test_trace_page__of_a_demo_run__shows_every_span_that_was_sent(
    page: Page, demo_wire: Receiver, workflow: str
) -> None:
    trace_id = _find_root(demo_wire, workflow)
    sent = [span for span in demo_wire.list_spans() if span.trace_id.hex() == trace_id]

    page.goto(f"{PROJECT}/traces/{trace_id}/")
    expect(page.locator(ROWS)).to_have_count(len(sent))

    assert Counter(texts_of(page, f"{ROWS} .tl-title")) == Counter(span.name for span in sent)
    expect(page.locator(f"{ROWS}.is-error")).to_have_count(sum(span.status.code == 2 for span in sent))


def test_trace_page__of_a_demo_run__shows_a_model_call_in_the_panel(page: Page, demo_wire: Receiver) -> None:
    trace_id = _find_root(demo_wire, "ticketTriage")
    chat = next(
        read_attributes(span)
        for span in demo_wire.list_spans()
        if span.trace_id.hex() == trace_id and span.name == "chat gpt-4o"
    )

    page.goto(f"{PROJECT}/traces/{trace_id}/")
    page.locator(f"{ROWS} .tl-title", has_text="chat gpt-4o").first.click()

    panel = page.locator(".side")
    expect(panel.locator("h2")).to_have_text("chat gpt-4o")
    expect(panel).to_contain_text(str(chat["gen_ai.usage.output_tokens"]))
    expect(panel).to_contain_text("You lead ticket triage at Kestrel Outdoor")


def test_traces_page__open_while_the_demo_sends__shows_its_runs_without_a_reload(
    page: Page, live_playhead: LivePlayhead
) -> None:
    page.goto(f"{PROJECT}/traces/")
    expect(page.locator("#filters")).to_be_visible()
    page.evaluate("window.isSame = true")

    with _start_demo(live_playhead) as demo:
        printed, _ = demo.communicate(timeout=120)
    sent = [line.split()[2] for line in printed.splitlines() if line.startswith(("sdk ", "otel "))]
    page.locator("#new-rows").click()

    for trace_id in sent:
        expect(page.locator(f'#traces a[href$="/traces/{quote(trace_id, safe=":")}/"]')).to_be_visible()
    assert page.evaluate("window.isSame")


def _start_demo(live_playhead: LivePlayhead) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "django", "demo", "--once", "--url", live_playhead.url, "--key", live_playhead.key]
    given = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    return subprocess.Popen(command, cwd=ROOT, env=given, stdout=subprocess.PIPE, text=True)
