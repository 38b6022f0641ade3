"""Contrast of the colours in tokens.css, by the formula of WCAG 2.2, in both themes."""

from __future__ import annotations

import re

import pytest

from config.env import BASE_DIR

TOKENS = dict(re.findall(r"--([\w-]+):\s*([^;]+);", (BASE_DIR / "static/css/tokens.css").read_text()))
SURFACES = ("bg", "surface", "surface-2", "surface-3", "overlay")
TEXTS = ("text", "text-2", "text-3", "accent", "ok", "error", "warn")
CODE = ("code-key", "code-string", "code-number", "code-word")
KINDS = tuple(name for name in TOKENS if name.startswith("kind-"))
PAIRS = [
    *((text, surface, 4.5) for text in TEXTS for surface in SURFACES),
    *((text, surface, 4.5) for text in CODE for surface in ("surface", "surface-2")),
    *((f"{state}", f"{state}-soft", 4.5) for state in ("ok", "error", "warn", "accent")),
    *(("text", f"{state}-soft", 4.5) for state in ("ok", "error", "warn", "accent")),
    *(("on-accent", fill, 4.5) for fill in ("accent-fill", "accent-fill-hover")),
    # Bars and icons of the timeline, and the ring of the focus.
    *((kind, surface, 3.0) for kind in KINDS for surface in ("bg", "surface")),
    *(("accent", surface, 3.0) for surface in SURFACES),
]


def read_colour(name: str, *, is_dark: bool) -> tuple[int, int, int]:
    value = TOKENS[name].strip()
    if value.startswith("var(--"):
        return read_colour(value[6:-1], is_dark=is_dark)
    found = re.findall(r"#([0-9a-f]{6})", value)
    text = found[-1] if is_dark else found[0]
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:], 16)


def measure_luminance(colour: tuple[int, int, int]) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def measure_contrast(one: str, other: str, *, is_dark: bool) -> float:
    lights = sorted(measure_luminance(read_colour(name, is_dark=is_dark)) for name in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
def test_contrast__of_every_pair__is_enough(is_dark: bool) -> None:
    weak = {
        f"{one} on {other}": round(measure_contrast(one, other, is_dark=is_dark), 2)
        for one, other, wanted in PAIRS
        if measure_contrast(one, other, is_dark=is_dark) < wanted
    }

    assert weak == {}


def test_contrast__of_black_on_white__is_twenty_one() -> None:
    black, white = measure_luminance((0, 0, 0)), measure_luminance((255, 255, 255))

    assert (white + 0.05) / (black + 0.05) == pytest.approx(21)
