"""A writer of the test's own event loop, and a project of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connections

from observability.ingest.writer import Writer, close_writer, get_writer


@pytest_asyncio.fixture
async def writer(store: None) -> AsyncIterator[Writer]:
    """Return the writer; its connections are closed when the test ends."""
    yield get_writer()
    await close_writer()
    # The thread that ran the test's queries keeps its connection; the test database could not be dropped.
    await sync_to_async(connections.close_all)()
