"""The Python producer: never in the way, never silent about what it lost."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from playhead_debug import DebugHandler, HttpTransport, Producer, RedisTransport, capture_output, request_context
from playhead_debug.producer import MESSAGE_BYTES, cut
from playhead_debug.ring import Entry, Gap, Ring
from playhead_debug.transports import UnreachableError

from config.embedded import Valkey
from config.embedded.process import ServerProcess, Watchdog

PATIENCE_SECONDS = 20.0


class Memory:
    """A transport that keeps what it is given, unless it is told to fail."""

    def __init__(self) -> None:
        self.lines: list[dict[str, str]] = []
        self.is_away = threading.Event()
        self.tries = 0

    def send(self, lines: list[dict[str, str]]) -> int:
        self.tries += 1
        if self.is_away.is_set():
            raise UnreachableError("away")
        self.lines += lines
        return len(lines)

    def close(self) -> None:
        pass

    @property
    def messages(self) -> list[str]:
        return [line["message"] for line in self.lines]


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.fixture
def producer(memory: Memory) -> Iterator[Producer]:
    made = Producer(memory, version="1.2", pod="pod-1")
    yield made
    made.close()


# -- Lines -----------------------------------------------------------------------------------------------------------


def test_emit__a_line__carries_where_it_belongs(memory: Memory, producer: Producer) -> None:
    with request_context(request="r-1", trace="t-1"), request_context(install="i-1"):
        producer.emit("hello", level="warn", fields={"user": 42})
    assert producer.flush()

    (line,) = memory.lines
    assert json.loads(line.pop("fields")) == {"user": 42}
    assert int(line.pop("ts")) > 1_700_000_000_000
    assert line == {
        "level": "warn",
        "stream": "log",
        "message": "hello",
        "truncated": "0",
        "boot": producer.boot,
        "seq": "1",
        "version": "1.2",
        "pod": "pod-1",
        "request": "r-1",
        "trace": "t-1",
        "install": "i-1",
    }


def test_emit__from_many_threads__numbers_every_line_once(memory: Memory, producer: Producer) -> None:
    def emit_many() -> None:
        for _ in range(200):
            producer.emit("m")

    threads = [threading.Thread(target=emit_many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert producer.flush()

    assert sorted(int(line["seq"]) for line in memory.lines) == list(range(1, 1_601))


def test_emit__what_cannot_be_said__raises_nothing(memory: Memory, producer: Producer) -> None:
    producer.emit(object())  # type: ignore[arg-type]
    producer.emit("odd", level="loud", fields={"o": object(), "big": "x" * 20_000})
    producer.emit("half \ud800")
    assert producer.flush()

    assert [line["message"] for line in memory.lines if "odd" in line["message"]] == ["odd"]


@pytest.mark.parametrize("character", ["a", "é", "€", "𝄞"])
@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_cut__around_the_limit__ends_between_characters(character: str, excess: int) -> None:
    text = "x" * (MESSAGE_BYTES - len(character.encode()) + excess) + character

    kept = cut(text, MESSAGE_BYTES)

    assert len(kept.encode()) <= MESSAGE_BYTES
    assert (kept is text) is (excess <= 0)


# -- The ring --------------------------------------------------------------------------------------------------------


def make_entry(seq: int, size: int = 1) -> Entry:
    return Entry(seq=seq, ts_ms=0, level="info", stream="log", message="x" * size)


@given(st.lists(st.sampled_from(["add", "take", "back", "settle"]), max_size=100))
def test_ring__whatever_happens__holds_no_more_than_it_may_and_counts_the_rest(actions: list[str]) -> None:
    ring = Ring(5, 10**9)
    added = told = 0
    taken: list[Entry] = []
    out: list[Entry] = []
    for action in actions:
        if action == "add":
            added += 1
            ring.add(make_entry(added))
        elif action == "take":
            out += taken
            taken = ring.take(3)
        elif action == "back":
            ring.give_back(taken)
            taken = []
        elif (gap := ring.gap) is not None:
            told += gap.dropped
            ring.settle(Gap(gap.dropped, gap.from_seq, gap.to_seq))
        assert len(ring) <= 5
        dropped = told + (ring.gap.dropped if ring.gap else 0)
        assert added == len(out) + len(taken) + len(ring) + dropped


def test_ring__of_large_lines__is_bounded_in_bytes() -> None:
    ring = Ring(1_000, 100_000)
    for seq in range(1, 101):
        ring.add(make_entry(seq, 5_000))

    assert len(ring) < 10
    assert ring.gap is not None
    assert (ring.gap.from_seq, ring.gap.to_seq) == (1, 100 - len(ring))


# -- Outages ---------------------------------------------------------------------------------------------------------


def test_outage__longer_than_the_ring__sends_the_newest_and_says_exactly_what_is_missing(memory: Memory) -> None:
    producer = Producer(memory, most_lines=50)
    producer.emit("before")
    assert producer.flush()
    memory.is_away.set()
    for number in range(300):
        producer.emit(str(number))
    memory.is_away.clear()
    assert producer.flush(PATIENCE_SECONDS)
    producer.close()

    first, gap, *rest = memory.lines
    fields = json.loads(gap["fields"])
    assert first["message"] == "before"
    assert (gap["level"], fields["dropped"], fields["from_seq"], fields["to_seq"]) == ("warn", 250, 2, 251)
    assert [line["message"] for line in rest] == [str(number) for number in range(250, 300)]
    assert (producer.stats().sent, producer.stats().dropped, producer.stats().waiting) == (51, 250, 0)


def test_outage__logged__is_one_line(memory: Memory, caplog: pytest.LogCaptureFixture) -> None:
    memory.is_away.set()
    producer = Producer(memory)
    for _ in range(50):
        producer.emit("m")
    while memory.tries < 3:
        threading.Event().wait(0.01)
    producer.close(timeout=0.1)

    assert len([record for record in caplog.records if record.name == "playhead_debug"]) == 1


def test_close__while_away__does_not_wait(memory: Memory) -> None:
    memory.is_away.set()
    producer = Producer(memory)
    producer.emit("m")
    while not memory.tries or producer.stats().is_connected:
        threading.Event().wait(0.01)

    producer.close(timeout=5)

    assert producer.stats().waiting == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork__in_the_child__is_a_producer_of_its_own(memory: Memory, producer: Producer) -> None:
    producer.emit("parent")
    assert producer.flush()
    boot = producer.boot
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        memory.lines.clear()
        producer.emit("child")
        producer.flush()
        os.write(writing, json.dumps([producer.boot, *memory.messages]).encode())
        os._exit(0)
    os.waitpid(child, 0)

    said = json.loads(os.read(reading, 1_000))
    assert said[1:] == ["child"]
    assert said[0] != boot


# -- Capture ---------------------------------------------------------------------------------------------------------


@contextmanager
def capture(producer: Producer) -> Iterator[io.StringIO]:
    """Capture what the block prints. No fixture: pytest puts its own streams back between set-up and test."""
    before, sys.stdout, sys.stderr = (sys.stdout, sys.stderr), io.StringIO(), io.StringIO()
    out = sys.stdout
    undo = capture_output(producer)
    try:
        yield out
    finally:
        undo()
        sys.stdout, sys.stderr = before


def test_output__in_pieces__is_sent_by_the_line(memory: Memory, producer: Producer) -> None:
    with capture(producer):
        for piece in ("on", "e\ntwo\r\n\nthr", "ee", "\n"):
            sys.stdout.write(piece)
        sys.stderr.write("four\n")
    assert producer.flush()

    assert [(line["message"], line["stream"], line["level"]) for line in memory.lines] == [
        ("one", "stdout", "info"),
        ("two", "stdout", "info"),
        ("three", "stdout", "info"),
        ("four", "stderr", "error"),
    ]


def test_output__captured__is_still_written(producer: Producer) -> None:
    with capture(producer) as out:
        sys.stdout.write("one\ntw")
        sys.stdout.flush()

    assert out.getvalue() == "one\ntw"


def test_output__without_its_end__is_sent_as_a_part(memory: Memory, producer: Producer) -> None:
    with capture(producer), request_context(request="r"):
        sys.stdout.write("half a li")
    assert producer.flush()

    assert [(line["message"], line["truncated"], line["request"]) for line in memory.lines] == [("half a li", "1", "r")]


def test_output__a_line_of_a_megabyte__is_sent_in_parts_that_fit(memory: Memory, producer: Producer) -> None:
    with capture(producer):
        for _ in range(2**5):
            sys.stdout.write("é" * 2**14)
        sys.stdout.write("\n")
    assert producer.flush()

    assert all(len(message.encode()) <= MESSAGE_BYTES for message in memory.messages)
    assert "".join(memory.messages) == "é" * 2**19


def test_output__of_requests_at_once__keeps_each_ones_lines(memory: Memory, producer: Producer) -> None:
    async def handle(request: str) -> None:
        with request_context(request=request):
            for word in ("one ", "two ", "three\n"):
                sys.stdout.write(word)
                await asyncio.sleep(0)

    async def run() -> None:
        await asyncio.gather(*(handle(f"r{number}") for number in range(5)))

    with capture(producer):
        asyncio.run(run())
    assert producer.flush()

    assert sorted((line["request"], line["message"]) for line in memory.lines) == [
        (f"r{number}", "one two three") for number in range(5)
    ]


def test_handler__records__have_level_fields_and_traceback(memory: Memory, producer: Producer) -> None:
    logger = logging.Logger("shop.orders")
    logger.addHandler(DebugHandler(producer))
    logger.warning("order %s", 7, extra={"user": 42})
    try:
        raise ValueError("no stock")
    except ValueError:
        logger.exception("failed")
    logging.getLogger("playhead_debug.x").addHandler(DebugHandler(producer))
    logging.getLogger("playhead_debug.x").warning("own")
    assert producer.flush()

    warned, failed = memory.lines
    assert (warned["level"], warned["message"]) == ("warn", "order 7")
    assert json.loads(warned["fields"]) == {"user": 42, "logger": "shop.orders"}
    assert failed["level"] == "error"
    assert "ValueError: no stock" in failed["message"]


# -- Real servers ----------------------------------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    watchdog = Watchdog()
    valkey = Valkey(tmp_path)
    valkey.prepare()
    process = ServerProcess(valkey, log=tmp_path / "log", watchdog=watchdog)
    yield process
    process.kill()
    watchdog.close()


def read(server: ServerProcess, extension: str) -> list[dict[str, str]]:
    client: Any
    with redis.Redis.from_url(server.server.url, decode_responses=True) as client:
        return [fields for _, fields in client.xrange(f"ext-debug:tenant-a:{extension.lower()}")]


def make_redis_producer(server: ServerProcess, extension: str, **options: Any) -> Producer:
    return Producer(RedisTransport(server.server.url, tenant="TENANT-A", extension=extension), **options)


def test_redis__away_at_the_start__gets_everything_later(server: ServerProcess) -> None:
    extension = f"Ext-{uuid.uuid4()}"
    producer = make_redis_producer(server, extension)
    producer.emit("one")
    while producer.stats().is_connected:
        threading.Event().wait(0.01)
    server.start()
    producer.emit("two")
    assert producer.flush(PATIENCE_SECONDS)
    producer.close()

    lines = read(server, extension)
    assert [line["message"] for line in lines] == ["one", "two"]
    names = ["ts", "level", "stream", "tenant", "extension", "message", "truncated"]
    assert [name for name in lines[0] if name in names] == names


def test_redis__killed_under_load__has_the_newest_and_one_exact_gap(server: ServerProcess) -> None:
    server.start()
    extension = f"Ext-{uuid.uuid4()}"
    producer = make_redis_producer(server, extension, most_lines=100)
    producer.emit("first")
    assert producer.flush(PATIENCE_SECONDS)
    server.kill()
    for number in range(1_000):
        producer.emit(str(number))
    while producer.stats().is_connected:
        threading.Event().wait(0.01)
    server.start()
    assert producer.flush(PATIENCE_SECONDS)
    producer.close()

    lines = read(server, extension)
    gaps = [json.loads(line["fields"])["dropped"] for line in lines if "fields" in line]
    assert gaps == [900]
    assert [line["message"] for line in lines if "fields" not in line] == ["first", *map(str, range(900, 1_000))]


def test_redis__full__waits_and_then_goes_on(server: ServerProcess) -> None:
    server.start()
    extension = f"Ext-{uuid.uuid4()}"
    client: Any = redis.Redis.from_url(server.server.url)
    client.config_set("maxmemory", "1")
    producer = make_redis_producer(server, extension)
    producer.emit("one")
    while producer.stats().is_connected:
        threading.Event().wait(0.01)
    client.config_set("maxmemory", "0")
    assert producer.flush(PATIENCE_SECONDS)
    producer.close()
    client.close()

    assert [line["message"] for line in read(server, extension)] == ["one"]


class _Door(BaseHTTPRequestHandler):
    posted: list[dict[str, Any]]
    answers: list[tuple[int, dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, answer = self.answers.pop(0) if self.answers else (202, {"accepted": 1, "rejected": []})
        if status == 202:
            self.posted.append({"key": self.headers["api-key"], "path": self.path, **body})
        said = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_http__refused_and_taken_in_part__sends_the_rest_again() -> None:
    not_published = {"index": 1, "code": "not_published", "reason": "full"}
    unknown = {"index": 0, "code": "invalid", "reason": "no"}
    _Door.posted = []
    _Door.answers = [(503, {}), (202, {"accepted": 0, "rejected": [unknown, not_published]})]
    server = HTTPServer(("127.0.0.1", 0), _Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    transport = HttpTransport(f"http://127.0.0.1:{server.server_port}/", api_key="k", extension="orders")
    producer = Producer(transport)
    for message in ("one", "two"):
        producer._ring.add(Entry(seq=0, ts_ms=1, level="info", stream="log", message=message, fields={"a": 1}))
    producer.emit("three")
    assert producer.flush(PATIENCE_SECONDS)
    producer.close()
    server.shutdown()
    thread.join()
    server.server_close()

    first, second = _Door.posted
    assert (first["key"], first["path"], first["extension"]) == ("k", "/api/debug/ingest", "orders")
    assert [event["message"] for event in first["events"]] == ["one", "two", "three"]
    assert [event["message"] for event in second["events"]] == ["two", "three"]
    assert (first["events"][0]["fields"], first["events"][2]["seq"]) == ({"a": 1}, 1)
