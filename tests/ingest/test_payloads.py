from __future__ import annotations

import json
import os
import threading

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from observability.ingest.payloads import (
    BLOB_MAGIC,
    ZSTD_MAGIC,
    BlobReference,
    UnreadableReplayCopyError,
    decrypt_replay_copy,
    encrypt_replay_copy,
    make_blob_reference,
    pack,
    preview,
    read_blob_reference,
    unescape,
    unpack,
)

_json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


# --- pack ---------------------------------------------------------------------------------------------------------


@given(value=st.binary(max_size=2_000) | st.binary(max_size=50).map(lambda part: part * 40))
def test_pack__any_bytes__come_back(value: bytes) -> None:
    assert unpack(pack(value)) == value


@pytest.mark.parametrize("magic", [ZSTD_MAGIC, BLOB_MAGIC])
def test_pack__value_that_looks_packed__comes_back(magic: bytes) -> None:
    assert unpack(pack(magic + b"x")) == magic + b"x"


def test_pack__short_value__stays_as_it_is() -> None:
    value = b'{"a":1}'

    assert pack(value) is value


def test_pack__repetitive_value__is_a_smaller_zstd_frame() -> None:
    packed = pack(b'{"role":"user"}' * 100)

    assert packed.startswith(ZSTD_MAGIC)
    assert len(packed) < 100


def test_pack__incompressible_value__is_not_made_larger() -> None:
    value = os.urandom(1_000)

    assert pack(value) is value


def test_pack__many_threads__do_not_share_a_compressor() -> None:
    value = b'{"role":"user","content":"hello"}' * 200
    results: list[bool] = []

    def work() -> None:
        results.append(all(unpack(pack(value)) == value for _ in range(200)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [True] * 4


# --- blob references ----------------------------------------------------------------------------------------------


def test_blob_reference__made_and_read__is_the_same_address() -> None:
    stored = make_blob_reference("ab" * 32, 5_000_000_000)

    assert read_blob_reference(stored) == BlobReference(sha256="ab" * 32, size=5_000_000_000)


def test_unpack__blob_reference__is_refused() -> None:
    with pytest.raises(ValueError, match="blob"):
        unpack(make_blob_reference("ab" * 32, 1))


@pytest.mark.parametrize("stored", [b"", b'{"a":1}', BLOB_MAGIC, pack(b"x" * 500)])
def test_read_blob_reference__value__is_none(stored: bytes) -> None:
    assert read_blob_reference(stored) is None


# --- previews and search text -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b'"Hello, world"', "Hello, world"),
        (b'"line one\\n\\n  line two\\ttab"', "line one line two tab"),
        (b'"say \\"hi\\" and C:\\\\new"', 'say "hi" and C:\\new'),
        (b'"\\u65e5\\u672c \\ud83d\\ude00"', "\N{CJK UNIFIED IDEOGRAPH-65E5}\N{CJK UNIFIED IDEOGRAPH-672C} \U0001f600"),
        (b'{\n  "city": "K\\u00f6ln",\n  "n": 1\n}', '{ "city": "Köln", "n": 1 }'),
        (b"null", "null"),
        (b"12345678901234567890", "12345678901234567890"),
        (b'""', ""),
        (b"[]", "[]"),
        (b'"lone \\ud83d"', "lone \N{REPLACEMENT CHARACTER}"),
        (b'"\\u0001control \\\\u0002"', "control \\u0002"),
        (b'"nul \\u0000"', "nul \N{REPLACEMENT CHARACTER}"),
    ],
)
def test_preview__short_value__is_shown_whole_on_one_line(value: bytes, shown: str) -> None:
    assert preview(value) == shown


def test_preview__long_value__ends_in_an_ellipsis_within_the_limit() -> None:
    shown = preview(json.dumps("word " * 1_000).encode(), limit=50)

    assert shown.startswith("word word")
    assert shown.endswith("…")
    assert len(shown) <= 50


@given(value=_json_values, limit=st.integers(5, 300), ascii_only=st.booleans())
def test_preview__any_value__is_clean_and_within_the_limit(value: object, limit: int, ascii_only: bool) -> None:
    shown = preview(json.dumps(value, ensure_ascii=ascii_only).encode(errors="surrogatepass"), limit=limit)

    assert len(shown) <= limit
    assert "\0" not in shown
    assert "\n" not in shown
    shown.encode()


@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=300), cut=st.integers(0, 2_000))
def test_unescape__cut_anywhere__begins_with_the_text(text: str, cut: int) -> None:
    value = json.dumps(text).encode()

    found = unescape(value[:cut])

    whole = f'"{text.translate({0: 0xFFFD, 1: " ", 2: " "})}"'
    assert whole.startswith(found[:-1])


def test_unescape__escapes__are_resolved_so_that_words_stand_alone() -> None:
    assert unescape(b'{"a":"one\\ntwo\\u00e9"}').split() == ['{"a":"one', 'twoé"}']


# --- replay copies ------------------------------------------------------------------------------------------------

KEY = Fernet.generate_key().decode()
NEWER_KEY = Fernet.generate_key().decode()


def test_replay_copy__encrypted__does_not_hold_the_value_and_comes_back() -> None:
    value = b'{"password":"hunter2"}'

    encrypted = encrypt_replay_copy(value, (KEY,))

    assert b"hunter2" not in encrypted
    assert decrypt_replay_copy(encrypted, (KEY,)) == value


def test_replay_copy__key_rotated__still_opens() -> None:
    encrypted = encrypt_replay_copy(b"1", (KEY,))

    assert decrypt_replay_copy(encrypted, (NEWER_KEY, KEY)) == b"1"


def test_replay_copy__key_lost__says_so() -> None:
    encrypted = encrypt_replay_copy(b"1", (KEY,))

    with pytest.raises(UnreadableReplayCopyError):
        decrypt_replay_copy(encrypted, (NEWER_KEY,))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (
            b'{"messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"Where is\\nit?"}]}',
            "Where is it?",
        ),
        (
            b'[{"role":"user","parts":[{"type":"text","content":"Where?"}]},{"role":"assistant","content":"Here."}]',
            "Where?",
        ),
        (b'"[{\\"role\\":\\"user\\",\\"content\\":\\"Where?\\"}]"', "Where?"),
        (b'{"model":"m","input":[{"role":"user","content":"Where?"}]}', "Where?"),
        (b'{"contents":[{"role":"user","parts":[{"text":"Where?"}]}]}', "Where?"),
        (b'{"choices":[{"message":{"role":"assistant","content":"It left on Monday."}}]}', "It left on Monday."),
        (
            b'[{"role":"assistant","content":null,"tool_calls":[]}]',
            '[{"role":"assistant","content":null,"tool_calls":[]}]',
        ),
        (b'{"role":"admin","name":"Ada"}', '{"role":"admin","name":"Ada"}'),
    ],
)
def test_preview__conversation__shows_what_was_said_last(value: bytes, shown: str) -> None:
    assert preview(value) == shown
