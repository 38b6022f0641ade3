"""What leaves the console: nothing foreign, nothing secret, nothing that acts, and never more than fits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugconsole.wire.entries import MESSAGE_BYTES
from debugconsole.wire.envelope import Cause
from debugconsole.wire.lines import EntryId
from debugconsole.wire.prepare import Prepared, Preparer, Source, Unshown
from debugconsole.wire.redact import Redactor
from observability.ingest.redaction import compile_rules

TENANT = "0f8Fad5b-d9cb-469f-a165-70867728950e"
SOURCE = Source(prefix="ext-debug:", key=f"ext-debug:{TENANT.lower()}:ext-1", tenant=TENANT, extension="ext-1")
BLOCK = [
    "-----BEGIN RSA PRIVATE KEY-----",
    "MIIEowIBAAKCAQEAn0tv3ryS3cr3tAAAA",
    "c2VjcmV0IGtleSBtYXRlcmlhbA==",
    "-----END RSA PRIVATE KEY-----",
]


def make_preparer(source: Source = SOURCE, **rules: Any) -> Preparer:
    return Preparer(source, compile_rules(**rules))


def prepare(message: str | bytes, preparer: Preparer | None = None, **fields: Any) -> Prepared | Unshown:
    given_fields: dict[str, str | bytes] = {"tenant": TENANT, "extension": "Ext-1", **fields, "message": message}
    pairs = [
        part if isinstance(part, bytes) else part.encode()
        for pair in given_fields.items()
        if pair[1] != "-"
        for part in pair
    ]
    return (preparer or make_preparer()).prepare(EntryId(1732147200999, 0), pairs, 7)


def show(message: str | bytes, preparer: Preparer | None = None, **fields: str) -> dict[str, Any]:
    shown = prepare(message, preparer, **fields)
    assert isinstance(shown, Prepared)
    event: dict[str, Any] = json.loads(shown.json)
    return event


def test_event__the_runners_line__is_the_contracts_json() -> None:
    event = show("hello", ts="1732147200123", level="warn", stream="log", install="I-9", request="R-1", version="v1")

    assert event == {
        "id": "1732147200999-0",
        "n": 7,
        "ts": "2024-11-21T00:00:00.123Z",
        "received_at": "2024-11-21T00:00:00.999Z",
        "level": "warn",
        "stream": "log",
        "origin": "guest",
        "tenantId": TENANT,
        "extensionId": "Ext-1",
        "installId": "I-9",
        "requestId": "R-1",
        "versionId": "v1",
        "message": "hello",
        "truncated": False,
    }


def test_event__without_a_clock__has_the_streams() -> None:
    assert show("hello")["ts"] == "2024-11-21T00:00:00.999Z"


@pytest.mark.parametrize(
    "fields",
    [
        {"tenant": "11111111-d9cb-469f-a165-70867728950e"},
        {"tenant": ""},
        {"tenant": "-"},
        {"extension": "ext-2"},
        {"extension": "-"},
        {"tenant": f"{TENANT}:ext-1", "extension": "-"},
    ],
)
def test_guard__not_what_the_key_says__is_foreign(fields: dict[str, Any]) -> None:
    shown = prepare("hello", **fields)

    assert isinstance(shown, Unshown)
    assert shown.cause == Cause.FOREIGN


def test_guard__ids_in_another_case__are_the_same() -> None:
    assert show("hello", tenant=TENANT.upper(), extension="EXT-1")["tenantId"] == TENANT.upper()


def test_guard__two_pairs_with_one_key__are_told_apart() -> None:
    source = Source(prefix="p:", key="p:a:b:c", tenant="a", extension="b:c")
    preparer = make_preparer(source)

    assert isinstance(prepare("m", preparer, tenant="a", extension="b:c"), Prepared)
    assert isinstance(prepare("m", preparer, tenant="a:b", extension="c"), Unshown)


def test_guard__strays__are_lines_without_a_tenant_alone() -> None:
    preparer = make_preparer(Source(prefix="p:", key="p:unknown", tenant=None, extension=None))

    assert isinstance(prepare("m", preparer, tenant="-", extension="-"), Prepared)
    assert isinstance(prepare("m", preparer), Unshown)


def test_entry__no_line__is_counted_as_such() -> None:
    shown = make_preparer().prepare(EntryId(5, 0), [b"colour", b"blue"], 7)

    assert shown == Unshown(7, EntryId(5, 0), Cause.DECODE_ERROR)


def test_redaction__a_secret_anywhere__is_hidden_and_counted() -> None:
    event = show(
        "password=hunter22 and Bearer abcdefghijklmnop",
        request="sk-proj-abcdefghijklmnopqrstuvwx",
        fields='{"token": "abc12345", "user": 42}',
    )

    assert "hunter22" not in str(event)
    assert "abcdefghijklmnop" not in str(event)
    assert event["requestId"] == "[REDACTED]"
    assert event["fields"] == {"token": "[REDACTED]", "user": 42}
    assert event["redactions"] == [
        {"kind": "credential", "count": 1},
        {"kind": "model_key", "count": 1},
        {"kind": "named_secret", "count": 2},
    ]


def test_redaction__a_projects_own_rule__holds_here_too() -> None:
    preparer = make_preparer(patterns=(("card", r"CARD-\d+"),))

    assert show("paid with CARD-4711", preparer)["message"] == "paid with [REDACTED]"


def test_redaction__without_rules__withholds() -> None:
    shown = prepare("hello", Preparer(SOURCE, None))

    assert isinstance(shown, Unshown)
    assert shown.cause == Cause.REDACTION_WITHHELD


def test_redaction__past_its_time__withholds_that_line_alone() -> None:
    ticks = iter([0.0, 0.003, 0.0, 0.001])
    again = iter([0.0, 0.003])
    preparer = Preparer(SOURCE, compile_rules(), clock=lambda: next(ticks), thread_clock=lambda: next(again))

    slow, quick = prepare("one", preparer), prepare("two", preparer)

    assert isinstance(slow, Unshown)
    assert slow.cause == Cause.REDACTION_WITHHELD
    assert isinstance(quick, Prepared)


def test_redaction__held_up_by_the_machine__is_shown() -> None:
    preparer = Preparer(SOURCE, compile_rules(), clock=iter([0.0, 9.0]).__next__, thread_clock=lambda: 0.0)

    assert isinstance(prepare("one", preparer), Prepared)


def test_redaction__that_fails__withholds_that_line_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    preparer = make_preparer()
    monkeypatch.setattr(Redactor, "redact", lambda self, line: 1 / 0 if line.message == "bad" else line)

    assert isinstance(prepare("bad", preparer), Unshown)
    assert isinstance(prepare("good", preparer), Prepared)


def test_redaction__a_private_key_line_by_line__is_hidden_to_its_end() -> None:
    preparer = make_preparer()

    shown = [show(line, preparer, request="r1")["message"] for line in [*BLOCK, "done"]]

    assert "MIIE" not in str(shown)
    assert "c2Vj" not in str(shown)
    assert shown[-1] == "done"


def test_redaction__a_private_key_of_one_request__leaves_others_alone() -> None:
    preparer = make_preparer()
    show(BLOCK[0], preparer, request="r1")

    assert show("dGhpcyBpcyBub3Qgc2VjcmV0", preparer, request="r2")["message"] == "dGhpcyBpcyBub3Qgc2VjcmV0"
    assert show("an ordinary line, it seems", preparer, request="r1")["message"] == "an ordinary line, it seems"
    assert show("c2VjcmV0IGtleSBtYXRlcmlhbA==", preparer, request="r1")["message"] == "c2VjcmV0IGtleSBtYXRlcmlhbA=="


def test_redaction__cut_by_the_producer_inside_a_secret__hides_the_beginning() -> None:
    assert show("token is eyJhbGciOi", truncated="1")["message"] == "token is [REDACTED]"
    assert show("token is eyJhbGciOi", truncated="0")["message"] == "token is eyJhbGciOi"


def test_redaction__a_secret_across_our_own_cut__leaves_no_half() -> None:
    jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
    event = show("x" * (MESSAGE_BYTES - 20) + " " + jwt)

    assert event["message"].endswith("x [REDACTED]")


def test_message__too_long__is_cut_and_says_how_long_it_was() -> None:
    event = show("é" * MESSAGE_BYTES)

    assert event["message"] == "é" * (MESSAGE_BYTES // 2)
    assert (event["truncated"], event["origBytes"]) == (True, 2 * MESSAGE_BYTES)


def test_texts__that_would_act__are_shown_in_every_field() -> None:
    event = show("a\x1b[2Jb", request="r\u202e1", fields='{"k\\u0000": ["\\u001b"]}')

    assert (event["message"], event["requestId"], event["fields"]) == ("a␛[2Jb", "r⟨U+202E⟩1", {"k␀": ["␛"]})


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_prepare__any_bytes__never_raises_and_is_json(message: bytes, fields: bytes) -> None:
    pairs = [b"tenant", TENANT.encode(), b"extension", b"ext-1", b"message", message, b"fields", fields]

    shown = make_preparer().prepare(EntryId(5, 0), pairs, 1)

    assert isinstance(shown, Prepared)
    assert json.loads(shown.json)["n"] == 1
