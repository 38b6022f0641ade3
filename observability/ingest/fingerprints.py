"""What makes two errors the same: their kind, their name, and their message without what differs each time. Pure.

A name that is a whole URL, as SDKs name http calls, is read like a message: the path tells one request from the next.

The rules, in order: quoted text, URLs behind their host, times, uuids, file paths, long ids, hexadecimal numbers,
numbers. Contract: `governance.md` section 3.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from observability.flags import EventFlag
from observability.ingest.records import Status
from observability.ingest.rows import EventRow

# As plain numbers and texts: members of enumerations cost more than what is done with them.
_RERUN, _ERROR = EventFlag.RERUN.value, Status.ERROR.value
_READ_CHARS = 2_000
_TEMPLATE_CHARS = 300

_RULES = (
    # An apostrophe within a word opens no quote.
    (re.compile(r"\"[^\"\n]*\"|(?<!\w)'[^'\n]*'(?!\w)|`[^`\n]*`|“[^“”\n]*”"), "<text>"),
    (re.compile(r"(\bhttps?://[^\s/\"'<>?#]+)[/?#](?!<)[^\s\"'<>]*"), r"\1/<path>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (re.compile(r"(?<![\w/<>:])(?:[A-Za-z]:\\|~?/)[\w.@%+-]+(?:[\\/][\w.@%+-]+)+"), "<path>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])\w{16,}\b"), "<id>"),
    (re.compile(r"(?<![A-Za-z\d])\d+(?:[.,:]\d+)*"), "<n>"),
)
_SPACE = re.compile(r"\s+")


def normalize_message(message: str) -> str:
    """Return the message with placeholders for what differs each time, on one line, bounded in length."""
    text = message[:_READ_CHARS]
    for pattern, placeholder in _RULES:
        text = pattern.sub(placeholder, text)
    return _SPACE.sub(" ", text).strip()[:_TEMPLATE_CHARS]


@lru_cache(maxsize=4_096)
def fingerprint_error(kind: str, name: str, message: str) -> tuple[str, str]:
    """Return the fingerprint, 16 hexadecimal digits, and the message template. Errors come in crowds, so it is kept."""
    template = normalize_message(message)
    content = "\x00".join((kind, normalize_message(name) if "://" in name else name, template)).encode(
        errors="surrogatepass"
    )
    return hashlib.blake2b(content, digest_size=8).hexdigest(), template


def find_fingerprint(row: EventRow) -> tuple[str, str] | None:
    """Return fingerprint and template of an event that failed, None for any other, and for reruns: no error of
    production is counted there.

    An error without a message is known by its type.
    """
    if row.status != _ERROR or row.flags & _RERUN:
        return None
    # Cut before it is kept: behind what is read of it a message may go on for long.
    return fingerprint_error(row.kind, row.name, (row.error_message or row.error_type or "")[:_READ_CHARS])
