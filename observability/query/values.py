"""The values behind a field's operator: how they are read, and how they are written back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from observability.query.fields import Field, FieldKind


@dataclass(frozen=True, slots=True)
class Exact:
    """A text that is compared whole (of kind `CONTAINED`: that is contained)."""

    text: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """Texts with anything between them: `chat*` is `("chat", "")`, and `*` alone is any value at all."""

    parts: tuple[str, ...]

    @property
    def is_anything(self) -> bool:
        """Say whether every value fits, so that only the lack of one does not."""
        return not any(self.parts)


@dataclass(frozen=True, slots=True)
class Number:
    """Milliseconds, US dollars or a count, by the kind of the field."""

    amount: Decimal


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time, aware; for a whole `is_day`, its first moment."""

    at: datetime
    is_day: bool = False


@dataclass(frozen=True, slots=True)
class Ago:
    """So long before now."""

    milliseconds: int


@dataclass(frozen=True, slots=True)
class Regex:
    """An RE2 pattern that is found in a text."""

    pattern: str


Value = Exact | Pattern | Number | Moment | Ago | Regex
ANYTHING = Pattern(("", ""))

_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,9})?|\.\d{1,9}", re.ASCII)
_DURATION_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_COUNT_UNITS = {"": 1, "k": 1000, "m": 1_000_000}
_MOST = Decimal(10**15)
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_FIRST = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC)


def read_number(field: Field, text: str) -> Number | None:
    """Return the number that a text stands for in the unit of the field, or None if it is none."""
    if field.kind is FieldKind.COST:
        text, units, smallest = text.removeprefix("$"), {"": 1}, Decimal("0.000001")
    elif field.kind is FieldKind.DURATION:
        units, smallest = _DURATION_UNITS | {"": 1}, Decimal("0.000001")
    else:
        units, smallest = _COUNT_UNITS, Decimal(1)
    found = _NUMBER.match(text)
    if found is None or text[found.end() :].lower() not in units:
        return None
    amount = Decimal(found[0]) * units[text[found.end() :].lower()]
    if amount > _MOST or amount % smallest:
        return None
    return Number(amount.normalize())


def read_time(text: str) -> Moment | Ago | None:
    """Return the time that a text stands for: an ISO date or time (without a zone: UTC), `now`, or `-2h`."""
    if text.lower() == "now":
        return Ago(0)
    if found := re.fullmatch(r"-(\d{1,6})([smhdw])", text, re.ASCII | re.IGNORECASE):
        unit = found[2].lower()
        return Ago(int(found[1]) * (7 * 86_400_000 if unit == "w" else _DURATION_UNITS[unit]))
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            moment = Moment(datetime.combine(date.fromisoformat(text), time(), UTC), is_day=True)
        elif re.match(r"\d{4}-\d\d-\d\dT\d\d", text, re.ASCII | re.IGNORECASE):
            at = datetime.fromisoformat(text)
            moment = Moment(at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC))
        else:
            return None
    except (ValueError, OverflowError):
        return None
    return moment if _FIRST_YEAR <= moment.at.year <= _LAST_YEAR else None


def resolve_time(value: Moment | Ago, *, now: datetime) -> datetime:
    """Return the moment that is meant, seen from now; nothing is longer ago than the first that can be stored."""
    if isinstance(value, Ago):
        return now - min(timedelta(milliseconds=value.milliseconds), now - _FIRST)
    return value.at


_SAFE_VALUE = re.compile(r'[^\s"(),*=<>/:!][^\s"(),*]*')
_SAFE_WORD = re.compile(r"[^\W_][\w.@/+-]*")
_KEYWORDS = {"AND", "OR", "NOT"}


def write_value(field: Field | None, value: Value) -> str:
    """Return the one spelling of a value. Only that of a number depends on the field."""
    if isinstance(value, Exact):
        return _write_text(value.text)
    if isinstance(value, Pattern):
        return "*".join(_write_text(part) if part else "" for part in value.parts)
    if isinstance(value, Moment):
        return value.at.date().isoformat() if value.is_day else value.at.isoformat().replace("+00:00", "Z")
    if isinstance(value, Ago):
        return _write_ago(value)
    if isinstance(value, Regex):
        return "/" + value.pattern.replace("/", "\\/") + "/"
    assert field is not None
    return _write_number(field, value.amount)


def write_word(text: str) -> str:
    """Return a searched text, in quotes where it could be taken for anything else."""
    return text if _SAFE_WORD.fullmatch(text) and text not in _KEYWORDS else quote(text)


def quote(text: str) -> str:
    """Return the text in quotes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _write_text(text: str) -> str:
    return text if _SAFE_VALUE.fullmatch(text) and text not in _KEYWORDS else quote(text)


def _write_number(field: Field, amount: Decimal) -> str:
    if field.kind is FieldKind.DURATION:
        for unit in ("h", "m", "s"):
            count = amount / _DURATION_UNITS[unit]
            if count >= 1 and count == round(count, 1):
                return f"{_plain(count)}{unit}"
        return f"{_plain(amount)}ms"
    return _plain(amount)


def _write_ago(value: Ago) -> str:
    for unit in ("d", "h", "m"):
        count, rest = divmod(value.milliseconds, _DURATION_UNITS[unit])
        if count and not rest:
            return f"-{count}{unit}"
    return f"-{value.milliseconds // 1000}s" if value.milliseconds else "now"


def _plain(amount: Decimal) -> str:
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
