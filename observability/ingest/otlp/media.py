"""The size in pixels of an image, from its first bytes. Nothing here fails on odd input."""

from __future__ import annotations

import base64
import binascii
import struct

_HEAD_CHARACTERS = 64 * 1024
"""Of base64: a JPEG may carry a preview of some tens of kilobytes before it says its size."""
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def measure_image(encoded: str) -> tuple[int, int] | None:
    """Return width and height of a PNG, GIF, WebP or JPEG in base64, or None where they cannot be told."""
    head = encoded[:_HEAD_CHARACTERS]
    try:
        content = base64.b64decode(head[: len(head) // 4 * 4])
    except (binascii.Error, ValueError):
        return None
    try:
        return _measure(content)
    except (struct.error, IndexError):
        return None


def _measure(content: bytes) -> tuple[int, int] | None:
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _read_pair(">II", content[16:24])
    if content.startswith((b"GIF87a", b"GIF89a")):
        return _read_pair("<HH", content[6:10])
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return _measure_webp(content)
    return _measure_jpeg(content) if content.startswith(b"\xff\xd8") else None


def _measure_webp(content: bytes) -> tuple[int, int] | None:
    kind = content[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = _read_pair("<HH", content[26:30])
    return width & 0x3FFF, height & 0x3FFF


def _measure_jpeg(content: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(content) and content[at] == 0xFF:
        if content[at + 1] in _JPEG_SIZES:
            height, width = _read_pair(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    return None


def _read_pair(form: str, content: bytes) -> tuple[int, int]:
    first, second = struct.unpack(form, content)
    return first, second
