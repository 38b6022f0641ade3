"""The runner's `XADD`, argument by argument (contract debug-console, 1.3): for the emulator and for the HTTP door."""

from __future__ import annotations

from dataclasses import dataclass

from debugconsole.wire.keys import stream_key

DEFAULT_MAXLEN = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Emission:
    """What is published. Bytes may be anything; a field that is None is not written."""

    ts: str
    level: str
    stream: str
    message: bytes
    truncated: bool = False
    tenant: str | None = None
    extension: str | None = None
    install: str | None = None
    request: str | None = None
    version: str | None = None
    content_hash: str | None = None
    more: tuple[tuple[str, str], ...] = ()
    """Fields that the runner does not know, and our own producer writes."""


def build_xadd(emission: Emission, *, prefix: str, maxlen: int = DEFAULT_MAXLEN) -> list[str | bytes]:
    """Return the command and its arguments. `MAXLEN ~` stands before `*`, where alone Redis takes it."""
    optional = (
        ("tenant", emission.tenant),
        ("extension", emission.extension),
        ("install", emission.install),
        ("request", emission.request),
        ("version", emission.version),
        ("content_hash", emission.content_hash),
    )
    key = stream_key(prefix, tenant=emission.tenant, extension=emission.extension)
    command: list[str | bytes] = ["XADD", key, "MAXLEN", "~", str(maxlen), "*"]
    command += ["ts", emission.ts, "level", emission.level, "stream", emission.stream]
    for name, value in optional:
        if value is not None:
            command += [name, value]
    command += ["message", emission.message, "truncated", "1" if emission.truncated else "0"]
    for name, value in emission.more:
        command += [name, value]
    return command
