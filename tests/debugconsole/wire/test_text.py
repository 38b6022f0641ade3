from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugconsole.wire.text import cut, sanitise


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "␛[31mred␛[0m"),
        ("a\x00b", "a␀b"),
        ("a\x07\x7f", "a␇␡"),
        ("user\u202egnp.exe", "user⟨U+202E⟩gnp.exe"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("a\u2028b", "a⟨U+2028⟩b"),
        ("\x9b31m", "⟨U+009B⟩31m"),
        ("a\ud800b", "a⟨U+D800⟩b"),
        ("one\r\ntwo\n\tthree\rfour", "one\ntwo\n\tthree␍four"),
        ("👩\u200d🚀 naïve ✓", "👩\u200d🚀 naïve ✓"),
    ],
)
def test_sanitise__what_would_act__is_shown(text: str, shown: str) -> None:
    assert sanitise(text) == shown


@given(st.text(st.characters()))
def test_sanitise__any_text__can_be_encoded_and_is_harmless_and_stays(text: str) -> None:
    clean = sanitise(text)

    assert not any(
        (ord(c) < 32 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0 or "\u202a" <= c <= "\u202e" for c in clean
    )
    assert sanitise(clean) == clean
    clean.encode()


@pytest.mark.parametrize("character", ["a", "é", "€", "𝄞"])
@pytest.mark.parametrize("excess", [-1, 0, 1])
def test_cut__around_the_limit__ends_between_characters(character: str, excess: int) -> None:
    text = "x" * (8192 - len(character.encode()) + excess) + character

    kept = cut(text, 8192)

    assert len(kept.encode()) <= 8192
    assert text.startswith(kept)
    assert (kept == text) is (excess <= 0)


@pytest.mark.parametrize("text", ["cafe\u0301", "ok👍\U0001f3fd", "go👩\u200d🚀"])
def test_cut__inside_what_a_reader_takes_for_one_character__leaves_all_of_it_out(text: str) -> None:
    kept = cut(text, len(text.encode()) - 1)

    assert kept in ("caf", "ok", "go")


@given(st.text(), st.integers(0, 50))
def test_cut__any_text__fits_and_is_its_beginning(text: str, most: int) -> None:
    kept = cut(text, most)

    assert len(kept.encode()) <= most
    assert text.startswith(kept)
