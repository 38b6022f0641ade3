"""One stored value whole, however large it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from observability.ingest.payloads import BlobReference, read_blob_reference, unpack
from observability.services.blobs import iterate_blob


@dataclass(frozen=True, slots=True)
class WholeValue:
    """A value in pieces of JSON text. `size_bytes` is that of all of them."""

    size_bytes: int
    pieces: Iterator[bytes]


def open_value(project_id: int, stored: bytes) -> WholeValue:
    """Return what a column holds or names; memory stays flat for a blob. Raises `BlobMissingError`."""
    reference = read_blob_reference(stored)
    if reference is None:
        value = unpack(stored)
        return WholeValue(len(value), iter((value,)))
    return WholeValue(reference.size, _iterate_now(project_id, reference))


def _iterate_now(project_id: int, reference: BlobReference) -> Iterator[bytes]:
    """Open the blob before the answer has begun: afterwards an error could only break it off."""
    pieces = iterate_blob(project_id, reference.sha256)
    first = next(pieces, b"")
    return chain((first,), pieces)
