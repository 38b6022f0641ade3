"""One stored value, whole or by ranges, however large it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from observability.ingest.payloads import BlobReference, read_blob_reference, unpack
from observability.services.blobs import iterate_blob


@dataclass(frozen=True, slots=True)
class WholeValue:
    """A value as JSON text. `size_bytes` is that of all of it and `sha256` its content's, for the reader to compare."""

    project_id: int
    size_bytes: int
    sha256: str
    content: bytes | None
    """The value itself; None where it lies in a blob."""

    @property
    def pieces(self) -> Iterator[bytes]:
        """Return all of it in pieces."""
        return self.read(0, self.size_bytes)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Return the bytes from `start` up to `stop` in pieces; memory stays flat for a blob.

        A blob is decompressed from its beginning, so a late range costs the time of all before it, not the memory.
        Raises `BlobMissingError` now: once the answer has begun, an error could only break it off.
        """
        if self.content is not None:
            return iter((self.content[start:stop],))
        pieces = _cut(iterate_blob(self.project_id, self.sha256, start=start), stop - start)
        first = next(pieces, b"")
        return chain((first,), pieces)


def open_value(project_id: int, stored: bytes) -> WholeValue:
    """Return what a column holds or names. Raises `BlobMissingError` when it is read and storage lost it."""
    reference: BlobReference | None = read_blob_reference(stored)
    if reference is None:
        return hold_value(project_id, unpack(stored))
    return WholeValue(project_id, reference.size, reference.sha256, None)


def hold_value(project_id: int, content: bytes) -> WholeValue:
    """Return JSON text that is in memory already."""
    return WholeValue(project_id, len(content), hashlib.sha256(content).hexdigest(), content)


def _cut(pieces: Iterator[bytes], wanted: int) -> Iterator[bytes]:
    """Yield the first `wanted` bytes, and read no further."""
    while wanted > 0 and (piece := next(pieces, None)) is not None:
        yield piece[:wanted]
        wanted -= len(piece)
