"""The compiled functions under sanitizers: whatever is sent, no byte is touched that is not theirs, none is lost."""

from __future__ import annotations

import os
import random
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from observability.ingest.native import build
from tests.ingest.request_bodies import (
    BODIES_AT_LIMITS,
    BYTES,
    list_hard_texts,
    make_span,
    plain_bodies,
    plain_spans,
    scramble,
    spoil,
    wrap_spans,
    write_field,
)
from tests.ingest.searched_texts import (
    ascii_texts,
    conversations,
    list_texts_of_many,
    make_dense_text,
    make_text_that_collides,
    odd_json,
    plain_json,
)

SPANS, TERMS, HASHES = "playhead_spans", "playhead_terms", "playhead_hashes"
PREVIEWS, ROWS = "playhead_previews", "playhead_rows"
ALLOCATIONS = range(1, 13)


class Case(NamedTuple):
    """One call: the second string is for functions that take two, and the allocation of this number fails."""

    function: str
    given: bytes
    second: bytes = b""
    failing: int = 0


_OPTIONS = ["-std=c11", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
_DRIVER = Path(__file__).with_name("kernels_driver.c")
_seeds = st.integers(0, 2**32 - 1)
_examples = settings(max_examples=40)
_LETTERS = b"ibftsa"
_encode = msgspec.msgpack.encode
_ROWS = Case(ROWS, _encode([[1, 2**40, 0.5, 10**15, "text", ["a", ""]]] * 2_000), _LETTERS)
_cells = st.none() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary() | st.lists(st.text())
_texts = ascii_texts | plain_json | odd_json | conversations


def _compile(source: Path, program: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["cc", *_OPTIONS, *options, str(source), "-o", str(program)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program that calls the functions; skip without a compiler that has sanitizers."""
    folder = tmp_path_factory.mktemp("kernels")
    smallest = folder / "smallest.c"
    smallest.write_text("int main(void) { return 0; }\n")
    try:
        has_sanitizers = not _compile(smallest, folder / "smallest").returncode
    except FileNotFoundError:
        pytest.skip("there is no C compiler")
    if not has_sanitizers or subprocess.run([folder / "smallest"], check=False).returncode:
        pytest.skip("the C compiler has no sanitizers that run here")
    made = _compile(_DRIVER, folder / "driver", f'-DKERNELS="{build.SOURCE}"')
    assert not made.returncode, made.stderr
    return folder / "driver"


def _write_case(case: Case) -> bytes:
    parts = [case.function.encode(), case.given, case.second]
    return struct.pack("=I", case.failing) + b"".join(struct.pack("=I", len(part)) + part for part in parts)


def _run(driver: Path, cases: Iterable[Case], *, fill: int = 0xBE) -> list[bytes | None]:
    """Return what came of each case. `fill` is what new memory holds."""
    sent = b"".join(map(_write_case, cases))
    options = f"max_malloc_fill_size={2**30}:malloc_fill_byte={fill}"
    done = subprocess.run(
        [driver],
        input=sent,
        check=False,
        capture_output=True,
        env=os.environ | {"ASAN_OPTIONS": options},
        timeout=60,
    )
    assert not done.returncode, done.stderr.decode(errors="replace")
    return list(_read_results(done.stdout))


def _read_results(written: bytes) -> Iterable[bytes | None]:
    place = 0
    while place < len(written):
        (size,) = struct.unpack_from("=I", written, place)
        place += 4
        if size == 2**32 - 1:
            yield None
            continue
        yield written[place : place + size]
        place += size


def _spoil_often(body: bytes, chance: random.Random, *, count: int) -> Iterable[bytes]:
    for _ in range(count):
        spoiled = body
        for _ in range(chance.choice([1, 1, 2, 4])):
            spoiled = spoil(spoiled, chance)
        yield spoiled
        yield scramble(body, chance)


def _list_cases(body: bytes, text: str | bytes, chance: random.Random, *, count: int) -> list[Case]:
    """Return a call of every function, and of the one for spans for so many spoiled bodies."""
    bodies = [body, *_spoil_often(body, chance, count=count)]
    return [*(Case(SPANS, content) for content in bodies), *_use_everywhere(text), _ROWS]


def _use_everywhere(text: str | bytes) -> list[Case]:
    raw = text.encode() if isinstance(text, str) else text
    return [Case(TERMS, _encode([text])), Case(HASHES, raw), Case(PREVIEWS, _encode([text]))]


@_examples
@given(body=plain_bodies, seed=_seeds)
def test_spans__plain_or_spoiled__are_read_within_bounds(driver: Path, body: bytes, seed: int) -> None:
    bodies = [body, *_spoil_often(body, random.Random(seed), count=150)]

    found = _run(driver, [Case(SPANS, content) for content in bodies])

    assert len(found) == len(bodies)
    assert found[0] is not None


@_examples
@given(span=plain_spans.map(lambda span: span.SerializeToString()), seed=_seeds)
def test_spans__every_end_of_one__is_read_within_bounds(driver: Path, span: bytes, seed: int) -> None:
    chance = random.Random(seed)
    cut = [span[: chance.randrange(len(span))] for _ in range(100)]

    found = _run(driver, [Case(SPANS, body) for body in [wrap_spans(*cut), *map(wrap_spans, cut)]])

    assert None not in found


def test_spans__text_at_the_bounds_of_utf8_and_the_end__is_read_within_bounds(driver: Path) -> None:
    spans = [make_span() + write_field((5, BYTES, text)) for text in list_hard_texts()]

    found = _run(driver, [Case(SPANS, wrap_spans(span)) for span in spans])

    assert None not in found


@_examples
@given(
    rows=st.lists(st.lists(_cells, min_size=1, max_size=6), max_size=20),
    letters=st.text("ibftsa?", max_size=7),
    seed=_seeds,
)
def test_rows__of_any_types_or_spoiled__are_read_within_bounds(
    driver: Path, rows: list[list[object]], letters: str, seed: int
) -> None:
    chance = random.Random(seed)
    encoded = [_encode(rows), *(_encode([row]) for row in rows), _ROWS.given[:200]]
    encoded += [scramble(chance.choice(encoded), chance) for _ in range(150)]
    cases = [Case(ROWS, content, kinds) for content in encoded for kinds in (letters.encode(), _LETTERS)]

    found = _run(driver, [*cases, _ROWS])

    assert len(found) == len(cases) + 1
    assert found[-1] is not None


def test_spans__at_limits_and_past_them__are_read_within_bounds(driver: Path) -> None:
    found = _run(driver, [Case(SPANS, body) for body in BODIES_AT_LIMITS.values()])

    refused = {name for name, result in zip(BODIES_AT_LIMITS, found, strict=True) if result is None}
    assert refused == {name for name in BODIES_AT_LIMITS if name.startswith("too many")}


@_examples
@given(contents=st.lists(st.binary(max_size=200), min_size=50, max_size=50))
def test_every_function__any_bytes__are_read_within_bounds(driver: Path, contents: list[bytes]) -> None:
    cases = [Case(name, content) for name in (SPANS, TERMS, HASHES, PREVIEWS) for content in contents]

    assert len(_run(driver, cases)) == len(cases)


@_examples
@given(texts=st.lists(_texts, min_size=10, max_size=10), seed=_seeds)
def test_terms_and_previews__any_texts_or_spoiled__are_read_within_bounds(
    driver: Path, texts: list[str | bytes], seed: int
) -> None:
    chance = random.Random(seed)
    lists = [_encode(texts), *(_encode([text]) for text in texts)]
    lists += [scramble(chance.choice(lists), chance) for _ in range(100)]

    found = _run(driver, [Case(name, given) for name in (TERMS, PREVIEWS) for given in lists])

    assert len(found) == 2 * len(lists)
    assert None not in found[len(lists) :][: len(texts)]


@_examples
@given(texts=st.lists(ascii_texts, min_size=20, max_size=20))
def test_hashes__of_terms_cut_anywhere__are_read_within_bounds(driver: Path, texts: list[str]) -> None:
    lexemes = [found for found in _run(driver, [Case(TERMS, _encode([text])) for text in texts]) if found is not None]

    hashed = _run(driver, [Case(HASHES, part[: len(part) - cut]) for part in lexemes for cut in range(5)])

    assert len(lexemes) == len(texts)
    assert None not in hashed


def test_hashes__of_empty_terms_and_cut_ends__are_read_within_bounds(driver: Path) -> None:
    contents = [first + bytes(size) + last for size in range(64) for first in (b"", b"a") for last in (b"", b"z")]

    assert None not in _run(driver, [Case(HASHES, content) for content in contents])


def test_terms__dense_text_of_any_size__are_read_within_bounds(driver: Path) -> None:
    cases = [Case(TERMS, _encode([make_dense_text(count)])) for count in range(1, 600)]

    assert len(_run(driver, cases)) == len(cases)


@pytest.mark.parametrize("first", [b"", b'"', b" "])
def test_previews__of_any_size__are_read_within_bounds(driver: Path, first: bytes) -> None:
    values = [(first + piece * size)[:size] for size in range(850) for piece in (b"x", b" ", b"\\", b'\\"', b"rol")]

    assert None not in _run(driver, [Case(PREVIEWS, _encode([value])) for value in values])


@pytest.mark.parametrize("count", [4095, 4096, 4097, 20_000])
def test_terms_and_hashes__about_as_many_as_may_be__are_read_within_bounds(driver: Path, count: int) -> None:
    lexemes = _run(driver, [Case(TERMS, _encode([text])) for text in list_texts_of_many(count)])

    hashed = _run(driver, [Case(HASHES, part or b"") for part in lexemes])

    assert None not in lexemes
    assert [len(part or b"") // 8 for part in hashed] == [(part or b"").count(b"\0\0\0") for part in lexemes]


def test_terms__made_to_collide__are_given_up(driver: Path) -> None:
    assert _run(driver, [Case(TERMS, _encode([make_text_that_collides(300)]))]) == [None]


@_examples
@example(body=wrap_spans(*[b""] * 5_000), text=" ".join(f"{number}" for number in range(3_000)), seed=0)
@given(body=plain_bodies, text=_texts, seed=_seeds)
def test_every_function__memory_runs_out_at_any_moment__there_is_all_or_nothing(
    driver: Path, body: bytes, text: str | bytes, seed: int
) -> None:
    cases = _list_cases(body, text, random.Random(seed), count=5)

    whole = _run(driver, cases)
    found = _run(driver, [case._replace(failing=failing) for case in cases for failing in ALLOCATIONS])

    for place, one in enumerate(found):
        assert one in (None, whole[place // len(ALLOCATIONS)])
    assert found[:: len(ALLOCATIONS)] == [None] * len(cases)


@_examples
@given(body=plain_bodies, text=_texts, seed=_seeds)
def test_every_function__whatever_memory_held__is_the_same(
    driver: Path, body: bytes, text: str | bytes, seed: int
) -> None:
    cases = _list_cases(body, text, random.Random(seed), count=20)

    assert _run(driver, cases, fill=0x00) == _run(driver, cases, fill=0xFF)
