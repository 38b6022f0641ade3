"""Hiding secrets in a line before anybody sees it, with the engine and the rules that stored values have.

Three things are peculiar to lines. A private key is often printed line by line, and only the first looks like one: what
follows in the same request is hidden until the key ends. A producer that cut a message may have cut a secret so that
its look is gone: what could be the beginning of one is hidden at the end. And an id is a text like any other.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any

import msgspec

from debugconsole.wire.lines import Line
from observability.ingest.redaction import RedactionRules, redact_json, redact_text
from observability.ingest.redaction.document import may_hold_secrets

_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z0-9 ]*-----")
_END = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY[A-Z0-9 ]*-----")
# What stands between: base64 without spaces, or the headers of old keys.
_BODY = re.compile(r"\s*(?:[A-Za-z0-9+/=]*|[A-Za-z-]{1,40}: .{0,200})\s*")
_MOST_KEYS_OPEN = 256
_MOST_BODY_LINES = 400
_BEGUN = re.compile(
    r"(?:eyJ|gh[pousr]_|github_pat_|glpat-|sk-|[rs]k_(?:live|test)_|whsec_|AIza|ya29\.|xox[abceoprs]-|xapp-"
    r"|(?:AKIA|ASIA)[A-Z0-9]|SG\.|npm_|pypi-|hf_|gsk_|xai-|ed_[0-9a-f]|-----BEGIN)[^\s\"'<>]*\Z"
)
_SHORTEST_LOOKED_AT = 200
"""Characters at the end of a cut message that may be the beginning of a secret. A longer run is none that we know."""

_IDS = ("install", "request", "version", "content_hash", "trace", "pod", "boot")


class Redactor:
    """Hides the secrets of one stream's lines, which it is given in their order."""

    def __init__(self, rules: RedactionRules) -> None:
        self.rules = rules
        self._marker = rules.marker.decode()
        self._open_keys: OrderedDict[tuple[str | None, str | None, str], int] = OrderedDict()

    def redact(self, line: Line) -> Line:
        """Return the line without its secrets, and with their number. The same object when there are none."""
        message, hidden = self._hide_private_key(line)
        fields = b"" if line.fields is None else msgspec.json.encode(line.fields)
        ids = [value for name in _IDS if (value := getattr(line, name))]
        texts = [text.encode(errors="replace") for text in (message, *ids)]
        if may_hold_secrets([*texts, fields], self.rules):
            changes, found = self._redact_all(line, message, fields)
            hidden += found
        else:
            changes = {"message": message}
        if line.truncated and (begun := _BEGUN.search(changes["message"][-_SHORTEST_LOOKED_AT:])):
            # Taken off the end, as the look that gives it away is near the end.
            kept = len(changes["message"]) - len(begun[0])
            changes["message"] = changes["message"][:kept] + self._marker
            hidden += 1
        return msgspec.structs.replace(line, **changes, redactions=hidden) if hidden else line

    def _redact_all(self, line: Line, message: str, fields: bytes) -> tuple[dict[str, Any], int]:
        changes: dict[str, Any] = {"message": redact_text(message, self.rules)}
        found = self._count(message, changes["message"])
        for name in _IDS:
            value = getattr(line, name)
            if value:
                changes[name] = redact_text(value, self.rules)
                found += self._count(value, changes[name])
        if fields:
            redacted = redact_json(fields, self.rules)
            if redacted is not fields:
                changes["fields"] = msgspec.json.decode(redacted)
                found += max(1, redacted.count(self.rules.marker) - fields.count(self.rules.marker))
        return changes, found

    def _count(self, before: str, after: str) -> int:
        if after == before:
            return 0
        return max(1, after.count(self._marker) - before.count(self._marker))

    def _hide_private_key(self, line: Line) -> tuple[str, int]:
        """Hide what goes on with a private key that began in an earlier line; note one that goes on in later ones."""
        message, hidden = line.message, 0
        place = (line.request, line.boot, line.stream)
        left = self._open_keys.pop(place, 0)
        if left:
            end = _END.search(message)
            if end is not None:
                message, hidden = self._marker + message[end.end() :], 1
            elif _BODY.fullmatch(message):
                self._open(place, left - 1)
                return self._marker, 1
        if "-----BEGIN" in message:
            begins = list(_BEGIN.finditer(message))
            if begins and _END.search(message, begins[-1].end()) is None:
                self._open(place, _MOST_BODY_LINES)
        return message, hidden

    def _open(self, place: tuple[str | None, str | None, str], lines_left: int) -> None:
        if lines_left > 0:
            self._open_keys[place] = lines_left
        if len(self._open_keys) > _MOST_KEYS_OPEN:
            self._open_keys.popitem(last=False)
