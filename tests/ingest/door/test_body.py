"""Reading bodies under bounds: sizes, encodings, time, and what a bomb costs."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator

import pytest
from asgiref.typing import ASGIReceiveEvent
from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.door.body import (
    GZIP_MEMBERS_LIMIT,
    SLICE_BYTES,
    Budget,
    ClientGoneError,
    CorruptError,
    Limits,
    OverloadedError,
    TooLargeError,
    TooSlowError,
    UnknownEncodingError,
    read_body,
)

MIB = 2**20
SMALL = Limits(wire_bytes=1000, body_bytes=4000, idle_seconds=0.05, total_seconds=0.2)
LARGE = Limits(wire_bytes=8 * MIB, body_bytes=64 * MIB)


def _deflate_raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "Deflate ": _deflate_raw,
    "": bytes,
    "identity": bytes,
}


async def _read(
    pieces: Iterable[bytes],
    *,
    encoding: str = "",
    declared: int | None = None,
    limits: Limits = LARGE,
    budget: Budget | None = None,
    pause: float = 0.0,
    is_cut: bool = False,
) -> bytes:
    rest = iter(pieces)

    async def receive() -> ASGIReceiveEvent:
        await asyncio.sleep(pause)
        piece = next(rest, None)
        if piece is None:
            return {"type": "http.disconnect"} if is_cut else {"type": "http.request", "body": b"", "more_body": False}
        return {"type": "http.request", "body": piece, "more_body": True}

    with (budget or Budget(256 * MIB)).hold() as hold:
        return await read_body(receive, encoding=encoding, declared_bytes=declared, limits=limits, hold=hold)


def _cut(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@given(
    data=st.binary(max_size=3000),
    encoding=st.sampled_from(sorted(PACKERS)),
    size=st.integers(min_value=1, max_value=99),
)
async def test_read_body__any_encoding_any_pieces__same_bytes(data: bytes, encoding: str, size: int) -> None:
    assert await _read(_cut(PACKERS[encoding](data), size), encoding=encoding) == data


@pytest.mark.parametrize("encoding", sorted(PACKERS))
@pytest.mark.parametrize("size", [SLICE_BYTES - 1, SLICE_BYTES, SLICE_BYTES + 1, 3 * SLICE_BYTES])
async def test_read_body__around_a_slice__nothing_left_behind(encoding: str, size: int) -> None:
    data = b"a" * size

    assert await _read([PACKERS[encoding](data)], encoding=encoding) == data


async def test_read_body__joined_gzip_files_with_padding__all_of_them() -> None:
    body = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 64

    assert await _read(_cut(body, 7), encoding="gzip") == b"one two"


async def test_read_body__endless_gzip_files__refused() -> None:
    body = gzip.compress(b"") * (GZIP_MEMBERS_LIMIT + 1)

    with pytest.raises(CorruptError):
        await _read([body], encoding="gzip")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "Deflate "])
@pytest.mark.parametrize("keep", [0, 1, 2, 15, -1])
async def test_read_body__truncated__refused(encoding: str, keep: int) -> None:
    body = PACKERS[encoding](b"some text that is not short")[:keep]

    with pytest.raises(CorruptError, match="ends before"):
        await _read([body], encoding=encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("body", [b"not compressed at all", b'{"sessionId":"s1","events":[]}'])
async def test_read_body__not_compressed__refused(encoding: str, body: bytes) -> None:
    with pytest.raises(CorruptError):
        await _read([body], encoding=encoding)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_read_body__garbage_after_the_end__refused(encoding: str) -> None:
    body = PACKERS[encoding](b"text") + b"garbage"

    with pytest.raises(CorruptError):
        await _read(_cut(body, 5), encoding=encoding)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "aes128gcm"])
async def test_read_body__unknown_encoding__refused(encoding: str) -> None:
    with pytest.raises(UnknownEncodingError):
        await _read([b"x"], encoding=encoding)


@pytest.mark.parametrize(
    ("encoding", "size", "declared"), [("", 4001, 4001), ("", 4001, None), ("gzip", 1001, 1001), ("gzip", 9000, None)]
)
async def test_read_body__over_a_limit__refused(encoding: str, size: int, declared: int | None) -> None:
    data = b"".join(b"%d" % (number * 7919) for number in range(2000))[:size]
    body = PACKERS[encoding](data)

    with pytest.raises(TooLargeError):
        await _read(_cut(body, 100), encoding=encoding, declared=declared, limits=SMALL)


@pytest.mark.parametrize(("encoding", "size"), [("", 4000), ("gzip", 4000)])
async def test_read_body__at_the_limit__taken(encoding: str, size: int) -> None:
    data = b"a" * size

    assert await _read([PACKERS[encoding](data)], encoding=encoding, limits=SMALL) == data


async def test_read_body__declared_too_large__not_a_byte_is_read() -> None:
    pieces = iter([b"x"])

    with pytest.raises(TooLargeError):
        await _read(pieces, declared=64 * MIB + 1)

    assert next(pieces) == b"x"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_read_body__bomb__stopped_at_the_limit_in_flat_memory(encoding: str) -> None:
    packer = zlib.compressobj(9, wbits=31 if encoding == "gzip" else 15)
    bomb = b"".join(packer.compress(bytes(MIB)) for _ in range(160)) + packer.flush()
    budget = Budget(256 * MIB)

    tracemalloc.start()
    with pytest.raises(TooLargeError):
        await _read(_cut(bomb, 65536), encoding=encoding, budget=budget)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 80 * MIB
    assert budget.held == 0


async def test_read_body__gigabyte_in_pieces__stopped_at_the_limit_in_flat_memory() -> None:
    piece = bytes(65536)
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        for _ in range(16384):
            read += len(piece)
            yield piece

    tracemalloc.start()
    with pytest.raises(TooLargeError):
        await _read(endless())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert read <= 65 * MIB
    assert peak < 80 * MIB


async def test_read_body__no_room_in_the_budget__refused_and_given_back() -> None:
    budget = Budget(100)
    other = budget.hold()
    other.take(60)

    with pytest.raises(OverloadedError):
        await _read([b"x" * 30, b"x" * 30], budget=budget)

    assert budget.held == 60


async def test_read_body__client_goes__nothing_held() -> None:
    budget = Budget(100)

    with pytest.raises(ClientGoneError):
        await _read([b"x" * 30], budget=budget, is_cut=True)

    assert budget.held == 0


async def test_read_body__no_byte_for_too_long__refused() -> None:
    with pytest.raises(TooSlowError):
        await _read([b"x"], limits=SMALL, pause=1.0)


async def test_read_body__a_trickle_for_ever__refused() -> None:
    with pytest.raises(TooSlowError):
        await _read((b"x" for _ in range(1000)), limits=SMALL, pause=0.01)


async def test_read_body__large_compressed_body__others_get_their_turn() -> None:
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counter = asyncio.create_task(count_turns())
    await _read([gzip.compress(bytes(32 * MIB))], encoding="gzip")
    counter.cancel()

    assert turns >= 32
