"""How figures, times and states are written on the pages.

`static/js/format.js` writes the same values in the browser by the same rules; `tests/pages/format_cases.json` holds
both to them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from django import template
from django.forms import BoundField
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from observability.ingest.sdk import trace_ids
from observability.selectors.shapes import TraceSummary

register = template.Library()

_STATUS_WORDS = {"ok": "ok", "unset": "ok", "error": "error", "running": "running"}
UNKNOWN = "\u2013"
"""An en dash stands for what is not known."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
# The first that occurs: Edge and Opera call themselves Chrome too, and Chrome calls itself Safari.
_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """Draw one of the symbols of `_icons.html`."""
    return format_html(
        '<svg class="icon{}" aria-hidden="true"><use href="#i-{}"/></svg>', f" {css}" if css else "", name
    )


@register.simple_tag
def status(value: str, css: str = "") -> SafeString:
    """Show a state by shape, word and colour. `unset` is an end without a verdict and reads as ok."""
    word = _STATUS_WORDS.get(value, value)
    return format_html('<span class="status {}{}">{}</span>', word, f" {css}" if css else "", word)


@register.filter
def is_unattributed(trace: TraceSummary) -> bool:
    """Tell whether a trace stands for what a session sent without a trace id."""
    return trace_ids.is_unattributed(trace.trace_id, trace.session_id)


@register.filter
def duration(milliseconds: float | None) -> str:
    """Write a duration in the largest fitting unit; an unknown one as a dash."""
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < 10:
        return f"{_round(max(milliseconds, 0), 1)} ms" if milliseconds else "0 ms"
    if milliseconds < 999.5:
        return f"{_round(milliseconds, 0)} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{_round(seconds, 2 if seconds < 9.995 else 1)} s"
    return _long_duration(math.floor(seconds + 0.5))


def _long_duration(seconds: int) -> str:
    if seconds < _HOUR:
        return f"{seconds // _MINUTE}m {seconds % _MINUTE:02d}s"
    if seconds < _DAY:
        return f"{seconds // _HOUR}h {seconds % _HOUR // _MINUTE:02d}m"
    return f"{seconds // _DAY}d {seconds % _DAY // _HOUR}h"


@register.filter
def compact(number: int | None) -> str:
    """Write a count in at most four characters and a unit: 940, 1.2k, 12k, 3.4M."""
    if number is None:
        return UNKNOWN
    for size, unit in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            value = number / size
            return f"{_round(value, 1 if value < 9.95 else 0)}{unit}"
    return str(number)


@register.filter
def grouped(number: int | None) -> str:
    """Write a count in full, with thousands separated."""
    return UNKNOWN if number is None else f"{number:,}"


@register.filter
def percent(share: float | None) -> str:
    """Write a share of one as a percentage: what is there is never written as nothing, nor as all of it."""
    if share is None:
        return UNKNOWN
    value = share * 100
    if 0 < value < 0.1:
        return "<0.1%"
    if 99.9 < value < 100:
        return ">99.9%"
    return f"{_round(value, 1 if value < 9.95 or 99 < value < 100 else 0)}%"


@register.filter
def cost(micros: int | None) -> str:
    """Write millionths of a dollar with its currency; what is not known says so."""
    if micros is None:
        return "unknown"
    if micros == 0:
        return "$0"
    dollars = micros / 1_000_000
    if dollars < 0.0001:
        return "<$0.0001"
    digits = 4 if dollars < 0.01 else 3 if dollars < 1 else 2
    return f"${math.floor(dollars * 10**digits + 0.5) / 10**digits:,.{digits}f}"


@register.filter
def short_id(value: str | None) -> str:
    """Shorten an id to what tells two apart: the last part of an SDK's `name::time::id`, else eight characters."""
    if not value:
        return ""
    last = value.rsplit("::", 1)[-1]
    return last if len(last) <= 8 else last[:8]


@register.filter
def tail(value: str) -> str:
    """Shorten a long id to its end: what senders put before it is often the same for all."""
    return value if len(value) <= 12 else f"…{value[-8:]}"


@register.simple_tag
def when(moment: datetime | None, css: str = "") -> SafeString | str:
    """Show how long ago, with the moment itself on hover. Scripts keep it current and in the reader's zone."""
    if moment is None:
        return UNKNOWN
    return format_html(
        '<time datetime="{}" data-when title="{}"{}>{}</time>',
        moment.isoformat(),
        absolute(moment),
        format_html(' class="{}"', css) if css else "",
        relative((timezone.now() - moment).total_seconds()),
    )


@register.filter
def absolute(moment: datetime | None) -> str:
    """Write a moment with its zone: the one the person chose, else UTC."""
    return UNKNOWN if moment is None else timezone.localtime(moment).strftime("%Y-%m-%d %H:%M:%S %Z")


def relative(seconds: float) -> str:
    """Write a distance in time from now; negative lies ahead."""
    distance = abs(seconds)
    if distance < 5:
        return "just now"
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min"), (1, "s")):
        if distance >= size:
            text = f"{math.floor(distance / size)} {unit}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return "just now"


@register.filter
def browser_name(user_agent: str) -> str:
    """Name browser and system as people do: Firefox on Linux. What is neither known nor found is left as it came."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return f"{browser} on {system}" if browser and system else browser or user_agent.partition(" ")[0] or "Unknown"


@register.filter
def styled(field: BoundField) -> SafeString:
    """Render a form field's widget in the look of the pages, tied to its help text and errors."""
    is_select = field.widget_type in {"select", "selectmultiple"}
    # The label says it already.
    attributes: dict[str, str | bool] = {"class": "select" if is_select else "input wide", "placeholder": ""}
    if field.errors:
        attributes["aria-invalid"] = "true"
    return field.as_widget(attrs=attributes)


def _round(value: float, digits: int) -> str:
    """Round half up, as the browser's side does, and drop a trailing zero fraction."""
    rounded = math.floor(value * 10**digits + 0.5) / 10**digits
    return f"{rounded:.{digits}f}".rstrip("0").rstrip(".") if digits else str(int(rounded))


_SPARK_WIDTH, _SPARK_HEIGHT = 96, 20


@register.simple_tag
def sparkline(values: Sequence[float | None], label: str = "", css: str = "", shape: str = "line") -> SafeString:
    """Draw a course of values from zero up, as a `line` or as `bars`; None leaves a gap.

    `label` says in words what the course shows; without it the drawing is for the eye alone.
    """
    highest = max((value for value in values if value is not None), default=0) or 1
    path = (_draw_bars if shape == "bars" else _draw_line)(values, highest)
    return format_html(
        '<svg class="sparkline{}" viewBox="0 0 {} {}" preserveAspectRatio="none" {}><path{} d="{}"/></svg>',
        f" {css}" if css else "",
        _SPARK_WIDTH,
        _SPARK_HEIGHT,
        format_html('role="img" aria-label="{}"', label) if label else SafeString('aria-hidden="true"'),
        SafeString(' class="fill"') if shape == "bars" else "",
        path,
    )


def _draw_line(values: Sequence[float | None], highest: float) -> str:
    step = _SPARK_WIDTH / max(1, len(values) - 1)
    parts: list[str] = []
    is_down = False
    for index, value in enumerate(values):
        if value is not None:
            parts.append(f"{'L' if is_down else 'M'}{index * step:.1f} {_spark_y(value, highest):.1f}")
            # A value alone is a point: a line of no length with round ends.
            parts.append("" if is_down else "h0")
        is_down = value is not None
    return "".join(parts)


def _draw_bars(values: Sequence[float | None], highest: float) -> str:
    step = _SPARK_WIDTH / max(1, len(values))
    bars = ((index * step + step * 0.1, _spark_y(value, highest)) for index, value in enumerate(values) if value)
    return "".join(f"M{left:.1f} {_SPARK_HEIGHT}V{top:.1f}h{step * 0.8:.1f}V{_SPARK_HEIGHT}z" for left, top in bars)


def _spark_y(value: float, highest: float) -> float:
    return _SPARK_HEIGHT - 1 - value / highest * (_SPARK_HEIGHT - 2)
