"""Keys and entries as the unmodified runner writes them, and as nobody should."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugconsole.wire.emit import Emission, build_xadd
from debugconsole.wire.entries import UndecodableError, decode_entry
from debugconsole.wire.keys import list_stray_keys, lower_ascii, stream_key
from debugconsole.wire.lines import EntryId, Line, parse_entry_id, write_time

ID = EntryId(1732147200999, 3)


def decode(**fields: bytes) -> Line:
    given_fields = {"message": b"hello", **fields}
    return decode_entry(ID, [part for name, value in given_fields.items() for part in (name.encode(), value)])


@pytest.mark.parametrize(
    ("tenant", "extension", "key"),
    [
        ("TENANT-A", "Ext-1", "ext-debug:tenant-a:ext-1"),
        (None, "Ext-1", "ext-debug:ext-1"),
        ("T", None, "ext-debug:t"),
        (None, None, "ext-debug:unknown"),
        ("", "Ext-1", "ext-debug::ext-1"),
        # Only ASCII is lowered: the runner does no more.
        ("İÄ-X", "e", "ext-debug:İÄ-x:e"),
    ],
)
def test_key__every_shape__is_the_runners(tenant: str | None, extension: str | None, key: str) -> None:
    assert stream_key("ext-debug:", tenant=tenant, extension=extension) == key


def test_stray_keys__with_an_extension__hold_the_documents_shape_too() -> None:
    assert list_stray_keys("p:", "Ext") == ("p:ext", "p:unknown:ext", "p:unknown")
    assert list_stray_keys("p:") == ("p:unknown",)


@given(st.text())
def test_lower_ascii__any_text__changes_nothing_but_a_to_z(text: str) -> None:
    assert lower_ascii(text).encode("utf-8", "surrogatepass") == text.encode("utf-8", "surrogatepass").lower()


def test_xadd__the_runners_example__is_exactly_its_vector() -> None:
    emission = Emission(
        ts="1732147200123",
        level="info",
        stream="log",
        tenant="TENANT-A",
        extension="Ext-1",
        install="Inst-9",
        request="Req-ABC",
        version="v1",
        message=b"hello",
    )

    text = "XADD ext-debug:tenant-a:ext-1 MAXLEN ~ 2000 * ts 1732147200123 level info stream log tenant TENANT-A"
    text += " extension Ext-1 install Inst-9 request Req-ABC version v1 message"
    assert build_xadd(emission, prefix="ext-debug:") == [*text.split(), b"hello", "truncated", "0"]


def test_entry__the_runners_example__is_a_line() -> None:
    line = decode(
        ts=b"1732147200123",
        level=b"info",
        stream=b"log",
        tenant=b"TENANT-A",
        extension=b"Ext-1",
        install=b"Inst-9",
        request=b"Req-ABC",
        version=b"v1",
        truncated=b"0",
    )

    assert line == Line(
        id=ID,
        ts_ms=1732147200123,
        level="info",
        stream="log",
        message="hello",
        truncated=False,
        tenant="TENANT-A",
        extension="Ext-1",
        install="Inst-9",
        request="Req-ABC",
        version="v1",
    )


@pytest.mark.parametrize(
    ("clock", "ms"),
    [
        (b"1732147200123", 1732147200123),
        (b"1732147200", 1732147200000),
        (b"1732147200.5", 1732147200500),
        (b"1732147200123456", 1732147200123),
        (b"1732147200123456789", 1732147200123),
        (b"2024-11-21T00:00:00.123Z", 1732147200123),
        (b"2024-11-21T01:00:00+01:00", 1732147200000),
        (b"2024-11-21T00:00:00", 1732147200000),
        (b"0", None),
        (b"-5", None),
        (b"", None),
        (b"nan", None),
        (b"inf", None),
        (b"yesterday", None),
        (b"1e400", None),
        (b"\xff\xfe", None),
        (b"9999-12-31T23:59:59-23:59", None),
    ],
)
def test_clock__every_form__is_milliseconds_or_unknown(clock: bytes, ms: int | None) -> None:
    assert decode(ts=clock).ts_ms == ms


@pytest.mark.parametrize(
    ("level", "read"), [(b"WARN", "warn"), (b"Warning", "warn"), (b"fatal", "error"), (b"loud", "info"), (b"", "info")]
)
def test_level__in_any_case_or_unknown__has_a_fallback(level: bytes, read: str) -> None:
    assert decode(level=level).level == read


@pytest.mark.parametrize(
    ("value", "truth"), [(b"1", True), (b"true", True), (b"True", True), (b"0", False), (b"no", False)]
)
def test_truncated__every_form__is_read(value: bytes, truth: bool) -> None:
    assert decode(truncated=value).truncated is truth


def test_message__no_utf8__costs_its_own_characters_alone() -> None:
    assert decode(message=b"a\xffb\xe2\x82").message == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"


def test_fields__unknown_ones__are_ignored_and_missing_ones_unknown() -> None:
    line = decode(colour=b"blue")

    assert (line.level, line.stream, line.tenant, line.ts_ms) == ("info", "log", None, None)


def test_identity__two_different_tenants__is_nobodys() -> None:
    pairs = [b"message", b"m", b"tenant", b"a", b"tenant", b"b"]

    with pytest.raises(UndecodableError):
        decode_entry(ID, pairs)


@pytest.mark.parametrize("pairs", [[], [b"message"], [b"colour", b"blue"]])
def test_entry__no_line_at_all__is_said_to_be_none(pairs: list[bytes]) -> None:
    with pytest.raises(UndecodableError):
        decode_entry(ID, pairs)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"ts", b"level", b"message", b"tenant", b"fields", b"seq"]) | st.binary(), st.binary()
        )
    )
)
def test_entry__any_bytes__is_a_line_or_is_said_to_be_none(pairs: list[tuple[bytes, bytes]]) -> None:
    flat = [part for pair in pairs for part in pair]

    try:
        line = decode_entry(ID, flat)
    except UndecodableError:
        return
    assert line.level in ("trace", "debug", "info", "warn", "error")


def test_ids__a_megabyte_long__are_clipped() -> None:
    assert len(decode(request=b"x" * 2**20).request or "") == 400


def test_message__far_too_long__is_not_even_decoded() -> None:
    line = decode(message=b"x" * 2**20)

    assert (line.truncated, line.original_bytes) == (True, 2**20)
    assert len(line.message) == 8_192 + 4_096


def test_fields__of_our_own_producer__are_read() -> None:
    line = decode(seq=b"17", boot=b"b1", pod=b"p1", trace=b"chat::1", fields=b'{"user": 42}')

    assert (line.seq, line.boot, line.pod, line.trace, line.fields) == (17, "b1", "p1", "chat::1", {"user": 42})


@pytest.mark.parametrize("message", [b"execute failed: trap", b"secret envelope decryption failed: x"])
def test_origin__a_message_of_the_runner_itself__is_the_host(message: bytes) -> None:
    assert decode(message=message, level=b"error", stream=b"log").origin == "host"
    assert decode(message=message, level=b"error", stream=b"stderr").origin == "guest"


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_entry_id__written_and_read__is_the_same(ms: int, seq: int) -> None:
    assert parse_entry_id(str(EntryId(ms, seq))) == EntryId(ms, seq)


def test_entry_id__ten_in_a_millisecond__comes_after_nine() -> None:
    assert parse_entry_id("5-10") > parse_entry_id("5-9")


@pytest.mark.parametrize(
    "text", ["", "$", "5", "5-", "-5", "a-b", "5-5-5", "+5-1", "5-1 ", f"{2**64}-0", "\u0665-\u0665"]
)
def test_entry_id__what_is_none__is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no entry id"):
        parse_entry_id(text)


@given(st.integers(0, 2**64 - 1))
def test_time__of_any_id__can_be_written(ms: int) -> None:
    assert write_time(ms)
