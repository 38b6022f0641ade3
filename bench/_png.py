"""PNG with a palette: pictures of pages have few colours, and are a third of what browsers write."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterable

MOST_COLOURS = 256
AREA = 400
"""A colour of so many pixels is more than the edge of a letter."""
DIFFERENCE = 250
"""Square of the distance from which two colours differ to the eye."""


def encode_png(pixels: bytes, *, width: int, height: int) -> bytes:
    """Return the opaque RGBA pixels as a PNG of at most 256 colours; rarer ones become their nearest."""
    values = struct.unpack(f"<{width * height}I", pixels)
    counts = Counter(values)
    kept = _choose_colours(counts)
    places = {colour: place for place, colour in enumerate(kept)}
    for colour in counts:
        if colour not in places:
            places[colour] = _find_nearest(colour, kept)
    indexes = bytes(map(places.__getitem__, values))
    # Each line begins with its filter: none, which suits flat colours.
    lines = b"".join(b"\0" + indexes[start : start + width] for start in range(0, len(indexes), width))
    palette = bytes(channel for colour in kept for channel in _split(colour))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_make_chunks(chunks))


def _choose_colours(counts: Counter[int]) -> list[int]:
    """Return the palette: what fills areas, then the most frequent of the rest that differ, so that no hue is lost."""
    areas = [colour for colour, count in counts.most_common(MOST_COLOURS) if count >= AREA]
    kept, shades = list(areas), list[int]()
    for colour, _ in counts.most_common()[len(areas) :]:
        if len(kept) == MOST_COLOURS:
            break
        wanted = _split(colour)
        is_shade = any(_measure(wanted, _split(other)) < DIFFERENCE for other in kept)
        (shades if is_shade else kept).append(colour)
    return kept + shades[: MOST_COLOURS - len(kept)]


def _find_nearest(colour: int, kept: list[int]) -> int:
    wanted = _split(colour)
    return min(range(len(kept)), key=lambda place: _measure(wanted, _split(kept[place])))


def _measure(one: tuple[int, int, int], other: tuple[int, int, int]) -> int:
    return sum((left - right) ** 2 for left, right in zip(one, other, strict=True))


def _split(colour: int) -> tuple[int, int, int]:
    return colour & 255, colour >> 8 & 255, colour >> 16 & 255


def _make_chunks(chunks: Iterable[tuple[bytes, bytes]]) -> Iterable[bytes]:
    for name, body in chunks:
        yield struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
