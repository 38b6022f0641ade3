"""Hiding secrets in a line before anybody sees it, with the engine and the rules that stored values have.

Some things are peculiar to lines. A secret is often printed over several: a private key line by line, of which only the
first looks like one, or a password behind a line that ends with `password:`. What follows in the same request is
hidden, too. A producer that cut a message may have cut a secret so that its look is gone: what could be the beginning
of one is hidden at the end. A card's number is told from others by its check digit. An id is a text like any other.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec

from debugconsole.wire.lines import Line, Redaction
from observability.ingest.redaction import RedactionRules, redact_json, redact_text
from observability.ingest.redaction.document import may_hold_secrets
from observability.ingest.redaction.names import SECRET_WORDS
from observability.ingest.redaction.rules import compile_bytes

_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z0-9 ]*-----")
_END = re.compile(r"-----END [A-Z0-9 ]*PRIVATE KEY[A-Z0-9 ]*-----")
# What stands between: base64 without spaces, or the headers of old keys.
_BODY = re.compile(r"\s*(?:[A-Za-z0-9+/=]*|[A-Za-z-]{1,40}: .{0,200})\s*")
_MOST_OPEN = 256
_MOST_BODY_LINES = 400
_BEGUN = re.compile(
    r"(?:eyJ|gh[pousr]_|github_pat_|glpat-|sk-|[rs]k_(?:live|test)_|whsec_|AIza|ya29\.|xox[abceoprs]-|xapp-"
    r"|(?:AKIA|ASIA)[A-Z0-9]|SG\.|npm_|pypi-|hf_|gsk_|xai-|ed_[0-9a-f]|-----BEGIN)[^\s\"'<>]*\Z"
)
_SHORTEST_LOOKED_AT = 200
"""Characters at the end of a cut message that may be the beginning of a secret. A longer run is none that we know."""
_DANGLING = re.compile(rf"(?i)(?:(?:{SECRET_WORDS})[\"']?\s*(?:=>|:=|=|:)|\b(?:bearer|basic))\s*[\"']?\s*\Z")
_DANGLING_ENDS = ("=", ":", ">", '"', "'", " ", "r", "R", "c", "C")
_DANGLING_LENGTH = 80
_FIRST_WORD = re.compile(r"[\s\"']{0,4}([A-Za-z0-9._~+/=!@#$%^&*-]{6,})")
_LONG_WORD = 16
"""A word of this length behind a line that promised a secret is one; a shorter one where it stands alone."""
_CARD = re.compile(r"\b(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|3[47]\d\d|6(?:011|5\d\d))(?:[ -]?\d{2,6}){2,4}\b")
_MAY_BE_CARD = compile_bytes(r"[2-6][0-9](?:[ -]?[0-9]){11}")
_CARD_LENGTHS = (13, 15, 16, 19)

_IDS = ("install", "request", "version", "content_hash", "trace", "pod", "boot")

_Place = tuple[str | None, str | None, str]


class Redactor:
    """Hides the secrets of one stream's lines, which it is given in their order."""

    def __init__(self, rules: RedactionRules) -> None:
        self._open_keys: OrderedDict[_Place, int] = OrderedDict()
        self._unfinished: OrderedDict[_Place, None] = OrderedDict()
        self.use_rules(rules)

    def use_rules(self, rules: RedactionRules) -> None:
        """Go on with these rules. What is known of secrets that began stays."""
        self._given = rules
        self._rules = rules.counting()
        self.marker = rules.marker.decode()

    @property
    def rules(self) -> RedactionRules:
        """The rules in use."""
        return self._given

    def redact(self, line: Line) -> Line:
        """Return the line without its secrets, and with their number by kind. The same object when there are none."""
        found: dict[str, int] = {}
        place = (line.request, line.boot, line.stream)
        message = self._hide_continued(self._hide_private_key(line.message, place, found), place, found)
        fields = b"" if line.fields is None else msgspec.json.encode(line.fields)
        ids = [value for name in _IDS if (value := getattr(line, name))]
        texts = [text.encode(errors="replace") for text in (message, *ids)]
        changes: dict[str, Any] = {"message": message}
        if may_hold_secrets([*texts, fields], self._rules):
            changes = self._redact_all(line, message, fields, found)
        if _MAY_BE_CARD.search(b"\n".join([*texts, fields])) is not None:
            changes = map_texts(line, changes, lambda text: hide_cards(text, self.marker, found))
        if line.truncated and (begun := _BEGUN.search(changes["message"][-_SHORTEST_LOOKED_AT:])):
            # Taken off the end, as the look that gives it away is near the end.
            kept = len(changes["message"]) - len(begun[0])
            changes["message"] = changes["message"][:kept] + self.marker
            _count(found, "cut_secret")
        elif _is_unfinished(message, changes["message"]):
            _remember(self._unfinished, place, None)
        return make_redacted(line, changes, found)

    def _redact_all(self, line: Line, message: str, fields: bytes, found: dict[str, int]) -> dict[str, Any]:
        tally = self._rules.tally
        assert tally is not None
        tally.clear()
        changes: dict[str, Any] = {"message": redact_text(message, self._rules)}
        is_changed = changes["message"] != message
        for name in _IDS:
            value = getattr(line, name)
            if value and (redacted := redact_text(value, self._rules)) != value:
                changes[name] = redacted
                is_changed = True
        if fields and (redacted_fields := redact_json(fields, self._rules)) is not fields:
            changes["fields"] = msgspec.json.decode(redacted_fields)
            is_changed = True
        if is_changed:
            for kind, count in (tally or {"secret": 1}).items():
                _count(found, kind, count)
        return changes

    def _hide_private_key(self, message: str, place: _Place, found: dict[str, int]) -> str:
        """Hide what goes on with a private key that began in an earlier line; note one that goes on in later ones."""
        left = self._open_keys.pop(place, 0) if self._open_keys else 0
        if left:
            end = _END.search(message)
            if end is not None:
                message = self.marker + message[end.end() :]
                _count(found, "private_key")
            elif _BODY.fullmatch(message):
                if left > 1:
                    _remember(self._open_keys, place, left - 1)
                _count(found, "private_key")
                return self.marker
        if "-----BEGIN" in message:
            begins = list(_BEGIN.finditer(message))
            if begins and _END.search(message, begins[-1].end()) is None:
                _remember(self._open_keys, place, _MOST_BODY_LINES)
        return message

    def _hide_continued(self, message: str, place: _Place, found: dict[str, int]) -> str:
        """Hide the first word behind a line that ended where a secret would begin, or in the middle of one."""
        if place not in self._unfinished:
            return message
        del self._unfinished[place]
        word = _FIRST_WORD.match(message)
        if word is None or message.startswith(self.marker):
            return message
        if len(word[1]) < _LONG_WORD and message[word.end() :].strip("\"' \t\r\n"):
            return message
        _count(found, "continued_secret")
        return message[: word.start(1)] + self.marker + message[word.end() :]


def make_redacted(line: Line, changes: dict[str, Any], found: dict[str, int]) -> Line:
    """Return the line with changes and what was hidden beside what was hidden before; the same when nothing was."""
    if not found:
        return line
    for redaction in line.redactions:
        _count(found, redaction.kind, redaction.count)
    counts = tuple(Redaction(kind, count) for kind, count in sorted(found.items()))
    return msgspec.structs.replace(line, **changes, redactions=counts)


def hide_cards(text: str, marker: str, found: dict[str, int]) -> str:
    """Hide numbers of payment cards, told from other numbers by how they begin, their length and the check digit."""

    def hide(number: re.Match[str]) -> str:
        digits = [int(digit) for digit in number[0] if digit.isdigit()]
        if len(digits) not in _CARD_LENGTHS or not _has_check_digit(digits):
            return number[0]
        _count(found, "card")
        return marker

    return _CARD.sub(hide, text)


def map_texts(line: Line, changes: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Return the changes to a line's message, ids and fields once each text in them, keys too, is changed further."""
    mapped: dict[str, Any] = {"message": change(changes.get("message", line.message))}
    for name in _IDS:
        if value := changes.get(name, getattr(line, name)):
            mapped[name] = change(value)
    if line.fields is not None:
        mapped["fields"] = _map_value(changes.get("fields", line.fields), change)
    return mapped


def _map_value(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(name): _map_value(item, change) for name, item in value.items()}
    return [_map_value(item, change) for item in value] if isinstance(value, list) else value


def _is_unfinished(message: str, redacted: str) -> bool:
    """Say whether a message ends where a secret would begin (`password:`), or with the beginning of one."""
    if not message:
        return False
    if message[-1] in _DANGLING_ENDS and _DANGLING.search(message[-_DANGLING_LENGTH:]):
        return True
    # One that was seen whole is gone from here.
    last = redacted[redacted.rfind(" ") + 1 :]
    return len(last) <= _SHORTEST_LOOKED_AT and _BEGUN.search(last) is not None


def _has_check_digit(digits: list[int]) -> bool:
    """Say whether the last digit is the one that Luhn's rule gives."""
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _remember(places: OrderedDict[_Place, Any], place: _Place, value: Any) -> None:
    places[place] = value
    if len(places) > _MOST_OPEN:
        places.popitem(last=False)


def _count(found: dict[str, int], kind: str, count: int = 1) -> None:
    found[kind] = found.get(kind, 0) + count
