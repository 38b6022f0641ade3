"""An extension that may be watched, and what it prints."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from playwright.sync_api import Page, expect

from debugconsole.models import Extension
from debugconsole.services.extensions import create_extension
from debugconsole.wire.emit import Emission, build_xadd
from debugconsole.wire.keys import stream_key
from observability.models import Project, User
from tests.debugconsole.conftest import set_rule
from tests.e2e.conftest import SignIn

ROWS = ".dbg-row:not([hidden]):not(.dbg-gap):not(.dbg-mark)"
LINES = f"{ROWS} .dbg-text"
STATE = "#state"


@pytest.fixture
def extension(project: Project, browser: object) -> Extension:
    """An extension whose rule lets its project's engineers watch in production, which the server runs as."""
    made = create_extension(project=project, extension_id="Orders", name="Order desk")
    set_rule("allow", scope="extension", extension=made)
    return made


class Printer:
    """The extension's process."""

    def __init__(self, client: Any, extension: Extension) -> None:
        self.client = client
        self.tenant = str(extension.organization.tenant_id)
        self.key = stream_key(settings.DEBUG_STREAM_PREFIX, tenant=self.tenant, extension=extension.extension_id)

    def say(
        self,
        *messages: str,
        level: str = "info",
        stream: str = "log",
        request: str | None = None,
        trace: str | None = None,
    ) -> None:
        """Publish lines as a runner does."""
        for message in messages:
            line = Emission(
                ts=str(time.time_ns() // 1_000_000),
                level=level,
                stream=stream,
                message=message.encode(),
                tenant=self.tenant,
                extension="Orders",
                request=request,
                more=(("trace", trace),) if trace else (),
            )
            self.client.execute_command(*build_xadd(line, prefix=settings.DEBUG_STREAM_PREFIX))

    def forget(self, *, kept: int) -> None:
        """Trim the stream to its newest entries."""
        self.client.execute_command("XTRIM", self.key, "MAXLEN", kept)


@pytest.fixture
def printer(extension: Extension) -> Iterator[Printer]:
    client: Any = redis.Redis.from_url(settings.DEBUG_REDIS_URL)
    yield Printer(client, extension)
    client.close()


@pytest.fixture
def console(base: str, extension: Extension) -> str:
    """The console's address."""
    return f"{base}/debug/{extension.pk}/"


Watch = Callable[..., Page]


@pytest.fixture
def watch(visit: SignIn, owner: User, console: str) -> Watch:
    """Open the console as the owner, and wait until it is live."""

    def open_console(query: str = "", **window: Any) -> Page:
        page = visit(owner, **window).page
        page.goto(console + query)
        expect(page.locator(STATE)).to_have_text("live")
        return page

    return open_console
