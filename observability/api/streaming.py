"""One value as a response: whole or one byte range, a piece at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.errors import ApiError
from observability.api.ranges import ByteRange, UnsatisfiableRangeError, parse_range
from observability.selectors.values import WholeValue

RANGES = {
    206: OpenApiResponse(OpenApiTypes.BINARY, description="The bytes that `Range` asked for."),
    416: OpenApiResponse(ApiError, description="The range begins after the end of the value."),
}


def stream_value(request: Request, value: WholeValue) -> HttpResponseBase:
    """Return a response that holds one piece at a time. ASGI takes a plain iterator whole, so there it gets another.

    Answers one byte range with 206, so that a reader of a large value need not take all of it. The hash of the content
    is the entity tag: a range asked for with `If-Range` is never one of another value.
    """
    tag = f'"{value.sha256}"'
    part = ByteRange(0, value.size_bytes)
    asked = None
    if request.headers.get("If-Range", tag) == tag:
        try:
            asked = parse_range(request.headers.get("Range"), value.size_bytes)
        except UnsatisfiableRangeError:
            return _refuse_range(value.size_bytes)
    part = asked or part
    pieces = value.read(part.start, part.stop)
    is_asgi = isinstance(request._request, ASGIRequest)
    content = _iterate_in_threads(pieces) if is_asgi else pieces
    response = StreamingHttpResponse(content, content_type="application/json", status=206 if asked else 200)
    response["Content-Length"] = str(part.stop - part.start)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-store"
    if asked:
        response["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{value.size_bytes}"
    return response


def _refuse_range(size: int) -> Response:
    error = ApiError(code="range_not_satisfiable", detail=f"The value has {size} bytes; the range begins after them.")
    return Response(error, status=416, headers={"Content-Range": f"bytes */{size}"})


async def _iterate_in_threads(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    read = sync_to_async(lambda: next(pieces, None), thread_sensitive=False)
    while (piece := await read()) is not None:
        yield piece
