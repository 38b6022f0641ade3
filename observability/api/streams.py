"""Answers that are sent while they are made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connection
from django.http import StreamingHttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request


class AnyNegotiation(BaseContentNegotiation):
    """For addresses whose answer is a file of their own choice: errors are JSON, whatever is accepted."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the first renderer."""
        first = next(iter(renderers))
        return first, first.media_type or ""


def stream_file(request: Request, pieces: Iterator[bytes], *, content_type: str, name: str) -> StreamingHttpResponse:
    """Return a download that holds one piece at a time.

    ASGI takes a plain iterator whole, so there it gets another; each piece may read the database, on whichever thread
    makes it, and gives its connection back.
    """
    is_asgi = isinstance(request._request, ASGIRequest)
    response = StreamingHttpResponse(_iterate_in_threads(pieces) if is_asgi else pieces, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    # So that a proxy sends on what there is.
    response["X-Accel-Buffering"] = "no"
    return response


async def _iterate_in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    def read() -> bytes | None:
        try:
            return next(pieces, None)
        finally:
            connection.close()

    # No `asyncio.to_thread`: what runs here must see the same context.
    make = sync_to_async(read, thread_sensitive=False)
    while (piece := await make()) is not None:
        yield piece
