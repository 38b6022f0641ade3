"""Lines as the unmodified runner publishes them, for tests, benchmarks and `manage.py debug_emit`."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from debugconsole.wire.emit import Emission

CAP_BYTES = 8_192

_TEXTS = (
    "request received: GET /orders/{n}",
    "looking up customer {n}",
    "cache miss for sku-{n}, asking the warehouse",
    "warehouse answered in {n} ms",
    "retrying after a time out ({n} of 3)",
    "order {n} priced at 19.90",
)
_SECRETS = (
    "connecting to postgres://orders:s3cr3t-{n}@db.internal:5432/orders",
    "authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "using api_key=sk-proj-abcdefghijklmnopqrstuvwx{n}",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEAn0tv3ryS3cr3t{n}AAAA\n-----END RSA PRIVATE KEY-----",
)
_BROKEN = b"half a character: \xe2\x82 and a stray \xff, number %d"


class RunnerPanicError(Exception):
    """The runner would have died here: it cuts a message at a byte, and dies where that is inside a character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What an emulated extension says. Shares are of lines, 0 to 1."""

    tenant: str | None
    extension: str | None
    install: str | None = None
    version: str | None = "v1"
    levels: tuple[str, ...] = ("info", "info", "info", "warn", "error")
    streams: tuple[str, ...] = ("log",)
    size: int | None = None
    """Bytes of each message; None for a short text."""
    secrets: float = 0.0
    bad_utf8: float = 0.0
    clock_skew_ms: int = 0
    lines_per_request: int = 5
    seed: int = 0


def write_lines(script: Script) -> Iterator[Emission]:
    """Yield line after line without end. The same script says the same, but for the time."""
    chance = random.Random(script.seed)  # noqa: S311 - nothing is kept secret by it
    for number in itertools.count(1):
        message, is_cut = cap_message(_write_message(script, chance, number))
        yield Emission(
            ts=str(time.time_ns() // 1_000_000 + script.clock_skew_ms),
            level=chance.choice(script.levels),
            stream=chance.choice(script.streams),
            message=message,
            truncated=is_cut,
            tenant=script.tenant,
            extension=script.extension,
            install=script.install,
            request=f"req-{script.seed}-{number // script.lines_per_request}",
            version=script.version,
        )


def cap_message(message: bytes, cap: int = CAP_BYTES) -> tuple[bytes, bool]:
    """Cut a message as the runner does. Raises `RunnerPanicError` where the runner panics (contract 1.5)."""
    if len(message) <= cap:
        return message, False
    if message[cap] & 0xC0 == 0x80:
        raise RunnerPanicError(f"byte {cap} is not a character boundary")
    return message[:cap], True


def _write_message(script: Script, chance: random.Random, number: int) -> bytes:
    if chance.random() < script.bad_utf8:
        text = _BROKEN % number
    else:
        texts = _SECRETS if chance.random() < script.secrets else _TEXTS
        text = chance.choice(texts).replace("{n}", str(number)).encode()
    return text if script.size is None else text[: script.size].ljust(script.size, b".")
