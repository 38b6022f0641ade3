"""Redaction of plain text: log lines, error messages, prompts, URLs, headers, code.

The patterns are those of contract `runs-logs.md` A1.5, in an order in which the wider context goes first: the password
of a URL, private keys, assignments (`"key": "value"`, `key=value`, `key: value`, `?key=value`), command line flags,
`Bearer` and `Basic`, then texts that are secrets by their look, then the project's own patterns. RE2 finds the places,
so time is linear in the text; only the end of an assigned value is found by code.

Text is UTF-8 bytes here; offsets are bytes.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from .rules import SECRET_SHAPES, RedactionRules, compile_bytes, join_patterns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Span = tuple[int, int]

_MINIMUM = 3
"""Shorter assigned values are left alone: `token: 5`."""

_LONGEST_KEY = 32_768

_URL_PASSWORD = compile_bytes(r"""://[^\s/"'<>@:]*:([^\s/"'<>]+)@""")
_PRIVATE_KEY = compile_bytes(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z0-9 ]*-----")
_PRIVATE_KEY_END = re.compile(rb"-----END [A-Z0-9 ]*PRIVATE KEY[A-Z0-9 ]*-----")
_PRIVATE_KEY_BODY = re.compile(rb"(?:(?:\s|\\+[nr])*+[A-Za-z0-9+/=]{16,}+)*+")
_SIGNATURE = compile_bytes(
    r"""(?i)(?:[?&](?:sig|signature|auth|x-(?:amz|goog)-(?:signature|credential))|[?&;]\s*(?:pwd|pass))="""
    r"""([^&;\s"'<>\\#]+)"""
)
_CREDENTIALS = compile_bytes(r"(?i)\b(?:(bearer)|basic)\s+([A-Za-z0-9._~+/=-]{8,})")
_SHAPES = compile_bytes(join_patterns(SECRET_SHAPES))

_NAME_TAIL = re.compile(rb"[A-Za-z0-9_.-]{0,64}+\Z")
_SCHEME = re.compile(rb"(?:bearer|basic|token|digest|apikey|negotiate|aws4-hmac-sha256)[ \t]+", re.IGNORECASE)
_OPENING = re.compile(rb"\s{0,64}[\[(]?\s{0,64}(\\*+)([\"'`])")
_BLANKS = re.compile(rb"[ \t]*+")
_CLOSINGS = {quote: re.compile(rb"(?<!\\)\\*+" + quote) for quote in (b'"', b"'", b"`")}
# A comma or semicolon ends a value only where something else begins behind it.
_UNQUOTED = re.compile(rb"""(?:[^\s"'`&,;<>\\]|[,;](?!\s|\Z|[\w.-]{1,64}[=:])|\\(?![nrtu"'`\\]))++""")
_COOKIES = re.compile(rb"""[^\s;"'`\\]++(?:;[ \t]*+[^\s;="'`\\]++=[^\s;"'`\\]*+)*+""")
_CLOSERS = b")]}>.,;:!?"

# Values that name where a secret comes from, or its type, rather than being one.
_REFERENCE = re.compile(
    rb"(?:true|false|null|nil|none|undefined|str|string|int|bool|any|(?:optional|union|list|dict)\[.*)\Z"
    rb"|\$\{?\w+\}?\Z|\{\{|os\.(?:environ|getenv)|process\.env|getenv\b|import\.meta",
    re.IGNORECASE,
)
_BEARER_PROSE = re.compile(
    rb"(?:authentication|authorization|certificates?|credentials?|instruments?|required|challenge)[.]?\Z", re.IGNORECASE
)
_NUMBER = re.compile(rb"\d{1,9}\Z")


def redact_plain(text: bytes, rules: RedactionRules) -> bytes:
    """Replace what the rules call secret. Returns the same object when there is nothing; never fails."""
    for kind, find in _FINDERS:
        spans = list(find(text, rules))
        if spans:
            if rules.tally is not None:
                _count(rules.tally, kind, [text[start:end] for start, end in spans])
            text = splice(text, [(start, end, rules.marker) for start, end in spans])
    return text


def _count(tally: dict[str, int], kind: str, secrets: list[bytes]) -> None:
    for secret in secrets:
        name = kind or name_shape(secret)
        tally[name] = tally.get(name, 0) + 1


def splice(text: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Return the text with each (start, end, replacement) done; edits must be sorted and apart."""
    pieces = []
    at = 0
    for start, end, replacement in edits:
        pieces.append(text[at:start])
        pieces.append(replacement)
        at = end
    pieces.append(text[at:])
    return b"".join(pieces)


def _find_url_passwords(text: bytes, rules: RedactionRules) -> Iterator[Span]:
    if b"://" not in text:
        return
    for found in _URL_PASSWORD.finditer(text):
        if found.group(1) != rules.marker:
            yield found.span(1)


def _find_private_keys(text: bytes, rules: RedactionRules) -> Iterator[Span]:
    """Find PEM blocks. One without an end, cut off somewhere, goes as far as its base64 does."""
    at = text.find(b"-----BEGIN")
    if at < 0:
        return
    end = None
    is_ended = True
    while (begin := _PRIVATE_KEY.search(text, at)) is not None:
        if is_ended and (end is None or end.start() < begin.end()):
            end = _PRIVATE_KEY_END.search(text, begin.end())
            is_ended = end is not None
        if end is not None and end.start() - begin.end() < _LONGEST_KEY:
            at = end.end()
        else:
            at = _match_end(_PRIVATE_KEY_BODY, text, begin.end())
        yield begin.start(), at


def _find_assignments(text: bytes, rules: RedactionRules) -> Iterator[Span]:
    at = 0
    while (found := rules.assignment.search(text, at)) is not None:
        at = found.end()
        tail = _NAME_TAIL.search(text, max(0, found.start() - 64), found.start())
        name = text[tail.start() if tail else found.start() : found.end(1)]
        if name not in rules.names or text.startswith((b":", b"//"), at):
            continue
        span = _find_value(text, found.end(), name)
        if span is None or _is_left_alone(text, span, name, rules):
            continue
        yield span
        at = span[1]


def _find_value(text: bytes, at: int, name: bytes) -> Span | None:
    """Return where the value assigned at this offset stands, without quotes and without an authorization scheme."""
    opening = _OPENING.match(text, at)
    if opening is not None:
        depth = len(opening.group(1))
        return opening.end(), _find_closing(text, opening.end(), quote=opening.group(2), depth=depth)
    start = _match_end(_BLANKS, text, at)
    start = _match_end(_SCHEME, text, start)
    pattern = _COOKIES if name[-7:].lower().endswith((b"cookie", b"cookies")) else _UNQUOTED
    end = _match_end(pattern, text, start)
    end = start + len(text[start:end].rstrip(_CLOSERS))
    if end - start < _MINIMUM or _REFERENCE.match(text, start, end):
        return None
    return start, end


def _match_end(pattern: re.Pattern[bytes], text: bytes, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _find_closing(text: bytes, at: int, *, quote: bytes, depth: int) -> int:
    r"""Return the offset where a quoted value ends, its closing quote excluded.

    `depth` is the number of backslashes before the opening quote. JSON text quoted d times has 2^d - 1 of them before
    each of its own quotes; one more level escapes each of these and the quote: `"`, `\"`, `\\\"`. A run of backslashes
    before a quote is this level's own when it counts as an odd number of units of depth + 1.
    """
    unit = depth + 1
    for found in _CLOSINGS[quote].finditer(text, at):
        backslashes = found.end() - found.start() - 1
        if backslashes < depth or (backslashes + 1) % unit:
            return found.start()
        if (backslashes + 1) // unit % 2:
            return found.end() - 1 - depth
    return len(text)


def _is_left_alone(text: bytes, span: Span, name: bytes, rules: RedactionRules) -> bool:
    start, end = span
    if end - start < _MINIMUM or text.startswith(rules.marker, start):
        return True
    return name[-5:].lower() == b"token" and _NUMBER.match(text, start, end) is not None


def _find_flags(text: bytes, rules: RedactionRules) -> Iterator[Span]:
    """Find `--password hunter2`; `--password=hunter2` is an assignment."""
    if b"--" not in text:
        return
    for found in rules.flag.finditer(text):
        if found.group(1) in rules.names and not found.group(2).startswith(rules.marker):
            yield found.span(2)


def _find_signatures(text: bytes, rules: RedactionRules) -> Iterator[Span]:
    if b"=" not in text:
        return
    for found in _SIGNATURE.finditer(text):
        if not found.group(1).startswith(rules.marker):
            yield found.span(1)


def _find_credentials(text: bytes, rules: RedactionRules) -> Iterator[Span]:
    """Find `Bearer` and `Basic` credentials that stand alone, outside an assignment."""
    for found in _CREDENTIALS.finditer(text):
        value = found.group(2)
        if _is_basic(value) if found.group(1) is None else _BEARER_PROSE.match(value) is None:
            yield found.span(2)


def _is_basic(value: bytes) -> bool:
    """Tell `Basic dXNlcjpwYXNz` from `Basic information`: base64 of `user:password`, or long with digits in it."""
    try:
        return b":" in base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return len(value) >= 16 and any(character in b"0123456789=" for character in value)


def _find_shapes(text: bytes, rules: RedactionRules) -> Iterator[Span]:
    for found in _SHAPES.finditer(text):
        yield found.span()


def _find_custom(text: bytes, rules: RedactionRules) -> Iterator[Span]:
    """Find what the project's own patterns match, between markers so that no pattern can redact a marker."""
    if rules.custom is None:
        return
    start = 0
    while start <= len(text):
        end = text.find(rules.marker, start)
        end = len(text) if end < 0 else end
        for found in rules.custom.finditer(text, start, end):
            if found.end() > found.start():
                yield found.span()
        start = end + len(rules.marker)


def name_shape(secret: bytes) -> str:
    """Return which kind of text that is a secret by its look this is."""
    return next((kind for kind, beginnings in _SHAPE_KINDS if secret.startswith(beginnings)), "token")


_SHAPE_KINDS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("jwt", (b"eyJ",)),
    ("git_token", (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"glpat-")),
    ("model_key", (b"sk-", b"gsk_", b"xai-", b"pplx-", b"hf_", b"r8_")),
    ("google_key", (b"AIza", b"ya29.", b"GOCSPX-")),
    ("slack_token", (b"xox", b"xapp-", b"hooks.slack.com")),
    ("aws_key", (b"AKIA", b"ASIA", b"ABIA", b"ACCA")),
    ("stripe_key", (b"sk_", b"rk_", b"whsec_")),
    ("package_token", (b"npm_", b"pypi-")),
    ("playhead_key", (b"ed_",)),
)

_FINDERS: tuple[tuple[str, Callable[[bytes, RedactionRules], Iterator[Span]]], ...] = (
    ("url_password", _find_url_passwords),
    ("private_key", _find_private_keys),
    ("named_secret", _find_assignments),
    ("named_secret", _find_flags),
    ("signature", _find_signatures),
    ("credential", _find_credentials),
    # A shape says itself what it is.
    ("", _find_shapes),
    ("custom_secret", _find_custom),
)
"""What finds secrets, with the kind it is reported as."""
