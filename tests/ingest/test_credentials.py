"""An API key in every header a client may put it in."""

from __future__ import annotations

import base64

import pytest

from observability.ingest.credentials import read_key


def _basic(text: str) -> bytes:
    return b"Basic " + base64.b64encode(text.encode())


@pytest.mark.parametrize(
    "headers",
    [
        [(b"api-key", b"ed_1.secret")],
        [(b"x-api-key", b"ed_1.secret")],
        [(b"authorization", b"Bearer ed_1.secret")],
        [(b"authorization", b"bearer   ed_1.secret ")],
        [(b"authorization", _basic("ed_1:secret"))],
        [(b"authorization", _basic("ed_1.secret:"))],
        [(b"authorization", _basic("ed_1.secret"))],
        [(b"authorization", b"ed_1.secret")],
        [(b"authorization", b"Bearer other"), (b"api-key", b"ed_1.secret")],
        [(b"api-key", b""), (b"authorization", b"Bearer ed_1.secret")],
    ],
)
def test_read_key__any_form__key_text(headers: list[tuple[bytes, bytes]]) -> None:
    assert read_key(headers) == "ed_1.secret"


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ([], None),
        ([(b"authorization", b"Digest x")], None),
        ([(b"authorization", b"Bearer")], ""),
        ([(b"authorization", b"Basic ???")], ""),
        ([(b"authorization", b"Basic /w==")], ""),
    ],
)
def test_read_key__none_or_unreadable__no_key(headers: list[tuple[bytes, bytes]], key: str | None) -> None:
    assert read_key(headers) == key
