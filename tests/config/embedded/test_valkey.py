"""The embedded Valkey."""

from __future__ import annotations

import stat
from pathlib import Path

import redis

from config.embedded.process import ServerProcess, Watchdog
from config.embedded.valkey import Valkey


def start(data: Path, watchdog: Watchdog) -> tuple[Valkey, ServerProcess]:
    valkey = Valkey(data)
    valkey.prepare()
    process = ServerProcess(valkey, log=data / "valkey.log", watchdog=watchdog)
    process.start()
    return valkey, process


def test_start__of_valkey__listens_on_a_private_socket_only(tmp_path: Path, watchdog: Watchdog) -> None:
    valkey, process = start(tmp_path, watchdog)

    with redis.Redis.from_url(valkey.url) as client:
        settings = client.config_get("port", "maxmemory-policy", "appendonly")
    mode = stat.S_IMODE(valkey.socket.stat().st_mode)
    process.stop()

    assert settings == {"port": "0", "maxmemory-policy": "noeviction", "appendonly": "yes"}
    assert mode == 0o700


def test_start__after_an_orderly_stop__keeps_what_was_written(tmp_path: Path, watchdog: Watchdog) -> None:
    valkey, process = start(tmp_path, watchdog)
    with redis.Redis.from_url(valkey.url) as client:
        client.xadd("stream", {"line": "kept"})
    process.stop()

    valkey, process = start(tmp_path, watchdog)
    with redis.Redis.from_url(valkey.url) as client:
        length = client.xlen("stream")
    process.stop()

    assert length == 1


def test_start__with_half_a_command_at_the_end_of_its_file__cuts_it_off(tmp_path: Path, watchdog: Watchdog) -> None:
    valkey, process = start(tmp_path, watchdog)
    with redis.Redis.from_url(valkey.url) as client:
        client.set("whole", "kept")
    process.kill()
    [log] = (valkey.folder / "appendonlydir").glob("*.incr.aof")
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nha")

    valkey, process = start(tmp_path, watchdog)
    with redis.Redis.from_url(valkey.url) as client:
        kept = client.get("whole")
    process.stop()

    assert kept == b"kept"
