"""How a value is stored, and the short texts made from it.

A stored value is one of three things, told apart by its first bytes, none of which can begin JSON text:

- `28 B5 2F FD`: a zstd frame of the value;
- `00 62 6C 6F 62` (NUL, "blob"): the address of a blob, 32 bytes of SHA-256 and 8 bytes of size, big-endian;
- anything else: the value itself.
"""

from __future__ import annotations

import functools
import json
import re
import threading

import msgspec
import zstandard
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from observability.ingest import native
from observability.ingest.text import clean_text, clip

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
BLOB_MAGIC = b"\x00blob"
_BLOB_REFERENCE_BYTES = len(BLOB_MAGIC) + 32 + 8

_LEVEL = 1
"""Measured on values of 1 KB: 3 takes a fifth more time to save 1 %, -1 a third less and stores half as much again."""
_SMALLEST = 512
"""Bytes. Compressing values from 200 on costs two and a half times the time to store a fifth less."""

_CONVERSATION_BYTES = 2**16
"""A longer conversation is previewed by its beginning: reading it whole would cost more than the line is worth."""
_ROLE_WITHIN = 4_096
"""Bytes within which a conversation names its first role."""
_CUT_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z")
_encode = msgspec.msgpack.Encoder().encode
_decode_texts = msgspec.msgpack.Decoder(list[str | None]).decode
_string_decoder = json.JSONDecoder(strict=False)


class UnreadableReplayCopyError(ValueError):
    """No key at hand opens the replay copy, or it was altered."""


class BlobReference(msgspec.Struct, frozen=True):
    """Address of a value in blob storage: hex SHA-256 and size of the value, uncompressed."""

    sha256: str
    size: int


class _Contexts(threading.local):
    """One compressor and one decompressor per thread: making one costs more than using it, and none may be shared."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        self.decompress = zstandard.ZstdDecompressor().decompress


_contexts = _Contexts()


def pack(value: bytes) -> bytes:
    """Return the value as it is stored in a column: compressed where that makes it smaller. About 5 µs per KB."""
    is_ambiguous = value.startswith((ZSTD_MAGIC, BLOB_MAGIC))
    if len(value) < _SMALLEST and not is_ambiguous:
        return value
    packed = _contexts.compress(value)
    return packed if len(packed) < len(value) or is_ambiguous else value


def unpack(stored: bytes) -> bytes:
    """Return the value that `pack` was given. A blob's address is for `read_blob_reference` and is refused here."""
    if stored.startswith(ZSTD_MAGIC):
        return _contexts.decompress(stored)
    if stored.startswith(BLOB_MAGIC):
        raise ValueError("This value is a blob; read its address and open it.")
    return bytes(stored)


def make_blob_reference(sha256: str, size: int) -> bytes:
    """Return what a column holds in place of a value that lies in blob storage."""
    return BLOB_MAGIC + bytes.fromhex(sha256) + size.to_bytes(8, "big")


def read_blob_reference(stored: bytes) -> BlobReference | None:
    """Return the address of the blob a column points to, or None if it holds the value itself."""
    if len(stored) != _BLOB_REFERENCE_BYTES or not stored.startswith(BLOB_MAGIC):
        return None
    digest, size = stored[len(BLOB_MAGIC) : -8], stored[-8:]
    return BlobReference(sha256=digest.hex(), size=int.from_bytes(size, "big"))


def preview(value: bytes, limit: int = 200) -> str:
    """Return the beginning of a JSON value for people: one line, escapes resolved, at most `limit` characters.

    Of a conversation, what was said last: the user's message in a request, the model's in an answer. A string is shown
    without its quotes. Reads only the first bytes, but for a conversation of moderate size.
    """
    said = _find_last_said(value)
    if said:
        return clip(_join_lines(clean_text(said[: 8 * limit])), limit)
    head = value[: 4 * limit + 8]
    text = _join_lines(unescape(head)[: 2 * limit])
    is_whole = len(head) == len(value)
    if text.startswith('"'):
        text = text[1:-1] if is_whole else text[1:]
        text = text.strip()
    if is_whole and len(text) <= limit:
        return text
    return text[: limit - 1] + "…"


def make_previews(values: list[bytes | None]) -> list[str | None]:
    """Return the preview of each value, None for None."""
    heads = [value and value[: native.PREVIEWED_BYTES] for value in values]
    found = native.make_previews(_encode(heads))
    shown: list[str | None] = [None] * len(values) if found is None else _decode_texts(found)
    return [
        preview(value) if text is None and value is not None else text
        for text, value in zip(shown, values, strict=True)
    ]


def _join_lines(text: str) -> str:
    """Return the text on one line, with single spaces; most are that already, which is cheaper to see than to do."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    return " ".join(text.split())


def _find_last_said(value: bytes) -> str | None:
    """Return the text of the last message of a conversation, the user's where there is one."""
    if len(value) > _CONVERSATION_BYTES or b"role" not in value[:_ROLE_WITHIN]:
        return None
    try:
        found = msgspec.json.decode(value)
        messages = _find_messages(msgspec.json.decode(found) if isinstance(found, str) else found)
    except (msgspec.DecodeError, RecursionError):
        return None
    texts = [(message.get("role"), _read_text(message)) for message in messages]
    said = [(role, text) for role, text in texts if text]
    asked = [text for role, text in said if role == "user"]
    return asked[-1] if asked else said[-1][1] if said else None


def _find_messages(found: object) -> list[dict[str, object]]:
    """Return the messages of a request (`messages`, `input`, `contents`), an answer (`choices`), or a bare list."""
    if isinstance(found, dict):
        choices = found.get("choices")
        if isinstance(choices, list):
            found = [choice.get("message") for choice in choices if isinstance(choice, dict)]
        else:
            found = found.get("messages") or found.get("input") or found.get("contents")
    if not isinstance(found, list):
        return []
    return [message for message in found if isinstance(message, dict) and "role" in message]


def _read_text(message: dict[str, object]) -> str:
    """Return a message's text: its content, or the text of its parts."""
    content = message.get("content") or message.get("parts")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") or part.get("content") for part in parts if isinstance(part, dict)]
    return " ".join(text for text in texts if isinstance(text, str))


def unescape(head: bytes) -> str:
    """Decode the beginning of JSON text, cut anywhere, as if all of it were one string."""
    text = head.decode(errors="ignore")
    if "\\" in text:
        # A run of backslashes begins with an escape, so pairs can be taken from the left.
        text = text.replace("\\\\", "\x02").replace('\\"', '"').replace("\\n", "\n").replace("\\/", "/")
        # The two characters that stand in for quotes and backslashes meanwhile are no text; a space will do for them.
        text = text.replace("\\u0001", " ").replace("\\u0002", " ")
        text = _resolve_escapes(text) if "\\" in text else text
        text = text.replace("\x02", "\\")
    return clean_text(text)


def _resolve_escapes(text: str) -> str:
    """Resolve what escapes are left, in one call of the C decoder."""
    quoted = _CUT_ESCAPE.sub("", text).replace('"', "\x01")
    try:
        resolved: str = _string_decoder.decode(f'"{quoted}"')
    except ValueError:
        return text
    return resolved.replace("\x01", '"')


def encrypt_replay_copy(value: bytes, keys: tuple[str, ...]) -> bytes:
    """Encrypt the original of a redacted value with the first key. Compressed first; about 40 µs and 33 % more bytes.

    The keys are Fernet keys, newest first. Raises ValueError if there is none or one is malformed.
    """
    return _open_cipher(keys).encrypt(_contexts.compress(value))


def decrypt_replay_copy(encrypted: bytes, keys: tuple[str, ...]) -> bytes:
    """Return the original; any of the keys may have encrypted it. Raises `UnreadableReplayCopyError`."""
    try:
        return _contexts.decompress(_open_cipher(keys).decrypt(encrypted))
    except InvalidToken as error:
        raise UnreadableReplayCopyError("No encryption key of this installation opens the replay copy.") from error


@functools.lru_cache(maxsize=8)
def _open_cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
