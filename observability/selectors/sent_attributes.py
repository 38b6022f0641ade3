"""A stored event's attributes as they were sent: what became its input or output is put back where it came from.

What is large stays where it is, and its place is named: the attributes of an event are read with it, whatever its size.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from observability.ingest.otlp.moved import has_moved, restore_attributes
from observability.ingest.payloads import read_blob_reference, unpack
from observability.ingest.text import encode_json
from observability.services.blobs import BlobMissingError, load_value

RESTORED_BYTES = 256 * 1024
"""Larger values are not put back."""


def read_sent_attributes(project_id: int, stored: Mapping[str, bytes]) -> bytes | None:
    """Return an event's attributes as JSON, from what its columns hold; None where nothing was moved out of them.

    Attributes so large that they lie in a blob are left as they are: nothing is moved out of a text of that size alone.
    """
    held = stored.get("attributes")
    if held is None or read_blob_reference(held) is not None:
        return None
    attributes = unpack(held)
    if not has_moved(attributes):
        return None
    given, produced = (_read_small(project_id, stored.get(field)) for field in ("input", "output"))
    return encode_json(restore_attributes(attributes, given=given, produced=produced, names_places=True))


def _read_small(project_id: int, held: bytes | None) -> bytes | None:
    if held is None:
        return None
    reference = read_blob_reference(held)
    if reference is not None and reference.size > RESTORED_BYTES:
        return None
    with suppress(BlobMissingError):
        value = load_value(project_id, held)
        return value if len(value) <= RESTORED_BYTES else None
    return None
