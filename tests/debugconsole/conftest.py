"""An extension of the project, and rules about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connections
from django.test import override_settings
from redis.asyncio import Redis

from debugconsole.models import DebugPolicy, Extension
from debugconsole.readers.hub import close_hub
from debugconsole.services.extensions import create_extension
from debugconsole.services.policies import create_policy
from observability.models import Project


@pytest.fixture(autouse=True)
def _in_development() -> Iterator[None]:
    """Be where the console is on and no rule is needed; tests of production say so."""
    with override_settings(ENVIRONMENT="development", IS_PRODUCTION=False, DEBUG_CONSOLE_ENABLED=True):
        yield


@pytest.fixture
def extension(project: Project) -> Extension:
    return create_extension(project=project, extension_id="Ext-1", name="Orders")


@pytest.fixture
def foreign_extension(foreign_project: Project) -> Extension:
    return create_extension(project=foreign_project, extension_id="Ext-1")


@pytest_asyncio.fixture
async def clean(transactional_db: None) -> AsyncIterator[None]:
    """Begin without lines, and give up what the event loop of a test opened."""
    async with Redis.from_url(settings.DEBUG_REDIS_URL) as client:
        await client.flushdb()
    yield
    await close_hub()
    await sync_to_async(connections.close_all)()


def set_rule(effect: str, **values: Any) -> DebugPolicy:
    """Set a rule that asks for no capability unless told to."""
    given = {"require_capability": "", "reason": "a test", "effect": effect, **values}
    return create_policy(created_by=None, **given)
