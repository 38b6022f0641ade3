"""Show what redaction would make of a text: the same code as for everything that arrives, nothing stored.

To say what each rule hid, the text is redacted with the built-in rules, then with one more rule at a time. Every place
at which the result differs from the text is a place at which something was hidden.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

from observability.ingest.redaction import MARKER, InvalidRedactionRuleError, compile_rules, redact_text
from observability.models import RedactionRule

TRIAL_BYTES = 64 * 1024
BUILT_IN = "built in"
_ALIGNED_CHARACTERS = 250


@dataclass(frozen=True, slots=True)
class DraftRule:
    """A rule that is not saved."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the result. `hidden_by` names the rule where something was hidden, else it is empty."""

    text: str
    hidden_by: str = ""
    is_draft: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """The result in pieces, and how often each rule hid something."""

    pieces: tuple[Piece, ...]
    hits: tuple[tuple[str, int], ...]


class TrialError(Exception):
    """The draft cannot be used. `before` and `after` part the pattern at the place where RE2 stopped, if it said so."""

    def __init__(self, message: str, *, pattern: str = "", at: int | None = None) -> None:
        super().__init__(message)
        self.before = pattern if at is None else pattern[:at]
        self.after = "" if at is None else pattern[at:]
        self.is_placed = at is not None


def try_redaction(*, project_id: int, text: str, draft: DraftRule | None = None) -> Trial:
    """Return what would be stored of a text of at most `TRIAL_BYTES`. One query. Raises `TrialError` for the draft."""
    text = text[:TRIAL_BYTES].replace("\r\n", "\n").replace("\x00", "\ufffd")
    saved = RedactionRule.objects.filter(project_id=project_id, is_enabled=True).order_by("id")
    rules = [DraftRule(rule.kind, rule.value) for rule in saved]
    if draft is not None:
        _check(draft)
        rules.append(draft)
    return _name_pieces(text, rules, draft)


def _check(draft: DraftRule) -> None:
    try:
        _redact("", [draft])
    except InvalidRedactionRuleError as error:
        message = str(error)
        raise TrialError(message, pattern=draft.value, at=_find_place(draft.value, message)) from error


def _find_place(pattern: str, message: str) -> int | None:
    """Return where in the pattern the fault lies: RE2 names the part it could not read behind a colon."""
    part = message.rpartition(": ")[2].strip().strip("'\"`")
    if not part or part == message:
        return None
    at = pattern.rfind(part)
    return at if at >= 0 else None


def _redact(text: str, rules: list[DraftRule]) -> str:
    compiled = compile_rules(
        key_names=tuple(rule.value for rule in rules if rule.kind == RedactionRule.Kind.KEY),
        patterns=tuple((rule.value, rule.value) for rule in rules if rule.kind == RedactionRule.Kind.PATTERN),
    )
    return redact_text(text, compiled)


def _name_pieces(text: str, rules: list[DraftRule], draft: DraftRule | None) -> Trial:
    result = _redact(text, rules)
    plain = _redact(text, [])
    alone = [(rule, _hidden_places(text, _redact(text, [rule]))) for rule in rules]
    built_in = _hidden_places(text, plain)
    pieces: list[Piece] = []
    hits: dict[str, int] = {}
    for piece, place in _split(text, result):
        if place is None:
            pieces.append(Piece(piece))
            continue
        rule = None if _covers(built_in, place) else next((one for one, at in alone if _covers(at, place)), None)
        name = BUILT_IN if rule is None else f"{RedactionRule.Kind(rule.kind).label}: {rule.value}"
        hits[name] = hits.get(name, 0) + 1
        pieces.append(Piece(piece, name, is_draft=rule is not None and rule is draft))
    return Trial(tuple(pieces), tuple(hits.items()))


def _covers(places: list[tuple[int, int]], place: tuple[int, int]) -> bool:
    return any(start < place[1] and place[0] < end for start, end in places)


def _hidden_places(text: str, result: str) -> list[tuple[int, int]]:
    return [place for _, place in _split(text, result) if place is not None]


def _split(text: str, result: str) -> list[tuple[str, tuple[int, int] | None]]:
    """Cut the result at its markers, each with the place in the text that it stands for.

    What lies between two markers is found in the text again, in order; text that held the marker already stays text.
    """
    parts = re.split(f"({re.escape(MARKER)})", result)
    pieces: list[tuple[str, tuple[int, int] | None]] = []
    at = 0
    for index, part in enumerate(parts):
        if part != MARKER:
            found = text.find(part, at) if part else at
            at = (found if found >= 0 else _align(text, part, at)) + len(part)
            if part:
                pieces.append((part, None))
            continue
        if text.startswith(MARKER, at):
            pieces.append((part, None))
            at += len(MARKER)
            continue
        following = parts[index + 1] if index + 1 < len(parts) else ""
        end = text.find(following, at + 1) if following else (len(text) if index + 2 >= len(parts) else at + 1)
        end = end if end > at else at + 1
        pieces.append((part, (at, end)))
        at = end
    return pieces


def _align(text: str, part: str, at: int) -> int:
    """Return where a part begins that was also quoted anew, so that it is not in the text as it stands.

    Its beginning is enough to tell, and comparing takes the square of what is compared.
    """
    start = part[:_ALIGNED_CHARACTERS]
    match = SequenceMatcher(None, text[at : at + 4 * len(start)], start, autojunk=False).find_longest_match()
    return at + max(match.a - match.b, 0)
