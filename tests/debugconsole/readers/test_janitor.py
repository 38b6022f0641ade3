from __future__ import annotations

import time

import pytest
import redis

from debugconsole.readers.janitor import trim_streams
from debugconsole.tasks import trim_streams as trim_streams_task
from tests.debugconsole.readers.conftest import Streams

OLD_MS = int(time.time() * 1000) - 20 * 60_000


def test_janitor__entries_too_old__go_and_their_number_stays(streams: Streams) -> None:
    with streams.client as client:
        for number in range(150):
            client.xadd(streams.key, {"message": "old"}, id=f"{OLD_MS}-{number + 1}")
            client.xadd("ext-debug:quiet", {"message": "old"}, id=f"{OLD_MS}-{number + 1}")
            client.xadd("else:where", {"message": "old"}, id=f"{OLD_MS}-{number + 1}")
    streams.write(3)

    assert trim_streams() == 300
    assert trim_streams() == 0

    with streams.client as client:
        assert client.xlen(streams.key) == 3
        assert client.xlen("else:where") == 150
        assert client.xinfo_stream("ext-debug:quiet")["entries-added"] == 150


def test_janitor__a_key_that_is_no_stream__is_left_alone(streams: Streams) -> None:
    streams.client.set("ext-debug:odd", "1")

    assert trim_streams() == 0


def test_task__without_a_server__waits_for_the_next_time(streams: Streams) -> None:
    streams.kill()

    trim_streams_task()

    with pytest.raises(redis.RedisError):
        trim_streams()
