"""The engines every other test runs on."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db import connection


@pytest.mark.django_db
def test_database__in_a_test_session__is_a_real_postgres() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('data_checksums')")
        version, checksums = cursor.fetchone()

    assert version >= 150000
    assert checksums == "on"


def test_cache__in_a_test_session__is_a_real_valkey() -> None:
    cache.set("tests.config.servers", "kept", timeout=10)

    assert cache.get("tests.config.servers") == "kept"
