"""Making a text harmless to look at: nothing in it acts, hides, or reorders, and it has an end.

Control characters, ANSI sequences, direction marks and invisible characters are shown as what they are. Line breaks and
tabs stay; a row that holds several lines is still one row.
"""

from __future__ import annotations

import re
import unicodedata

# Everything but tab and line feed below a space, C1, line and paragraph separators, direction marks, zero-width
# characters but the joiner that emoji need, halves of surrogate pairs, and the invisible tag characters.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_JOINER = "\u200d"
_MOST_STEPS_BACK = 32


def sanitise(text: str) -> str:
    """Show what would act on a screen: `\\x1b[31m` as `␛[31m`, a right-to-left override as `⟨U+202E⟩`."""
    if text.isascii() and text.isprintable():
        return text
    if "\r\n" in text:
        text = text.replace("\r\n", "\n")
    return _UNSAFE.sub(_show, text) if _UNSAFE.search(text) else text


def _show(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else f"⟨U+{code:04X}⟩"


def cut(text: str, most_bytes: int) -> str:
    """Return as much of a text as fits into so many bytes of UTF-8, without half a character at its end.

    A character is what a reader takes for one: a letter goes with its accents, an emoji with all that is joined to it.
    """
    raw = text.encode()
    if len(raw) <= most_bytes:
        return text
    kept = raw[:most_bytes].decode(errors="ignore")
    at = len(kept)
    for _ in range(_MOST_STEPS_BACK):
        if at == 0 or not _continues(text, at):
            return text[:at]
        at -= 1
    return kept


def _continues(text: str, at: int) -> bool:
    """Say whether the character at a place belongs to the one before it."""
    character = text[at]
    if _JOINER in (character, text[at - 1]) or unicodedata.combining(character):
        return True
    # Variation selectors, and skin tones.
    return "\ufe00" <= character <= "\ufe0f" or "\U0001f3fb" <= character <= "\U0001f3ff"
