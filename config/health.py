"""`/healthz`: the process is alive. `/readyz`: it can do its work. Neither asks who is calling or tells secrets."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import psycopg
import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

log = structlog.get_logger(__name__)
TIMEOUT_SECONDS = 2


class NotReadyError(Exception):
    """A dependency answers, but not as it should; the text may be shown to anybody."""


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 while the process serves requests. Asks nothing else, so a dead database does not get it restarted."""
    return JsonResponse({"status": "ok"})


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, migrations and queue are as they should be, else 503, with each one's state."""
    checks = {"database": _run_check("database", check_database)}
    is_database_up = checks["database"] == "ok"
    checks["migrations"] = _run_check("migrations", check_migrations) if is_database_up else "unknown"
    checks["queue"] = _run_check("queue", check_queue)
    is_ready = all(state == "ok" for state in checks.values())
    return JsonResponse({"status": "ok" if is_ready else "unavailable", **checks}, status=200 if is_ready else 503)


def _run_check(name: str, check: Callable[[], None]) -> str:
    """Return "ok" or a word on what is wrong. The details, which may hold addresses, go to the log alone."""
    try:
        check()
    except NotReadyError as error:
        return str(error)
    except (psycopg.Error, DatabaseError, redis.RedisError) as error:
        log.warning("health.unreachable", dependency=name, error=str(error))
        return "unreachable"
    return "ok"


def check_database() -> None:
    """Ask Postgres for a row, on a connection of its own: the pool would wait ten seconds for a dead server.

    Raises `psycopg.Error`.
    """
    with psycopg.connect(settings.DATABASE_URL, connect_timeout=TIMEOUT_SECONDS) as database:
        database.execute("SELECT 1")


@cache
def check_migrations() -> None:
    """Raise `NotReadyError` while migrations are pending. Once none is, that stays so for this process's code."""
    pending = list_pending_migrations()
    if pending:
        raise NotReadyError(f"{len(pending)} pending")


def check_queue() -> None:
    """Ask Valkey for a PONG. Raises `RedisError`."""
    with redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
    ) as client:
        client.ping()


def list_pending_migrations() -> list[str]:
    """Return the migrations that the code has and the database has not."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]
