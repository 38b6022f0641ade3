"""The shipped access list: what each user may do is enough for it, and nothing else."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from django.test import override_settings

from config.embedded import Valkey
from config.env import BASE_DIR
from debugconsole.readers.janitor import trim_streams
from tests.debugconsole.readers.conftest import Streams

KEY = "ext-debug:t:e"
RUNNER_MAY = [("XADD", KEY, "MAXLEN", "~", "10", "*", "message", "m"), ("PING",), ("SELECT", "0")]
RUNNER_MAY_NOT = [
    ("XADD", "else:where", "*", "message", "m"),
    ("XRANGE", KEY, "-", "+"),
    ("EXPIRE", KEY, "5"),
    ("DEL", KEY),
    ("XGROUP", "CREATE", KEY, "g", "0"),
    ("KEYS", "*"),
    ("FLUSHALL",),
]
PLAYHEAD_MAY_NOT = [
    ("XREADGROUP", "GROUP", "g", "c", "STREAMS", KEY, ">"),
    ("XDEL", KEY, "0-1"),
    ("DEL", KEY),
    ("GET", KEY),
    ("KEYS", "*"),
    ("XRANGE", "else:where", "-", "+"),
    ("CONFIG", "GET", "maxmemory"),
]


@pytest.fixture
def user(streams: Streams) -> Callable[[str], str]:
    """Set up the shipped users and return the address each has."""
    for line in (BASE_DIR / "docs" / "debug-streams.acl").read_text().splitlines():
        if line.startswith("user ") and not line.startswith("user default"):
            streams.client.execute_command("ACL", "SETUSER", *line.split()[1:])
    return lambda name: streams.server.url.replace("unix://", f"unix://{name}:change-me-{name}@")


def test_file__given_to_a_server__is_taken(tmp_path: Path) -> None:
    """A server reads `user` lines and nothing else, comments neither."""
    program = Valkey(tmp_path).program.path
    options = ["--port", "0", "--unixsocket", str(tmp_path / "s"), "--dir", str(tmp_path)]
    command = [str(program), *options, "--aclfile", str(BASE_DIR / "docs" / "debug-streams.acl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        said = list(itertools.takewhile(lambda line: "Ready to accept connections" not in line, server.stdout))
        server.kill()

    assert not [line for line in said if "ACL errors" in line]


def _run(address: str, command: tuple[str, ...]) -> Any:
    client: Any
    with redis.Redis.from_url(address) as client:
        return client.execute_command(*command)


@pytest.mark.parametrize("command", RUNNER_MAY, ids=lambda command: " ".join(command[:2]))
def test_runner__what_it_needs__may(user: Callable[[str], str], command: tuple[str, ...]) -> None:
    assert _run(user("runner"), command)


@pytest.mark.parametrize("command", RUNNER_MAY_NOT, ids=lambda command: " ".join(command[:2]))
def test_runner__anything_else__may_not(user: Callable[[str], str], command: tuple[str, ...]) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        _run(user("runner"), command)


@pytest.mark.parametrize("command", PLAYHEAD_MAY_NOT, ids=lambda command: " ".join(command[:2]))
def test_playhead__anything_else__may_not(user: Callable[[str], str], command: tuple[str, ...]) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        _run(user("playhead"), command)


async def test_playhead__reading_and_trimming__may(
    user: Callable[[str], str], streams: Streams, watch: Callable[..., Any]
) -> None:
    streams.write(3)
    with override_settings(DEBUG_REDIS_URL=user("playhead")):
        watcher = await watch(tail=10)
        await watcher.take_until(lambda: watcher.is_settled(3))
        trim_streams()

    assert watcher.messages == ["0", "1", "2"]
