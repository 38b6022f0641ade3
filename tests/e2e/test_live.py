"""What a page does when the live connection is not there: say so, poll, and come back without a gap."""

from __future__ import annotations

import json

from playwright.sync_api import Page, WebSocketRoute, expect

from observability.models import User
from tests.e2e.conftest import SignIn, StoreRecords
from tests.records import make_event

PAUSED = "Live updates paused, checking every 3 s"


class Line:
    """Stands between the page and the server's socket: can be cut, or let nothing but silence through."""

    def __init__(self, page: Page) -> None:
        self.is_cut = False
        self.is_silent = False
        self.sockets: list[WebSocketRoute] = []
        page.route_web_socket("**/ws/live/", self._connect)

    def cut(self) -> None:
        self.is_cut = True
        for socket in self.sockets:
            socket.close()
        self.sockets.clear()

    def _connect(self, socket: WebSocketRoute) -> None:
        if self.is_cut:
            socket.close()
            return
        self.sockets.append(socket)
        server = socket.connect_to_server()
        server.on_message(lambda message: None if self.is_silent else socket.send(message))


def test_live__socket_cut__polls_and_comes_back(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(make_event("t-1", name="first", lasts=None))
    page = visit(owner).page
    line = Line(page)
    page.goto(f"{base}/traces/")
    expect(page.locator("#live")).to_have_text("Live")

    line.cut()
    expect(page.locator("#live")).to_have_text(PAUSED)
    keep(make_event("t-1", name="first", lasts=2), make_event("t-2", at=5), make_event("t-0", at=-5))

    expect(page.locator("#traces td.c-status").first).to_have_text("ok")
    expect(page.locator("#new-rows")).to_have_text("2 new")
    line.is_cut = False
    expect(page.locator("#live")).to_have_text("Live", timeout=20_000)


def test_live__open_socket_without_beats__is_noticed(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(make_event("t-1", "root", name="chat", lasts=None))
    page = visit(owner).page
    line = Line(page)
    page.goto(f"{base}/traces/t-1/")
    expect(page.locator("#live")).to_have_text("Live")

    line.is_silent = True
    keep(make_event("t-1", "one", name="unheard", parent_span_id="root", at=1))

    expect(page.locator("#live")).to_have_text(PAUSED, timeout=20_000)
    expect(page.locator(".tl-title", has_text="unheard")).to_be_visible()
    line.is_silent = False
    expect(page.locator("#live")).to_have_text("Live")


def test_live__never_connected__page_works(visit: SignIn, owner: User, base: str, keep: StoreRecords) -> None:
    keep(make_event("t-1", "root", name="chat", lasts=None))
    page = visit(owner).page
    line = Line(page)
    line.is_cut = True

    page.goto(f"{base}/traces/t-1/")
    expect(page.locator(".tl-title", has_text="chat")).to_be_visible()
    keep(make_event("t-1", "one", name="polled", parent_span_id="root", at=1))

    expect(page.locator(".tl-title", has_text="polled")).to_be_visible()
    expect(page.locator("#live")).to_have_text(PAUSED)


def test_live__foreign_project__is_refused(
    visit: SignIn, stranger: User, base: str, project: object, store: None
) -> None:
    page = visit(stranger).page
    page.goto("/")

    answer = page.evaluate(
        """project => new Promise((resolve) => {
          const socket = new WebSocket(`ws://${location.host}/ws/live/`);
          socket.onopen = () => socket.send(JSON.stringify({ subscribe: { project } }));
          socket.onmessage = (event) => event.data.includes("live.beat") || resolve(event.data);
        })""",
        project.pk,  # type: ignore[attr-defined]
    )

    assert json.loads(answer)["type"] == "live.refused"
