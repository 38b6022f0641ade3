"""The timeline's instruments in Chromium: where time went, zoom, search, playhead; by keys, and kept in the address."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page, expect

from observability.ingest.records import EventRecord, Usage
from observability.models import User
from tests.e2e.conftest import SignIn, StoreRecords, expect_texts
from tests.e2e.test_trace_page import ROWS, TRACE, make_run, open_trace
from tests.records import make_event

ANALYSE = """async (events) => {
  const address = document.querySelector("script[src*='js/trace']").src.replace(/trace[^/]*$/, "trace/");
  const [{ TraceStore }, analysis] = await Promise.all(
    ["store.js", "analysis.js"].map((name) => import(address + name)));
  const store = new TraceStore();
  store.add(events.map(([span_id, parent_span_id, started_at, ended_at, status = "ok"], id) => (
    { id: id + 1, span_id, parent_span_id, name: span_id, kind: "tool", status, started_at, ended_at })));
  store.rebuild();
  const nameAll = (pairs) => Object.fromEntries(Array.from(pairs, ([index, found]) => [store.spanIds[index], found]));
  return {
    path: nameAll(analysis.findCriticalPath(store, 100)),
    self: nameAll(Array.from(store.walk, (index) => [index, analysis.findSelfTime(store, index, 100).sum])),
    boundaries: [...analysis.listBoundaries(store)],
    errors: [...analysis.listBoundaries(store, { isErrorsOnly: true })],
  };
}"""


def analyse(page: Page, *events: tuple[object, ...]) -> dict[str, Any]:
    """Return what the page's own modules make of events `(span, parent, start, end, status)` in microseconds."""
    found: dict[str, Any] = page.evaluate(ANALYSE, [list(event) for event in events])
    return found


FLING = """async () => {
  const scroller = document.querySelector("[role=treegrid]");
  const counts = [];
  for (let step = 1; step <= 6; step++) {
    scroller.scrollTop += 600;
    await new Promise(requestAnimationFrame);
    await new Promise((done) => setTimeout(done));
    counts.push(document.querySelectorAll(".tl-row.is-brief:not([hidden])").length);
  }
  return counts;
}"""


def make_long_run() -> list[EventRecord]:
    """Return the run, with forty steps after it of which one failed."""
    steps = (
        make_event(
            TRACE,
            f"s{number:02}",
            name=f"step {number}",
            parent_span_id="root",
            at=8 + number / 40,
            lasts=0.02,
            status="error" if number == 30 else "ok",
        )
        for number in range(40)
    )
    return [*make_run(), *steps]


def test_analysis__hand_computed_cases__path_self_time_and_boundaries(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*make_run())
    page = visit(owner).page
    open_trace(page, base)

    parallel = analyse(page, ("r", "", 0, 10), ("a", "r", 1, 4), ("b", "r", 2, 8), ("c", "r", 8, 9))
    nested = analyse(page, ("r", "", 0, 20), ("a", "r", 2, 12), ("b", "a", 3, 7), ("c", "a", 8, 30), ("d", "r", 12, 18))
    running = analyse(page, ("r", "", 0, None, "running"), ("a", "r", 10, 40), ("b", "r", 30, None, "running"))
    roots = analyse(page, ("a", "", 0, 5, "error"), ("b", "", 3, 9), ("lost", "gone", 10, 20))
    circle = analyse(page, ("a", "b", 0, 5), ("b", "a", 1, 4), ("c", "c", 5, 9))

    # b held r up from 2 to 8, c from 8 to 9; a ended before b and held up nobody.
    assert parallel["path"] == {"r": [9, 10, 0, 2], "c": [8, 9], "b": [2, 8]}
    assert parallel["self"] == {"r": 2, "a": 3, "b": 6, "c": 1}
    assert parallel["boundaries"] == [0, 1, 2, 4, 8, 8, 9, 10]
    # c outlives its parent: only what lies within counts.
    assert nested["path"] == {"r": [18, 20, 0, 2], "d": [12, 18], "a": [7, 8, 2, 3], "c": [8, 12], "b": [3, 7]}
    assert nested["self"] == {"r": 4, "a": 2, "b": 4, "c": 22, "d": 6}
    # Until now, 100: b still runs, and a overlaps it.
    assert running["path"] == {"r": [0, 30], "b": [30, 100]}
    assert running["self"] == {"r": 10, "a": 30, "b": 70}
    assert {name: path for name, path in roots["path"].items() if path} == {"lost": [10, 20], "b": [3, 9]}
    assert roots["errors"] == [5]
    assert circle["path"]["c"] == [5, 9]


def test_timeline__self_time_and_critical_path__are_marked(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*make_run())
    page = visit(owner).page
    open_trace(page, base)

    expect_texts(page, f"{ROWS} .tl-self", ["self 4 s", "self 2 s", "", ""])
    page.keyboard.press("c")

    # The root's own end, the planner, and within it the call, then the tool that waited for nothing else.
    expect(page.get_by_role("button", name="Critical path")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(f"{ROWS}.is-off-path")).to_have_count(0)
    page.keyboard.press("c")
    expect(page.get_by_role("button", name="Critical path")).to_have_attribute("aria-pressed", "false")


def test_zoom__keys_wheel_and_brush__are_kept_in_the_address(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*make_run())
    page = visit(owner).page
    open_trace(page, base)
    ruler = page.locator(".tl-ruler").bounding_box()
    assert ruler is not None

    page.mouse.move(ruler["x"] + ruler["width"] * 0.2, ruler["y"] + 10)
    page.mouse.down()
    page.mouse.move(ruler["x"] + ruler["width"] * 0.5, ruler["y"] + 10, steps=4)
    page.mouse.up()

    expect(page.locator(".timeline")).to_have_class("timeline is-zoomed")
    page.wait_for_url("**z=*")
    called = page.locator(f"{ROWS} .tl-bar").nth(2).bounding_box()
    assert called is not None
    assert abs(called["width"] / ruler["width"] - 1) < 0.05
    address = page.url
    page.reload()
    expect(page.locator(".timeline")).to_have_class("timeline is-zoomed")
    expect(page).to_have_url(address)
    page.keyboard.press("0")
    expect(page.locator(".timeline")).to_have_class("timeline")
    page.keyboard.press("+")
    expect(page.locator(".timeline")).to_have_class("timeline is-zoomed")


def test_search__by_keys__counts_walks_and_shows_only_matches(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*make_long_run())
    page = visit(owner).page
    open_trace(page, base)

    page.keyboard.press("/")
    page.keyboard.type("status:error")
    expect(page.locator("[data-find-count]")).to_have_text("2")
    page.keyboard.press("Enter")
    expect(page.locator("[data-find-count]")).to_have_text("1 of 2")
    page.keyboard.press("Enter")
    expect(page.locator(f"{ROWS}.is-active .tl-title")).to_have_text("step 30")
    page.keyboard.press("Shift+Enter")
    expect(page.locator(f"{ROWS}.is-active .tl-title")).to_have_text("look_up_order")
    page.get_by_role("button", name="Show only matches").click()

    expect(page.locator(f"{ROWS} .tl-title")).to_have_text(["chat", "planner", "look_up_order", "step 30"])
    page.get_by_label("Search within the trace").fill("tomorrow")
    expect(page.locator(f"{ROWS} .tl-title")).to_have_text(["chat", "planner", "gpt-4o"])
    page.get_by_label("Search within the trace").press("Escape")
    expect(page.get_by_role("treegrid")).to_have_attribute("aria-rowcount", "44")


def test_rows__flung_past__are_brief_and_then_whole(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    steps = [make_event(TRACE, f"s{number:03}", name=f"step {number}", parent_span_id="root") for number in range(400)]
    keep(*make_run(), *steps)
    page = visit(owner).page
    open_trace(page, base)

    brief = page.evaluate(FLING)

    assert brief[0] == 0, "one leap, as to the end, is no fling"
    assert brief[-1] > 0
    expect(page.locator(f"{ROWS}.is-brief")).to_have_count(0)
    middle = page.locator(ROWS).nth(12)
    expect(middle.locator(".tl-duration")).to_have_text("1 s")
    expect(middle.locator(".tl-duration")).to_be_visible()
    expect(middle.locator(".tl-title")).to_have_attribute("title", middle.locator(".tl-title").inner_text())


def test_rows__first_click_after_scrolling__opens_what_is_under_the_pointer(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(*make_long_run())
    page = visit(owner).page
    open_trace(page, base)
    # Half of the first row is out of sight: bringing it into view would move the row under the pointer away.
    page.evaluate("document.querySelector('[role=treegrid]').scrollTop = 14")
    row = page.locator(ROWS).filter(has_text="step 3").first
    expect(row).to_be_in_viewport()
    box = row.bounding_box()
    assert box is not None

    page.mouse.click(box["x"] + 200, box["y"] + 3)

    expect(page.locator(".side h2")).to_have_text("step 3")


def test_playhead__by_keys__walks_events_and_tells_the_state(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    call = make_event(
        TRACE,
        "call",
        name="gpt-4o",
        kind="ai",
        parent_span_id="root",
        at=2,
        lasts=3,
        input=json.dumps({"messages": [{"role": "user", "content": "Where is my order?"}]}).encode(),
        output=b'"It arrives tomorrow."',
        usage=Usage(input=1000, output=50, total=1050),
        cost_micros=1234,
    )
    failed = make_event(TRACE, "tool", name="look_up_order", parent_span_id="root", at=6, lasts=1, status="error")
    keep(make_event(TRACE, "root", name="chat", lasts=10), call, failed)
    page = visit(owner).page
    open_trace(page, base)
    state = page.get_by_role("region", name="State at the playhead")

    page.keyboard.press("]")
    page.keyboard.press("]")

    expect(page.get_by_role("slider", name="Playhead")).to_have_attribute("aria-valuetext", "+2.000s")
    expect(page.locator(f"{ROWS}.is-ahead .tl-title")).to_have_text(["look_up_order"])
    expect(state.locator(".state-open")).to_contain_text("2")
    expect(state.locator(".state-messages")).to_contain_text("Where is my order?")
    page.keyboard.press("}")
    expect(page.get_by_role("slider", name="Playhead")).to_have_attribute("aria-valuetext", "+7.000s")
    expect(state.locator("dd")).to_have_text(["1chat", "2It arrives tomorrow.", "1.1k", "$0.0012", "▲ 1"])
    page.wait_for_url("**t=7000")
    page.reload()
    expect(state.locator("dd").nth(3)).to_have_text("$0.0012")
    state.get_by_role("button", name="It arrives tomorrow.").click()
    expect(page.locator(".side h2")).to_have_text("gpt-4o")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(state).to_be_hidden()
    page.wait_for_url(lambda url: "t=" not in url)


def test_header__session_links_neighbours_and_delete__work(
    visit: SignIn, owner: User, base: str, keep: StoreRecords
) -> None:
    keep(
        make_event("t-1", name="first", session_id="s 1"),
        make_event("t-2", name="second", at=5, session_id="s 1", user_id="ann"),
    )
    page = visit(owner, expects=(404,)).page
    open_trace(page, base, trace_id="t-2")

    page.get_by_role("link", name="Previous trace of the session").click()
    expect(page.locator("h1")).to_have_text("first")
    page.get_by_role("link", name="Next trace of the session").click()
    expect(page.locator("h1")).to_have_text("second")
    page.get_by_role("button", name="Delete this trace").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#load-error")).to_contain_text("This trace has been deleted.")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#load-error")).to_be_hidden()
    page.get_by_role("link", name="s 1").click()
    expect(page.locator("tbody tr[data-trace-id], tbody tr").first).to_be_visible()
    expect(page.get_by_role("link", name="first")).to_have_count(1)
