"""Values over 1 MiB: kept in blob storage under the SHA-256 of their content, compressed, apart per project.

A blob is written before the row that names it is committed, so a committed row always finds its blob; a crash in
between leaves a blob that nothing names, which the purge removes. The same content is one blob however often it is
sent. Storing and purging meet like this:

1. A writer that finds a blob younger than `FRESH` leaves it; an older one it writes anew, which makes it young.
2. It commits its rows within minutes of that.
3. The purge removes only blobs that no row names *and* that are older than `GRACE`. Local storage looks at the age
   and removes under the same lock under which a new file takes its name, so 1 and 3 cannot interleave.

Any storage of django-storages can stand behind the alias `blobs`; its uploads must be atomic, as those of S3, GCS and
Azure are, and it must not rename what it is given.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import zstandard
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, storages
from django.utils import timezone

from observability.errors import ObservabilityError
from observability.ingest.payloads import BlobReference, read_blob_reference, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.core.files.base import File
    from django.core.files.storage import Storage

FRESH = timedelta(minutes=10)
GRACE = timedelta(hours=1)

_CHUNK_BYTES = 256 * 1024
_LEVEL = 3
_SHA256 = re.compile(r"[0-9a-f]{64}")
_INCOMING = "incoming"


class BlobMissingError(ObservabilityError):
    """The blob a row names is not in storage, or is not what was stored."""

    code = "blob_missing"
    status = 410


def store_blob(project_id: int, content: bytes) -> BlobReference:
    """Store a value and return its address. On disk to stay when this returns. Idempotent; blocks on the disk."""
    reference = BlobReference(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
    name = _name_blob(project_id, reference.sha256)
    storage = _get_storage()
    if not _is_stored_since(storage, name, timezone.now() - FRESH):
        storage.save(name, ContentFile(zstandard.ZstdCompressor(level=_LEVEL).compress(content)))
    return reference


@contextmanager
def open_blob(project_id: int, sha256: str) -> Iterator[IO[bytes]]:
    """Open a blob as a stream of the value's own bytes. Raises `BlobMissingError`."""
    name = _name_blob(project_id, sha256)
    try:
        file = _get_storage().open(name)
    except FileNotFoundError as error:
        raise BlobMissingError("This value is no longer in blob storage.") from error
    with file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        yield stream


def iterate_blob(project_id: int, sha256: str, chunk_bytes: int = _CHUNK_BYTES, *, start: int = 0) -> Iterator[bytes]:
    """Yield a blob in pieces from the byte `start` on, for a streaming response; memory stays flat.

    Raises `BlobMissingError`.
    """
    with open_blob(project_id, sha256) as stream:
        while start > 0 and (skipped := stream.read(min(start, chunk_bytes))):
            start -= len(skipped)
        while chunk := stream.read(chunk_bytes):
            yield chunk


def read_blob(project_id: int, reference: BlobReference) -> bytes:
    """Return a whole blob. Raises `BlobMissingError`, also when the content does not have its hash any more."""
    try:
        content = b"".join(iterate_blob(project_id, reference.sha256))
    except zstandard.ZstdError as error:
        raise BlobMissingError("This value is damaged in blob storage.") from error
    if hashlib.sha256(content).hexdigest() != reference.sha256:
        raise BlobMissingError("This value is damaged in blob storage.")
    return content


def load_value(project_id: int, stored: bytes) -> bytes:
    """Return the value that a column holds or names. Raises `BlobMissingError`."""
    reference = read_blob_reference(stored)
    return unpack(stored) if reference is None else read_blob(project_id, reference)


def list_blobs(project_id: int) -> Iterator[str]:
    """Yield the hash of every blob of a project."""
    storage = _get_storage()
    for shard in _list_directory(storage, str(project_id))[0]:
        for name in _list_directory(storage, f"{project_id}/{shard}")[1]:
            digest = name.removesuffix(".zst")
            if _SHA256.fullmatch(digest):
                yield digest


def delete_blobs(project_id: int, hashes: Iterable[str], *, now: datetime | None = None) -> int:
    """Delete those of the blobs that are older than `GRACE`, and return how many. Idempotent.

    For the purge: the caller has made sure that no row names them.
    """
    before = (now or timezone.now()) - GRACE
    storage = _get_storage()
    return sum(_delete_if_older(storage, _name_blob(project_id, digest), before) for digest in hashes)


class LocalBlobStorage(FileSystemStorage):
    """Files in a folder. A file appears under its name whole and synced to disk, or not at all."""

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name as it is: the same name is the same content."""
        return name

    def delete_if_older(self, name: str, before: datetime) -> bool:
        """Delete a file not written since a time; tell whether it was there and was deleted."""
        path = Path(self.path(name))
        try:
            with _lock_directory(path.parent):
                if path.stat().st_mtime >= before.timestamp():
                    return False
                path.unlink()
        except FileNotFoundError:
            return False
        return True

    def remove_unfinished(self, before: datetime) -> int:
        """Remove what a crash left of files that were being written, and return how many."""
        incoming = Path(self.location, _INCOMING)
        leftovers = [path for path in incoming.glob("*") if path.stat().st_mtime < before.timestamp()]
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)

    def _save(self, name: str, content: File[Any]) -> str:
        path = Path(self.path(name))
        incoming = Path(self.location, _INCOMING)
        _make_directory(incoming)
        _make_directory(path.parent)
        descriptor, temporary = tempfile.mkstemp(dir=incoming)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            with _lock_directory(path.parent) as directory:
                Path(temporary).replace(path)
                os.fsync(directory)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        return name


def _get_storage() -> Storage:
    return storages["blobs"]


def _name_blob(project_id: int, sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise BlobMissingError("This is not the address of a blob.")
    return f"{project_id}/{sha256[:2]}/{sha256}.zst"


def _is_stored_since(storage: Storage, name: str, since: datetime) -> bool:
    try:
        return storage.exists(name) and storage.get_modified_time(name) >= since
    except FileNotFoundError:
        return False


def _delete_if_older(storage: Storage, name: str, before: datetime) -> bool:
    if isinstance(storage, LocalBlobStorage):
        return storage.delete_if_older(name, before)
    if not storage.exists(name) or storage.get_modified_time(name) >= before:
        return False
    storage.delete(name)
    return True


def _list_directory(storage: Storage, path: str) -> tuple[list[str], list[str]]:
    try:
        return storage.listdir(path)
    except FileNotFoundError:
        return [], []


@contextmanager
def _lock_directory(path: Path) -> Iterator[int]:
    """Hold a folder's lock, among all processes, and yield its descriptor."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _make_directory(path: Path) -> None:
    """Make a folder and its parents, private, each entry synced to disk."""
    if path.is_dir():
        return
    _make_directory(path.parent)
    path.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
