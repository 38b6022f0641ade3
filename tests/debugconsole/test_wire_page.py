"""`docs/debug-wire.md` says what the code does."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

import msgspec
import pytest

from config.env import BASE_DIR
from debugconsole import door
from debugconsole.transports import commands, limits
from debugconsole.wire import entries, lines, posted
from debugconsole.wire.emit import DEFAULT_MAXLEN, Emission, build_xadd
from debugconsole.wire.entries import decode_entry
from debugconsole.wire.envelope import ONE_PROCESS, Cause, EndReason, Message, NoticeCode
from debugconsole.wire.keys import DEFAULT_PREFIX, stream_key
from debugconsole.wire.lines import EntryId, encode_aside, encode_line

PAGE = (BASE_DIR / "docs" / "debug-wire.md").read_text()


def read_table(*heads: str) -> list[list[str]]:
    """Return the rows of the one table with these heads."""
    start = PAGE.index("| " + " | ".join(heads) + " |")
    rows = PAGE[start:].split("\n\n", 1)[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip().strip("|").split(" | ")] for row in rows]


def read_names(cells: list[str]) -> list[str]:
    """Return what stands in code style."""
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_page__keys__are_those_that_are_derived() -> None:
    rows = read_table("Tenant", "Extension", "Key")

    assert len(rows) == 4
    for row in rows:
        tenant, extension = (None if cell == "none" else cell.strip("`") for cell in row[:2])
        assert row[2].strip("`") == stream_key(DEFAULT_PREFIX, tenant=tenant, extension=extension)


def test_page__xadd__is_the_one_that_is_built_and_can_be_read() -> None:
    words = re.findall(r"^    (XADD .+)$", PAGE, re.MULTILINE)[0].split(" ")
    said = dict(zip(words[6::2], words[7::2], strict=True))

    built = build_xadd(
        Emission(
            ts=said["ts"],
            level=said["level"],
            stream=said["stream"],
            message=said["message"].encode(),
            tenant=said["tenant"],
            extension=said["extension"],
            install=said["install"],
            request=said["request"],
            version=said["version"],
        ),
        prefix=DEFAULT_PREFIX,
        maxlen=DEFAULT_MAXLEN,
    )

    assert [word.decode() if isinstance(word, bytes) else word for word in built] == words


def test_page__fields__are_those_that_are_read() -> None:
    rows = read_table("Field", "Always", "Holds")
    values = {
        "ts": b"1732147200123",
        "level": b"warn",
        "stream": b"stderr",
        "seq": b"7",
        "truncated": b"1",
        "fields": b'{"a": 1}',
    }
    names = [row[0].strip("`") for row in rows]
    pairs = [part for name in names for part in (name.encode(), values.get(name, b"x"))]

    line = decode_entry(EntryId(1, 1), pairs)

    known = {name for name in line.__struct_fields__ if getattr(line, name) not in (None, "guest", ())}
    assert {"ts" if name == "ts_ms" else name for name in known} - {"id"} == set(names)
    assert read_names([rows[1][2]])[:5] == list(lines.LEVELS)
    assert read_names([rows[2][2]])[:3] == list(lines.STREAMS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("of which {:,} bytes are shown", entries.MESSAGE_BYTES),
        ("a JSON object of at most {:,} bytes", entries.FIELDS_BYTES),
        ("Ids are shown up to {} characters", entries.ID_LIMIT),
        ("At most {:,} lines,", posted.MOST_EVENTS),
        (", {} MiB as sent", door.LIMITS.wire_bytes >> 20),
        ("and {} MiB unpacked", door.LIMITS.body_bytes >> 20),
        ("{:,} lines a second with one key", door.LINES_PER_SECOND),
        ("numbers, every {:.0f} seconds", limits.HEARTBEAT_SECONDS),
        ("every {:.0f} while they change", limits.BUSY_HEARTBEAT_SECONDS),
        ("at most {:,} are on their way", limits.MOST_UNACKED),
        ("`{}`: posted to one process", ONE_PROCESS),
    ],
)
def test_page__figures__are_the_code_s(text: str, value: Any) -> None:
    assert text.format(value) in PAGE


def test_page__members_of_a_line__are_those_that_are_sent() -> None:
    line = lines.Line(
        id=EntryId(1732147200456, 0),
        ts_ms=1732147200123,
        level="info",
        stream="log",
        message="hello",
        truncated=False,
    )
    full = msgspec.structs.replace(
        line,
        redactions=1,
        original_bytes=9,
        fields={"a": 1},
        seq=1,
        **dict.fromkeys(
            ("tenant", "extension", "install", "request", "version", "content_hash", "trace", "pod", "boot"), "x"
        ),
    )

    shown = set(read_names([row[0] for row in read_table("Member", "Holds")]))

    assert shown == {*json.loads(encode_line(full, 3141)), *json.loads(encode_aside(full, "1"))}
    assert json.loads(re.findall(r'^(\{"id".+)$', PAGE, re.MULTILINE)[0]) == json.loads(encode_line(line, 3141))


def test_page__posted_body__is_taken() -> None:
    body = re.findall(r'^(\{"extension".+)$', PAGE, re.MULTILINE)[0]

    taken, refused = posted.read_posted(body.encode(), tenant="t")

    assert (len(taken), refused) == (1, [])


def test_page__messages_codes_causes_and_ends__are_all_there_are() -> None:
    ops = {kind.__struct_config__.tag for kind in get_args(Message)}

    assert set(read_names([row[0] for row in read_table("`op`", "Says")])) == ops
    assert set(read_names([row[0] for row in read_table("`code`", "Says")])) == set(NoticeCode)
    assert set(read_names([row[0] for row in read_table("`cause`", "Why lines are not shown")])) == set(Cause)
    ends = {row[0].strip("`"): int(row[1]) for row in read_table("`reason`", "WebSocket closes with")}
    assert ends == {str(reason): code for reason, code in commands.CLOSE_CODES.items()}
    assert set(ends) == set(EndReason)
    for code in (commands.PROTOCOL, commands.UNAUTHENTICATED, commands.UNKNOWN):
        assert str(code) in PAGE


def test_page__commands__are_all_there_are() -> None:
    ops = {kind.__struct_config__.tag for kind in get_args(commands.Command)}

    assert set(read_names([row[0] for row in read_table("`op`", "Means")])) == ops
