"""Small multiples as SVG: values by size, both on logarithmic axes. Readable on light and dark grounds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

_WIDTH, _HEIGHT = 220, 150
_LEFT, _TOP, _RIGHT, _BOTTOM = 46, 26, 14, 24
_COLUMNS = 4
_STYLE = """
text { font: 10px system-ui, sans-serif; fill: #57606a } .title { font-weight: 600; fill: #1f2328 }
.grid { stroke: #d0d7de; stroke-width: .5 } .bar { stroke: #9a6700; stroke-width: 1.5 }
.line { fill: none; stroke-width: 1.75 } .s0 { stroke: #0969da } .s1 { stroke: #8250df } .s2 { stroke: #1a7f37 }
circle { fill: #fff; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #9198a1 } .title { fill: #f0f6fc } .grid { stroke: #3d444d } .bar { stroke: #d29922 }
.s0 { stroke: #4493f8 } .s1 { stroke: #ab7df8 } .s2 { stroke: #3fb950 } circle { fill: #0d1117 } }
"""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One small chart: lines by their label, and the values that were aimed for, each over its own size."""

    title: str
    lines: Mapping[str, Points]
    bars: Points = field(default_factory=tuple)


@dataclass(frozen=True)
class _Axes:
    """From values to places in a panel."""

    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        across = _share(x, self.x) * (_WIDTH - _LEFT - _RIGHT)
        up = _share(y, self.y) * (_HEIGHT - _TOP - _BOTTOM)
        return _LEFT + across, _HEIGHT - _BOTTOM - up


def draw_panels(panels: Sequence[Panel], *, unit: str, x_title: str) -> str:
    """Return the panels, `_COLUMNS` in a row, all on the same axes so that they can be compared."""
    points = [point for panel in panels for line in (*panel.lines.values(), panel.bars) for point in line]
    axes = _Axes(_span(x for x, _ in points), _decades(y for _, y in points))
    rows = -(-len(panels) // _COLUMNS)
    width, height = min(len(panels), _COLUMNS) * _WIDTH, rows * _HEIGHT + 18
    drawn = [
        f'<g transform="translate({place % _COLUMNS * _WIDTH} {place // _COLUMNS * _HEIGHT})">'
        f"{_draw_panel(panel, axes, unit)}</g>"
        for place, panel in enumerate(panels)
    ]
    labels = list(dict.fromkeys(label for panel in panels for label in panel.lines))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">'
        f"<title>{escape(x_title)}</title><style>{_STYLE}</style>{''.join(drawn)}"
        f"{_draw_key(labels, x_title, y=height - 5, has_bars=any(panel.bars for panel in panels))}</svg>\n"
    )


def _draw_panel(panel: Panel, axes: _Axes, unit: str) -> str:
    parts = [f'<text class="title" x="{_LEFT}" y="14">{escape(panel.title)}</text>']
    for power in range(round(math.log10(axes.y[0])), round(math.log10(axes.y[1])) + 1):
        _, y = axes.place(axes.x[0], 10.0**power)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{y + 3:.1f}" text-anchor="end">{_compact(10.0**power)} {unit}</text>')
    for x in sorted({x for line in panel.lines.values() for x, _ in line}):
        across, _ = axes.place(x, axes.y[0])
        parts.append(f'<text x="{across:.1f}" y="{_HEIGHT - 10}" text-anchor="middle">{_compact(x)}</text>')
    for x, y in panel.bars:
        across, up = axes.place(x, y)
        parts.append(f'<line class="bar" x1="{across - 9:.1f}" x2="{across + 9:.1f}" y1="{up:.1f}" y2="{up:.1f}"/>')
    for place, line in enumerate(panel.lines.values()):
        placed = [axes.place(x, y) for x, y in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline class="line s{place}" points="{path}"/>')
        parts += [f'<circle class="s{place}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in placed]
    return "".join(parts)


def _draw_key(labels: list[str], x_title: str, *, y: float, has_bars: bool) -> str:
    parts = [f'<text x="{_LEFT}" y="{y}">by {escape(x_title)}</text>']
    x = _LEFT + 120
    for place, label in enumerate(labels):
        parts.append(f'<line class="line s{place}" x1="{x}" x2="{x + 18}" y1="{y - 3}" y2="{y - 3}"/>')
        parts.append(f'<text x="{x + 23}" y="{y}">{escape(label)}</text>')
        x += 40 + 6 * len(label)
    if has_bars:
        parts.append(f'<line class="bar" x1="{x}" x2="{x + 18}" y1="{y - 3}" y2="{y - 3}"/>')
        parts.append(f'<text x="{x + 23}" y="{y}">bar</text>')
    return "".join(parts)


def _share(value: float, span: tuple[float, float]) -> float:
    low, high = math.log10(span[0]), math.log10(span[1])
    return (math.log10(value) - low) / (high - low or 1)


def _span(values: Iterable[float]) -> tuple[float, float]:
    """Return the extremes with a little room."""
    found = sorted(values)
    return found[0] / 1.5, found[-1] * 1.5


def _decades(values: Iterable[float]) -> tuple[float, float]:
    """Return the powers of ten around the values."""
    found = sorted(values)
    return 10.0 ** math.floor(math.log10(found[0])), 10.0 ** math.ceil(math.log10(found[-1]))


def _compact(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"
