from __future__ import annotations

import base64

import pytest

from observability.ingest.otlp.chat import read_content
from observability.ingest.otlp.media import measure_image

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x02\x80\x00\x00\x01\xe0\x08\x06"
GIF = b"GIF89a\x0a\x00\x14\x00\x00"
JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc2\x00\x11\x08\x00\x64\x01\x2c\x03"
EXTENDED = b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\x7f\x02\x00\xdf\x01\x00"
LOSSLESS = b"RIFF\x00\x00\x00\x00WEBPVP8L\x00\x00\x00\x00\x2f" + (639 | 479 << 14).to_bytes(4, "little")
LOSSY = b"RIFF\x00\x00\x00\x00WEBPVP8 " + b"\x00" * 10 + b"\x80\x02\xe0\x01"


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (PNG, (640, 480)),
        (GIF, (10, 20)),
        (JPEG, (300, 100)),
        (EXTENDED, (640, 480)),
        (LOSSLESS, (640, 480)),
        (LOSSY, (640, 480)),
        (PNG[:18], None),
        (JPEG[:12], None),
        (b"no image", None),
        (b"", None),
    ],
)
def test_measure__first_bytes__width_and_height_or_none(content: bytes, size: tuple[int, int] | None) -> None:
    assert measure_image(base64.b64encode(content).decode()) == size


def test_measure__not_base64__none() -> None:
    assert measure_image("ü" * 8) is None


def test_chat__image_part__says_its_size() -> None:
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()

    [part] = read_content([{"type": "image_url", "image_url": {"url": url}}])

    assert (part.type, part.width, part.height, part.size_bytes) == ("image", 640, 480, len(PNG))
