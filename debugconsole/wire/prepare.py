"""From an entry to a line that may be shown, or the reason why not. Every exit goes through here.

The order matters: decode, guard, sanitise, redact, cut, encode. The guard comes before anything is looked at, the cut
after redaction (half a secret is still one). Encoded once a profile, whoever and however many look.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog

from debugconsole.wire.entries import MESSAGE_BYTES, UndecodableError, decode_entry
from debugconsole.wire.envelope import Cause
from debugconsole.wire.keys import lower_ascii, stream_key
from debugconsole.wire.lines import EntryId, Line, encode_line
from debugconsole.wire.profiles import STANDARD
from debugconsole.wire.redact import Redactor
from debugconsole.wire.strict import apply_profile
from debugconsole.wire.text import cut, sanitise
from observability.ingest.redaction import RedactionRules

log = structlog.get_logger(__name__)

BUDGET_SECONDS = 0.002
"""For hiding the secrets of one line."""
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

    Without `rules`, when they cannot be known, every line is withheld. So is one whose redaction takes longer than
    `BUDGET_SECONDS`.
    """

    def __init__(
        self,
        source: Source,
        rules: RedactionRules | None,
        *,
        encode: Callable[[Line, int], bytes] = encode_line,
        clock: Callable[[], float] = time.monotonic,
        thread_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self.source = source
        self._encode = encode
        self._clock = clock
        self._thread_clock = thread_clock
        self._redactor = Redactor(rules) if rules is not None else None
        self._own: tuple[str | None, str | None] | None = None
        """Tenant and extension as the last line that was the stream's own spelled them."""
        self._foreign = 0

    @property
    def rules(self) -> RedactionRules | None:
        """What is hidden."""
        return None if self._redactor is None else self._redactor.rules

    def use_rules(self, rules: RedactionRules) -> None:
        """Go on with these rules. What is known of keys that began stays."""
        if self._redactor is None:
            self._redactor = Redactor(rules)
        elif self._redactor.rules is not rules:
            self._redactor.use_rules(rules)

    def prepare(
        self, entry_id: EntryId, pairs: Sequence[bytes], ordinal: int, *, profile: str = STANDARD
    ) -> Prepared | Unshown:
        """Return the entry as a profile shows it, or why it is not shown. Never raises."""
        return self.prepare_for((profile,), entry_id, pairs, ordinal)[profile]

    def prepare_for(
        self, profiles: Collection[str], entry_id: EntryId, pairs: Sequence[bytes], ordinal: int
    ) -> dict[str, Prepared | Unshown]:
        """Return the entry as each profile shows it: redacted once, encoded once for each. Never raises."""
        try:
            line = self._redact(entry_id, pairs)
            if not isinstance(line, Cause):
                return {profile: self._show(line, ordinal, profile) for profile in profiles}
            cause = line
        except Exception:
            # Whatever a text does to the engine, it costs this line and no other, and never shows a secret.
            log.exception("debug.redaction_failed", key=self.source.key, id=str(entry_id))
            cause = Cause.REDACTION_WITHHELD
        return dict.fromkeys(profiles, Unshown(ordinal, entry_id, cause))

    def _redact(self, entry_id: EntryId, pairs: Sequence[bytes]) -> Line | Cause:
        try:
            line = decode_entry(entry_id, pairs)
        except UndecodableError as error:
            log.info("debug.entry_undecodable", key=self.source.key, id=str(entry_id), reason=str(error)[:200])
            return Cause.DECODE_ERROR
        said = (line.tenant, line.extension)
        if said != self._own:
            if not _is_own(line, self.source):
                self._note_foreign(entry_id)
                return Cause.FOREIGN
            self._own = said
        if self._redactor is None:
            return Cause.REDACTION_WITHHELD
        line = _sanitise(line)
        began = self._clock()
        redacted = self._redactor.redact(line)
        if self._clock() - began > BUDGET_SECONDS and self._is_slow(line):
            log.info("debug.redaction_slow", key=self.source.key, id=str(entry_id))
            return Cause.REDACTION_WITHHELD
        return redacted

    def _is_slow(self, line: Line) -> bool:
        """Look a second time, by this thread's clock: what else the machine did is not the line's fault."""
        assert self._redactor is not None
        began = self._thread_clock()
        Redactor(self._redactor.rules).redact(line)
        return self._thread_clock() - began > BUDGET_SECONDS

    def _show(self, line: Line, ordinal: int, profile: str) -> Prepared:
        assert self._redactor is not None
        shown = _cut(apply_profile(line, profile, marker=self._redactor.marker))
        return Prepared(ordinal, line.id, shown, self._encode(shown, ordinal))

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
