"""Pages in real Chromium, served by the real ASGI application in a process of its own over the test database.

Rows that a test makes with the fixtures of `tests/fixtures.py` are committed, so the server sees them. Playwright keeps
an event loop running in this thread; Django is told that this is no mistake, and what needs a loop of its own (the
writer) runs in another thread.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import global_settings, settings
from django.contrib.sessions.models import Session
from django.db import connection, connections
from django.test import Client, override_settings
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright
from pytest_django.plugin import DjangoDbBlocker

from observability.ingest.records import Decoded, EventRecord, LogRecord
from observability.ingest.writer import Writer
from observability.models import Organization, Project, User
from observability.sql.store import DISTRIBUTED
from tests.e2e.visitor import Visitor
from tests.fixtures import PASSWORD

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("PLAYHEAD_TEST_CHROMIUM", "/usr/bin/chromium")
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
START_SECONDS = 60.0
# What comes at once on a quiet machine may take this long on a busy one.
PATIENCE_MS = 20_000
NOT_VISITED = ("*.map", "admin", "unfold", "rest_framework", "drf_spectacular_sidecar")
"""Static files of pages that are not visited here, left out because collecting them takes seconds."""

SignIn = Callable[..., Visitor]
StoreRecords = Callable[..., None]


@pytest.fixture
def db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The database without a transaction around the test, so that the server sees what the test makes.

    Afterwards our own tables are emptied, and not all: the server remembers the numbers of content types.
    """
    with django_db_blocker.unblock():
        yield
        people = [model._meta.db_table for model in (User, Organization, Session)]
        with connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {', '.join([*people, *DISTRIBUTED])} CASCADE")
        # Under Playwright's loop Django keeps connections apart from those that pytest-django closes at the end.
        connections.close_all()


@pytest.fixture
def transactional_db(db: None) -> None:
    """As `db`: fixtures shared with other tests ask for it by this name."""


@pytest.fixture(scope="package")
def site_data(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with collected static files, hashed names and all."""
    data = tmp_path_factory.mktemp("site")
    ignored = [part for name in NOT_VISITED for part in ("--ignore", name)]
    command = [sys.executable, "-m", "django", "collectstatic", "--no-input", "--verbosity", "0", *ignored]
    _run(command, _make_environment(data, "http://127.0.0.1:1"))
    return data


@pytest.fixture(scope="package")
def site(site_data: Path) -> Iterator[str]:
    """The address of a running server."""
    with serve_site(site_data) as url:
        yield url


@contextmanager
def serve_site(data: Path, **settings: str) -> Iterator[str]:
    """Run a server over the test database, with further settings, until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    command = [sys.executable, "-m", "config.serve", "--fd", str(listener.fileno())]
    log_path = data / f"web-{listener.getsockname()[1]}.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=_make_environment(data, url) | settings,
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        listener.close()
        try:
            _wait_until_up(url, process, log=log_path)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=20)


def _make_environment(data: Path, url: str) -> dict[str, str]:
    given = urlsplit(os.environ["DATABASE_URL"])
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": given._replace(path=f"/{connection.settings_dict['NAME']}").geturl(),
        "PLAYHEAD_DATA": str(data),
        # The writer of `keep` runs in this process: the values that it moves to blobs are to be found by the server.
        "PLAYHEAD_BLOB_STORAGE_OPTIONS": json.dumps(settings.STORAGES["blobs"]["OPTIONS"]),
        "PLAYHEAD_SECRET_KEY": settings.SECRET_KEY,
        "PLAYHEAD_ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "PLAYHEAD_PUBLIC_URL": url,
        # Off in production, which this is.
        "DEBUG_CONSOLE_ENABLED": "true",
    }


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _wait_until_up(url: str, process: subprocess.Popen[bytes], *, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/healthz", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of the package."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; name one in PLAYHEAD_TEST_CHROMIUM")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield started
        started.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def visit(db: None, site: str, browser: Browser) -> Iterator[SignIn]:
    """Open a browser window: `visit()` for somebody unknown, `visit(user)` for somebody signed in.

    Windows close before the database is emptied: an open page reads on.

    At the end of the test every window must have been free of console errors and failed requests, except for statuses
    named in `expects`.
    """
    with ExitStack() as stack:
        visitors: list[Visitor] = []

        def open_window(
            user: User | None = None,
            *,
            viewport: ViewportSize = DESKTOP,
            theme: Literal["light", "dark"] = "light",
            expects: tuple[int, ...] = (),
            bypass_csp: bool = False,
        ) -> Visitor:
            context = browser.new_context(
                base_url=site,
                viewport=viewport,
                color_scheme=theme,
                bypass_csp=bypass_csp,
            )
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE_MS)
            if user is not None:
                context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": _log_in(user), "url": site}])
            visitor = Visitor(page=context.new_page(), expects=expects)
            visitors.append(visitor)
            return visitor

        yield open_window
        for visitor in visitors:
            assert visitor.problems == []


@pytest.fixture
def real_password(owner: User) -> None:
    """Hash the owner's password as the server does: tests use a faster way that it refuses."""
    with override_settings(PASSWORD_HASHERS=global_settings.PASSWORD_HASHERS):
        owner.set_password(PASSWORD)
        owner.save()


def _log_in(user: User) -> str:
    client = Client()
    client.force_login(user)
    return str(client.cookies[settings.SESSION_COOKIE_NAME].value)


@pytest.fixture
def keep(store: None, project: Project, browser: Browser) -> StoreRecords:
    """Store records of the project through the real writer, as one request."""

    def keep_records(*records: EventRecord | LogRecord) -> None:
        with ThreadPoolExecutor(max_workers=1) as thread:
            thread.submit(_write, project.pk, records).result()

    return keep_records


def _write(project_id: int, records: tuple[EventRecord | LogRecord, ...]) -> None:
    try:
        asyncio.run(_write_and_announce(project_id, records))
    finally:
        connections.close_all()


async def _write_and_announce(project_id: int, records: tuple[EventRecord | LogRecord, ...]) -> None:
    """Store, and let the live hints go out before this loop ends: in a server it would live on."""
    writer = Writer()
    events = tuple(record for record in records if isinstance(record, EventRecord))
    logs = tuple(record for record in records if isinstance(record, LogRecord))
    await writer.write(project_id=project_id, decoded=Decoded(events=events, logs=logs), door="test")
    await writer.close()
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()}, return_exceptions=True)


@pytest.fixture
def base(project: Project) -> str:
    """The address under which the project's pages lie."""
    return f"/o/{project.organization.slug}/p/{project.slug}"


def expect_texts(page: Page, selector: str, texts: list[str]) -> None:
    """Wait until the matching elements say this, white space joined."""
    expect(page.locator(selector)).to_have_text(texts, use_inner_text=True)


def texts_of(page: Page, selector: str) -> list[str]:
    """Return what the matching elements say at this moment, white space joined."""
    return [" ".join(text.split()) for text in page.locator(selector).all_inner_texts()]
