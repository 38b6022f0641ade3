"""`/healthz` and `/readyz`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings

from config.health import check_migrations


@pytest.fixture(autouse=True)
def _forget_migrations() -> Iterator[None]:
    """What one test found applied, another may not find."""
    check_migrations.cache_clear()
    yield
    check_migrations.cache_clear()


def test_healthz__without_a_database__answers_200(client: Client) -> None:
    """No database mark: a query would be refused."""
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz__with_everything_there__answers_200(client: Client) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok", "migrations": "ok", "queue": "ok"}


def test_readyz__without_postgres__answers_503_and_does_not_tell_where_it_is(
    client: Client, settings: Settings
) -> None:
    settings.DATABASE_URL = "postgres://secret@/playhead?host=/nonexistent"

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json() == {"status": "unavailable", "database": "unreachable", "migrations": "unknown", "queue": "ok"}


@pytest.mark.django_db
def test_readyz__without_valkey__answers_503(client: Client, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nonexistent/valkey.sock"

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["queue"] == "unreachable"


@pytest.mark.django_db
def test_readyz__with_a_pending_migration__answers_503(client: Client) -> None:
    MigrationRecorder.Migration.objects.filter(app="auditlog").delete()

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["migrations"].endswith(" pending")


@pytest.mark.django_db
def test_readyz__asked_to_change_something__answers_405(client: Client) -> None:
    assert client.post("/readyz").status_code == 405
