"""JSON straight from the selectors' typed values: one encoder for a page of ten thousand events and for an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from rest_framework.renderers import BaseRenderer


class StructRenderer(BaseRenderer):
    """Encode msgspec structs (and plain dicts, for errors) as JSON."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return the JSON text; nothing for no data."""
        return b"" if data is None else msgspec.json.encode(data, enc_hook=_encode_other)


def _encode_other(value: Any) -> Any:
    """DRF's error texts are a subclass of str, Django's lazy ones only act like it."""
    return str(value)
