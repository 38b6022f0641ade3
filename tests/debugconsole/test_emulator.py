"""`manage.py debug_emit` on a real Valkey."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.management import CommandError, call_command

from debugconsole.emulator import RunnerPanicError, Script, cap_message, write_lines
from observability.models import Organization


@pytest.fixture
def streams() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.DEBUG_REDIS_URL) as client:
        client.flushdb()
        yield client
        client.flushdb()


def _read(client: redis.Redis, key: str) -> list[dict[bytes, bytes]]:
    found: Any = client.xrange(key)
    return [fields for _, fields in found]


def test_emit__for_an_organization__is_in_its_stream(streams: redis.Redis, organization: Organization) -> None:
    call_command("debug_emit", organization=organization.slug, extension="Ext-1", count=20, rate=0)

    lines = _read(streams, f"ext-debug:{organization.tenant_id}:ext-1")
    assert len(lines) == 20
    assert {line[b"extension"] for line in lines} == {b"Ext-1"}
    assert list(lines[0]) == [
        b"ts",
        b"level",
        b"stream",
        b"tenant",
        b"extension",
        b"request",
        b"version",
        b"message",
        b"truncated",
    ]


def test_emit__nobodys_lines__go_to_unknown(streams: redis.Redis) -> None:
    call_command("debug_emit", count=3, rate=0, bad_utf8=1.0)

    lines = _read(streams, "ext-debug:unknown")
    assert len(lines) == 3
    assert b"\xff" in lines[0][b"message"]


def test_emit__longer_than_the_stream__is_trimmed(streams: redis.Redis) -> None:
    call_command("debug_emit", tenant="t", extension="e", count=3000, rate=0, maxlen=1000)

    assert 1000 <= streams.xlen("ext-debug:t:e") < 1200


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [{"levels": "loud"}, {"streams": "x"}, {"size": -1}, {"organization": "nobody"}])
def test_emit__what_cannot_be__is_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(CommandError, match=f"--{next(iter(wrong))}"):
        call_command("debug_emit", count=1, **wrong)


def test_script__said_twice__says_the_same() -> None:
    script = Script(tenant="t", extension="e", secrets=0.5, bad_utf8=0.2, seed=3)
    one, other = ([line.message for line in itertools.islice(write_lines(script), 50)] for _ in range(2))

    assert one == other


def test_cap__inside_a_character__is_where_the_runner_dies() -> None:
    assert cap_message(b"a" * 8193) == (b"a" * 8192, True)
    assert cap_message("é".encode() * 4096) == ("é".encode() * 4096, False)
    with pytest.raises(RunnerPanicError):
        cap_message(b"a" * 8191 + "é".encode())
