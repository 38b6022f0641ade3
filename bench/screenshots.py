"""Make the pictures of the guide anew: `manage.py bench screenshots [NAME ...]` writes `docs/images/`.

Starts the product with the demo's agents on an empty data folder, adds two days of a returns desk (`_story.py`), waits
until the agents have sent something of every kind, and photographs the pages in Chromium (PLAYHEAD_TEST_CHROMIUM, else
`/usr/bin/chromium`). The main pages are also taken in dark colours, as `NAME-dark.png`.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Error, Page, TimeoutError, sync_playwright

from bench._png import encode_png
from bench._product import ROOT, run_product
from bench._story import ASKED_TWICE, list_requests

IMAGES = ROOT / "docs" / "images"
CHROMIUM = os.environ.get("PLAYHEAD_TEST_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
READ_PIXELS = """async (picture) => {
  const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${picture}`)).blob());
  const drawing = new OffscreenCanvas(image.width, image.height).getContext("2d");
  drawing.drawImage(image, 0, 0);
  const pixels = new Blob([drawing.getImageData(0, 0, image.width, image.height).data]);
  const reader = new FileReader();
  return new Promise((done) => {
    reader.onload = () => done(reader.result.split(",")[1]);
    reader.readAsDataURL(pixels);
  });
}"""
WIDTH, HEIGHT = 1280, 800
EMAIL = "maeve@kestrel.example"
FIRST_RUN = {
    "PLAYHEAD_INIT_ORGANIZATION": "Kestrel Outdoor",
    "PLAYHEAD_INIT_PROJECT": "Customer desk",
    "PLAYHEAD_ADMIN_EMAIL": EMAIL,
}
PROJECT = "/o/kestrel-outdoor/p/customer-desk"
LONGEST_WAIT = 180.0
TRIAGE = "workflow:ticketTriage errors>0 status:ok ended:*"
REFUND = "workflow:refundRequest status:ok output_tokens>0"
ASKED_AGAIN = f"workflow:returnsAssistant user:{ASKED_TWICE}"


@dataclass(frozen=True)
class Site:
    """The running product, and what reads its API."""

    url: str
    password: str
    api: httpx.Client

    def address(self, path: str) -> str:
        """Return the address of a page of the project."""
        return f"{self.url}{PROJECT}/{path}"

    def find_traces(self, query: str) -> list[str]:
        """Return the ids of the newest traces that a query finds."""
        answer = self.api.get("traces", params={"q": query, "limit": 20}).raise_for_status()
        return [item["trace_id"] for item in answer.json()["items"]]

    def list_events(self, trace_id: str) -> list[dict[str, Any]]:
        """Return the first events of a trace."""
        answer = self.api.get(f"traces/{trace_id}/events", params={"limit": 500}).raise_for_status()
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def find_event(self, trace_id: str, name: str) -> str:
        """Return the last event of this name in a trace."""
        found = [item["span_id"] for item in self.list_events(trace_id) if item["name"] == name]
        return str(found[-1])


Take = Callable[[Page, Site], None]


def settle(page: Page) -> None:
    """Wait until the page has what it asked for, and a little longer for what it draws."""
    with suppress(TimeoutError):
        page.wait_for_load_state("networkidle", timeout=6000)
    page.mouse.move(0, 0)
    page.wait_for_timeout(700)


def take_overview(page: Page, site: Site) -> None:
    page.goto(site.address("overview/"))


def take_traces(page: Page, site: Site) -> None:
    page.goto(site.address("traces/?q=workflow:returnsAssistant,ticketTriage+cost>0.001&range=24h"))


def take_completion(page: Page, site: Site) -> None:
    page.goto(site.address("traces/?q=workflow:returnsAssistant&range=24h"))
    settle(page)
    page.locator("#q").press("End")
    page.locator("#q").press_sequentially(" user:", delay=30)
    page.locator("#completions li").first.wait_for()


def take_trace(page: Page, site: Site) -> None:
    trace_id = site.find_traces(TRIAGE)[-1]
    event = site.find_event(trace_id, "chat gpt-4o-mini")
    page.goto(site.address(f"traces/{trace_id}/?event={event}"))
    settle(page)
    page.get_by_role("button", name="Critical path").click()


def take_playhead(page: Page, site: Site) -> None:
    page.goto(site.address(f"traces/{site.find_traces(TRIAGE)[-1]}/?t=700"))


def take_flow(page: Page, site: Site) -> None:
    page.goto(site.address(f"traces/{site.find_traces(TRIAGE)[-1]}/?tab=flow"))


def take_log(page: Page, site: Site) -> None:
    page.goto(site.address(f"traces/{site.find_traces(TRIAGE)[-1]}/?tab=log"))


def take_payload(page: Page, site: Site) -> None:
    trace_id = site.find_traces(ASKED_AGAIN)[0]
    event = site.find_event(trace_id, "answer")
    page.goto(site.address(f"traces/{trace_id}/?tab=payload&payload={event}&field=input"))
    settle(page)
    page.get_by_role("button", name="Wrap").click()


def take_compare(page: Page, site: Site) -> None:
    after, before = site.find_traces(ASKED_AGAIN)
    page.goto(site.address(f"compare/?left={before}&right={after}"))
    settle(page)
    page.keyboard.press("f")
    page.keyboard.press("Enter")


def open_sheet(page: Page, site: Site, query: str) -> None:
    """Open the sheet over a trace, with the playhead before its model call."""
    trace_id = site.find_traces(query)[0]
    call = next(event for event in site.list_events(trace_id) if event["kind"] == "ai")
    page.goto(site.address(f"traces/{trace_id}/?event={call['span_id']}"))
    settle(page)
    page.locator(".side").get_by_role("button", name="Rerun from here").click()
    page.locator(".rr-plan p").first.wait_for()


def take_rerun_sheet(page: Page, site: Site) -> None:
    open_sheet(page, site, REFUND)


def take_rerun(page: Page, site: Site) -> None:
    page.goto(site.address("reruns/"))
    page.locator("#reruns tbody a").first.click()
    page.locator(".rr-cell").first.wait_for()


def take_forks(page: Page, site: Site) -> None:
    page.goto(site.address("reruns/"))
    page.locator("#reruns .c-source a").first.click()
    page.get_by_role("tab", name="Reruns").click()
    page.locator(".fork").nth(2).wait_for()


def take_reruns(page: Page, site: Site) -> None:
    page.goto(site.address("reruns/"))


def take_steps(page: Page, site: Site) -> None:
    page.goto(site.address("steps/?range=24h"))


def take_prompt(page: Page, site: Site) -> None:
    page.goto(site.address("steps/?range=7d&kind=prompt&text=returns-policy&order=last"))
    page.locator("#steps tbody a").first.click()
    settle(page)
    page.locator("#prompt-title").evaluate("title => window.scrollTo(0, title.getBoundingClientRect().top - 90)")


def take_debug(page: Page, site: Site) -> None:
    page.goto(site.address("debug/"))
    page.locator("main a:has-text('Debug')").first.click()
    page.locator(".dbg-line").first.wait_for()
    # Stack traces name files of the machine that makes the pictures.
    page.goto(f"{page.url}?filter=-message:Traceback")
    page.locator(".level-error").first.wait_for(timeout=LONGEST_WAIT * 1000)


def take_errors(page: Page, site: Site) -> None:
    page.goto(site.address("errors/"))


def take_error(page: Page, site: Site) -> None:
    page.goto(site.address("errors/"))
    page.get_by_role("link", name="send_reply").first.click()


def take_ingest(page: Page, site: Site) -> None:
    page.goto(site.address("ingest/"))


def take_members(page: Page, site: Site) -> None:
    page.goto(site.address("settings/members/"))


def take_capture(page: Page, site: Site) -> None:
    page.goto(site.address("settings/capture/"))
    text = '{"order": "KO-20145", "iban": "IE29 AIBK 9311 5212 3456 78", "password": "Rid9eline-7"}'
    page.get_by_label("JSON or text").fill(text)
    page.locator(".try-form select").select_option("pattern")
    page.locator(".try-form input[name$=value]").fill(r"[A-Z]{2}\d\d( ?[A-Z0-9]{2,4}){4,}")
    page.get_by_role("button", name="Try", exact=True).click()
    settle(page)
    page.locator("#try").evaluate("section => window.scrollTo(0, section.getBoundingClientRect().top - 70)")


def take_where(page: Page, site: Site) -> None:
    page.goto(site.address(f"settings/where/?id={site.find_traces(ASKED_AGAIN)[0]}"))


def take_coverage(page: Page, site: Site) -> None:
    page.goto(site.address("settings/coverage/"))


def take_account(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/account/")


def take_admin(page: Page, site: Site) -> None:
    page.goto(f"{site.url}/admin/")


def take_palette(page: Page, site: Site) -> None:
    page.goto(site.address("traces/?q=workflow:returnsAssistant"))
    settle(page)
    page.keyboard.press("Control+k")
    page.locator("dialog[open] input").wait_for()
    page.keyboard.type("er", delay=30)


PICTURES: dict[str, Take] = {
    "overview": take_overview,
    "traces": take_traces,
    "completion": take_completion,
    "trace": take_trace,
    "playhead": take_playhead,
    "flow": take_flow,
    "log": take_log,
    "payload": take_payload,
    "compare": take_compare,
    "rerun-sheet": take_rerun_sheet,
    "rerun": take_rerun,
    "forks": take_forks,
    "reruns": take_reruns,
    "steps": take_steps,
    "prompt": take_prompt,
    "debug": take_debug,
    "errors": take_errors,
    "error": take_error,
    "ingest": take_ingest,
    "members": take_members,
    "capture": take_capture,
    "where": take_where,
    "coverage": take_coverage,
    "account": take_account,
    "admin": take_admin,
    "palette": take_palette,
}
ALSO_DARK = ("overview", "traces", "trace", "playhead", "flow", "compare", "rerun-sheet", "rerun", "debug")


def seed(site: Site) -> None:
    """Send what the demo lacks: two days before now, and a few items that are refused."""
    for request in list_requests(now_ns=time.time_ns()):
        headers = {"content-type": "application/x-protobuf"}
        site.api.post(f"{site.url}/v1/traces", content=request.SerializeToString(), headers=headers).raise_for_status()
    events: list[dict[str, Any]] = [
        {"id": 1, "type": "tool", "name": "print_label", "traceId": "returns::1::a", "timestamp": "yesterday"},
        {"id": 2, "type": "tool", "name": "print_label", "timestamp": 1_760_000_000_000},
    ]
    site.api.post("events", json={"sessionId": "returns", "events": events})


def wait_for_demo(site: Site) -> None:
    """Wait until the demo's agents have sent what the pictures show."""
    end = time.monotonic() + LONGEST_WAIT
    while time.monotonic() < end:
        if (
            site.find_traces(TRIAGE)
            and site.find_traces(REFUND)
            and len(site.find_traces("-workflow:returnsAssistant -status:running")) == 20
        ):
            return
        time.sleep(3)
    raise SystemExit("The demo's agents did not send enough to photograph.")


def sign_in(browser: Browser, site: Site) -> Any:
    """Return the state of a browser in which the first administrator is signed in."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/accounts/login/")
    page.locator("input[name=login]").fill(EMAIL)
    page.locator("input[name=password]").fill(site.password)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/accounts/" not in url)
    return context.storage_state()


def prepare_pages(page: Page, site: Site) -> None:
    """Do by hand what only people can: an invitation and a saved view."""
    page.goto(site.address("settings/members/"))
    page.get_by_role("button", name="Invite").first.click()
    page.locator("#invite input[name$=email]").fill("jonas@kestrel.example")
    page.locator("#invite button[type=submit]").click()
    page.locator(".secret").wait_for()
    page.goto(site.address("traces/?q=status:error+workflow:returnsAssistant&range=7d"))
    page.get_by_role("button", name="Views").click()
    page.get_by_role("button", name="Save as a new view").click()
    page.locator("#view-form [name=name]").fill("Failed returns")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Failed returns").wait_for()
    for count in ("1", "3"):
        rerun_refund(page, site, count=count)


def rerun_refund(page: Page, site: Site, *, count: str) -> None:
    """Run a refund again with its model call for real, and wait for the end and the checks."""
    open_sheet(page, site, REFUND)
    page.get_by_label("Run", exact=True).fill(count)
    page.get_by_label("Check the answers").select_option("same_as_original")
    page.get_by_label("Check the answers").select_option("latency-budget")
    page.locator("[data-rr=go]").click()
    page.locator(".rr-outcome .status:is(.ok, .error)").nth(1).wait_for(timeout=90_000)


def take_pictures(site: Site, names: list[str], *, folder: Path) -> list[str]:
    """Photograph the pages called by these names, the main ones in dark colours too; return what failed."""
    failed: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        state = sign_in(browser, site)
        with browser.new_context(storage_state=state) as context:
            prepare_pages(context.new_page(), site)
        for name in names:
            for is_dark in (False, True) if name in ALSO_DARK else (False,):
                file = folder / f"{name}{'-dark' if is_dark else ''}.png"
                try:
                    file.write_bytes(take_picture(browser, site, PICTURES[name], state=state, is_dark=is_dark))
                    sys.stderr.write(f"{file.name}\n")
                except Error as error:
                    failed.append(file.name)
                    sys.stderr.write(f"{file.name} failed: {error}\n")
        browser.close()
    return failed


def take_picture(browser: Browser, site: Site, take: Take, *, state: Any, is_dark: bool) -> bytes:
    """Return one page as it looks to somebody who is signed in, as PNG."""
    with browser.new_context(
        storage_state=state,
        viewport={"width": WIDTH, "height": HEIGHT},
        color_scheme="dark" if is_dark else "light",
        timezone_id="Europe/Dublin",
    ) as context:
        page = context.new_page()
        take(page, site)
        settle(page)
        picture = base64.b64encode(page.screenshot()).decode()
        page.goto("about:blank")
        return encode_png(base64.b64decode(page.evaluate(READ_PIXELS, picture)), width=WIDTH, height=HEIGHT)


def main() -> None:
    """Run the product, fill it, photograph it."""
    parser = argparse.ArgumentParser(prog="manage.py bench screenshots", description=__doc__)
    parser.add_argument("name", nargs="*", metavar="NAME", help="only these")
    names = parser.parse_args().name or list(PICTURES)
    password = secrets.token_urlsafe(16)
    with run_product(environment=FIRST_RUN | {"PLAYHEAD_ADMIN_PASSWORD": password}, is_demo=True) as product:
        headers = {"Authorization": f"Bearer {product.api_key}"}
        with httpx.Client(base_url=f"{product.url}/api/observability/", headers=headers, timeout=60) as api:
            site = Site(url=product.url, password=password, api=api)
            seed(site)
            wait_for_demo(site)
            IMAGES.mkdir(exist_ok=True)
            failed = take_pictures(site, names, folder=IMAGES)
    if failed:
        raise SystemExit(f"Not taken: {', '.join(failed)}.")


if __name__ == "__main__":
    main()
