"""From an entry to a line that may be shown, or the reason why not. Every exit goes through here.

The order matters: decode, guard, sanitise, redact, cut, encode. The guard comes before anything is looked at, the cut
after redaction (half a secret is still one). Encoded once, whoever and however many look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from debugconsole.wire.entries import MESSAGE_BYTES, UndecodableError, decode_entry
from debugconsole.wire.envelope import Cause
from debugconsole.wire.keys import lower_ascii, stream_key
from debugconsole.wire.lines import EntryId, Line, encode_line
from debugconsole.wire.redact import Redactor
from debugconsole.wire.text import cut, sanitise
from observability.ingest.redaction import RedactionRules

log = structlog.get_logger(__name__)

_SAID_OF = 100
_TEXTS = ("message", "install", "request", "version", "content_hash", "trace", "pod", "boot")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A line that may be shown to whoever may see its stream, with its JSON."""

    ordinal: int
    id: EntryId
    line: Line
    json: bytes

    @property
    def rank(self) -> int:
        """How severe it is."""
        return self.line.rank


@dataclass(frozen=True, slots=True)
class Unshown:
    """An entry that nobody is shown, and why."""

    ordinal: int
    id: EntryId
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Whose lines a stream's key stands for. Without a tenant: anybody's, for operators who look for strays."""

    prefix: str
    key: str
    tenant: str | None
    extension: str | None


class Preparer:
    """Prepares the entries of one stream, which it is given in their order.

    Without `rules`, when they cannot be known, every line is withheld.
    """

    def __init__(
        self, source: Source, rules: RedactionRules | None, *, encode: Callable[[Line, int], bytes] = encode_line
    ) -> None:
        self.source = source
        self._encode = encode
        self._redactor = Redactor(rules) if rules is not None else None
        self._foreign = 0

    @property
    def rules(self) -> RedactionRules | None:
        """What is hidden."""
        return None if self._redactor is None else self._redactor.rules

    def use_rules(self, rules: RedactionRules) -> None:
        """Go on with these rules. What is known of keys that began stays where the rules are the same."""
        if self._redactor is None:
            self._redactor = Redactor(rules)
        else:
            self._redactor.rules = rules

    def prepare(self, entry_id: EntryId, pairs: Sequence[bytes], ordinal: int) -> Prepared | Unshown:
        """Return the entry as it is shown, or why it is not. Never raises."""
        try:
            line = decode_entry(entry_id, pairs)
        except UndecodableError as error:
            log.info("debug.entry_undecodable", key=self.source.key, id=str(entry_id), reason=str(error)[:200])
            return Unshown(ordinal, entry_id, Cause.DECODE_ERROR)
        if not _is_own(line, self.source):
            self._note_foreign(entry_id)
            return Unshown(ordinal, entry_id, Cause.FOREIGN)
        if self._redactor is None:
            return Unshown(ordinal, entry_id, Cause.REDACTION_WITHHELD)
        try:
            line = _cut(self._redactor.redact(_sanitise(line)))
            return Prepared(ordinal, entry_id, line, self._encode(line, ordinal))
        except Exception:
            # Whatever a text does to the engine, it costs this line and no other, and never shows a secret.
            log.exception("debug.redaction_failed", key=self.source.key, id=str(entry_id))
            return Unshown(ordinal, entry_id, Cause.REDACTION_WITHHELD)

    def _note_foreign(self, entry_id: EntryId) -> None:
        """Say where to look; not of each, as whoever can write one can write a thousand a second."""
        if self._foreign % _SAID_OF == 0:
            log.warning("debug.entry_foreign", key=self.source.key, id=str(entry_id), before=self._foreign)
        self._foreign += 1


def _is_own(line: Line, source: Source) -> bool:
    """Say whether an entry's own fields derive the key it stands in, and name the tenant that may see it.

    The key alone proves nothing: whoever may write may write any fields, and `a:b`, `c` and `a`, `b:c` share one.
    """
    if source.tenant is None:
        return line.tenant is None
    if line.tenant is None or lower_ascii(line.tenant) != lower_ascii(source.tenant):
        return False
    return stream_key(source.prefix, tenant=line.tenant, extension=line.extension) == source.key


def _sanitise(line: Line) -> Line:
    changes: dict[str, Any] = {}
    for name in _TEXTS:
        value = getattr(line, name)
        if value and (clean := sanitise(value)) is not value:
            changes[name] = clean
    if line.fields is not None:
        changes["fields"] = _sanitise_value(line.fields)
    return msgspec.structs.replace(line, **changes) if changes else line


def _sanitise_value(value: Any) -> Any:
    if isinstance(value, str):
        return sanitise(value)
    if isinstance(value, dict):
        return {sanitise(name): _sanitise_value(item) for name, item in value.items()}
    return [_sanitise_value(item) for item in value] if isinstance(value, list) else value


def _cut(line: Line) -> Line:
    message = cut(line.message, MESSAGE_BYTES)
    if message is line.message:
        return line
    original = line.original_bytes or len(line.message.encode())
    return msgspec.structs.replace(line, message=message, truncated=True, original_bytes=original)
