from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import InMemoryStorage, storages
from django.test import override_settings
from django.utils import timezone

from observability.ingest.payloads import make_blob_reference, pack
from observability.services.blobs import (
    GRACE,
    BlobMissingError,
    LocalBlobStorage,
    delete_blobs,
    iterate_blob,
    list_blobs,
    load_value,
    open_blob,
    read_blob,
    store_blob,
)

CONTENT = b'{"text":"' + b"hello " * 200_000 + b'"}'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return the empty folder in which the test's blobs lie."""
    backend = {"BACKEND": "observability.services.blobs.LocalBlobStorage", "OPTIONS": {"location": str(tmp_path)}}
    with override_settings(STORAGES={"blobs": backend}):
        yield tmp_path


def _list_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _age(folder: Path, by: timedelta) -> None:
    moment = (timezone.now() - by).timestamp()
    for path in _list_files(folder):
        with suppress(FileNotFoundError):
            os.utime(path, (moment, moment))


def test_store_blob__value__comes_back_and_is_stored_compressed(folder: Path) -> None:
    reference = store_blob(7, CONTENT)

    assert reference.size == len(CONTENT)
    assert read_blob(7, reference) == CONTENT
    (file,) = _list_files(folder)
    assert file.stat().st_size < len(CONTENT) / 10
    assert file.stat().st_mode & 0o077 == 0


def test_store_blob__same_value_again__is_one_file(folder: Path) -> None:
    first = store_blob(7, CONTENT)
    second = store_blob(7, CONTENT)

    assert first == second
    assert len(_list_files(folder)) == 1


def test_store_blob__old_blob__becomes_young_again(folder: Path) -> None:
    reference = store_blob(7, CONTENT)
    _age(folder, GRACE * 2)

    store_blob(7, CONTENT)

    assert delete_blobs(7, [reference.sha256]) == 0
    assert read_blob(7, reference) == CONTENT


def test_store_blob__empty_value__comes_back() -> None:
    assert read_blob(7, store_blob(7, b"")) == b""


def test_read_blob__other_project__is_missing() -> None:
    reference = store_blob(7, CONTENT)

    with pytest.raises(BlobMissingError):
        read_blob(8, reference)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "AB" * 32, "", "ab" * 31])
def test_open_blob__no_hash__is_missing(digest: str) -> None:
    with pytest.raises(BlobMissingError), open_blob(7, digest):
        pass


def test_read_blob__damaged_file__is_missing(folder: Path) -> None:
    reference = store_blob(7, CONTENT)
    (file,) = _list_files(folder)
    file.write_bytes(file.read_bytes()[:-10])

    with pytest.raises(BlobMissingError):
        read_blob(7, reference)


def test_iterate_blob__large_value__comes_in_pieces() -> None:
    reference = store_blob(7, CONTENT)

    pieces = list(iterate_blob(7, reference.sha256, chunk_bytes=100_000))

    assert b"".join(pieces) == CONTENT
    assert max(map(len, pieces)) <= 100_000


def test_load_value__column_with_a_value_or_an_address__gives_the_value() -> None:
    reference = store_blob(7, CONTENT)

    assert load_value(7, pack(CONTENT)) == CONTENT
    assert load_value(7, make_blob_reference(reference.sha256, reference.size)) == CONTENT


def test_list_blobs__project__names_only_its_own() -> None:
    mine = {store_blob(7, bytes([number])).sha256 for number in range(20)}
    store_blob(77, CONTENT)

    assert set(list_blobs(7)) == mine
    assert list(list_blobs(6)) == []


def test_delete_blobs__old_and_young__deletes_the_old(folder: Path) -> None:
    old = store_blob(7, b"old")
    _age(folder, GRACE * 2)
    young = store_blob(7, b"young")

    deleted = delete_blobs(7, [old.sha256, young.sha256])

    assert deleted == 1
    assert list(list_blobs(7)) == [young.sha256]
    assert delete_blobs(7, [old.sha256]) == 0


def test_delete_blobs__while_the_same_value_is_stored__never_takes_what_was_just_stored(folder: Path) -> None:
    found: list[bool] = []
    stop = threading.Event()

    def purge() -> None:
        while not stop.is_set():
            delete_blobs(7, list(list_blobs(7)))

    purger = threading.Thread(target=purge, daemon=True)
    purger.start()
    for _ in range(100):
        _age(folder, GRACE * 2)
        reference = store_blob(7, b"value")
        found.append((folder / f"7/{reference.sha256[:2]}/{reference.sha256}.zst").exists())
    stop.set()
    purger.join()

    assert all(found)


def test_store_blob__killed_while_writing__leaves_no_file_under_the_final_name(folder: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; import django; django.setup()\n"
        "from django.core.files.base import ContentFile\n"
        "from observability.services.blobs import LocalBlobStorage\n"
        "class Slow(ContentFile):\n"
        "    def chunks(self, chunk_size=None):\n"
        "        yield b'half'; print('half', flush=True); sys.stdin.read(); yield b'whole'\n"
        f"LocalBlobStorage(location={str(folder)!r}).save('7/ab/x.zst', Slow(b''))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"half\n"

    process.send_signal(signal.SIGKILL)
    process.communicate()

    storage = LocalBlobStorage(location=str(folder))
    assert not storage.exists("7/ab/x.zst")
    assert storage.remove_unfinished(timezone.now()) == 1
    assert _list_files(folder) == []


def test_store_blob__any_other_storage__serves_as_well() -> None:
    backend = {"BACKEND": "django.core.files.storage.InMemoryStorage"}
    with override_settings(STORAGES={"blobs": backend}):
        reference = store_blob(7, CONTENT)

        assert isinstance(storages["blobs"], InMemoryStorage)
        assert read_blob(7, reference) == CONTENT
        assert list(list_blobs(7)) == [reference.sha256]
        assert delete_blobs(7, [reference.sha256], now=timezone.now() + GRACE * 2) == 1
        assert list(list_blobs(7)) == []
