"""The second look of the profile `strict`: what tells who somebody is, e-mail and IP addresses.

At lines that the standard has been through, so it keeps nothing from line to line, and a stream's lines are redacted
once however many profiles are looked with.
"""

from __future__ import annotations

from typing import Any

import re2

from debugconsole.wire.lines import Line
from debugconsole.wire.profiles import STANDARD
from debugconsole.wire.redact import make_redacted, map_texts

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_V4 = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_GROUP = "[0-9a-f]{1,4}"
_PATTERNS = (
    ("email", r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}(?:@|%40)(?:[\w-]{1,63}\.){1,8}[\w-]{2,63}"),
    (
        "ip",
        rf"\b{_V4}\b|(?i)\b(?:{_GROUP}:){{7}}{_GROUP}\b|\b(?:{_GROUP}:){{1,6}}(?::{_GROUP}){{1,6}}\b"
        rf"|::ffff:{_V4}\b|\bfe80::{_GROUP}\b|::1\b",
    ),
)


def _compile(pattern: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


_FINDERS = tuple((kind, _compile(pattern)) for kind, pattern in _PATTERNS)


def apply_profile(line: Line, profile: str, *, marker: str) -> Line:
    """Return a redacted line as a profile shows it. The same object when there is nothing more to hide."""
    if profile == STANDARD:
        return line
    found: dict[str, int] = {}

    def hide(text: str) -> str:
        for kind, finder in _FINDERS:
            if finder.search(text) is not None:
                text, count = finder.subn(marker, text)
                found[kind] = found.get(kind, 0) + count
        return text

    return make_redacted(line, map_texts(line, {}, hide), found)
