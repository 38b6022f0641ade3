"""From `emit` to the transport: a ring, one thread, and a circuit that opens when nobody takes anything."""

from __future__ import annotations

import atexit
import json
import logging
import os
import random
import secrets
import socket
import threading
import time
import weakref
from dataclasses import dataclass
from typing import Any, Dict, Optional

from .context import get_context
from .ring import Entry, Gap, Ring
from .transports import Line, Transport, UnreachableError

log = logging.getLogger("playhead_debug")

LEVELS = ("trace", "debug", "info", "warn", "error")
MESSAGE_BYTES = 8_192
FIELDS_BYTES = 8_192
BATCH = 200
_FIRST_BACKOFF, _LAST_BACKOFF = 0.25, 30.0
_EXIT_SECONDS = 2.0


@dataclass(frozen=True)
class Stats:
    """What became of the lines so far. `emitted = sent + waiting + dropped`, but for those being sent just now."""

    emitted: int
    sent: int
    dropped: int
    waiting: int
    is_connected: bool


class Producer:
    """Sends lines without ever holding up or failing whoever says them."""

    def __init__(
        self,
        transport: Transport,
        *,
        version: Optional[str] = None,
        install: Optional[str] = None,
        pod: Optional[str] = None,
        most_lines: int = 5_000,
        most_bytes: int = 4 * 2**20,
    ) -> None:
        self._transport = transport
        self._said = {"version": version, "install": install, "pod": pod or socket.gethostname()}
        self._bounds = (most_lines, most_bytes)
        self._begin()
        self_ref = weakref.ref(self)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=lambda: _begin_again(self_ref()))
        atexit.register(lambda: _close(self_ref()))

    def emit(
        self,
        message: str,
        *,
        level: str = "info",
        stream: str = "log",
        fields: Optional[Dict[str, Any]] = None,
        is_partial: bool = False,
    ) -> None:
        """Say a line. Returns at once and never raises."""
        try:
            kept = cut(message, MESSAGE_BYTES)
            with self._numbers:
                self._seq += 1
                seq = self._seq
            self._ring.add(
                Entry(
                    seq=seq,
                    ts_ms=time.time_ns() // 1_000_000,
                    level=level if level in LEVELS else "info",
                    stream=stream,
                    message=kept,
                    truncated=is_partial or kept is not message,
                    context=get_context(),
                    fields=fields,
                )
            )
            if self._thread is None:
                self._start()
        except Exception:
            # A program is never broken by what it prints.
            self._failed += 1

    def flush(self, timeout: float = 5.0) -> bool:
        """Wait until everything said so far is sent; False when the time is over first."""
        deadline = time.monotonic() + timeout
        with self._ring.condition:
            while len(self._ring) or self._is_sending or self._ring.gap:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._ring.condition.wait(min(left, 0.05))
        return True

    def close(self, timeout: float = _EXIT_SECONDS) -> None:
        """Send what can be sent in the time, and stop."""
        if self._thread is not None and self._is_connected:
            self.flush(timeout)
        self._is_closed = True
        with self._ring.condition:
            self._ring.condition.notify_all()
        if self._thread is not None:
            self._thread.join(timeout)

    def stats(self) -> Stats:
        """Return what became of the lines so far."""
        return Stats(self._seq, self._sent, self._dropped, len(self._ring), self._is_connected)

    # --- The thread -----------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self.boot = secrets.token_hex(8)
        self._ring = Ring(*self._bounds)
        self._numbers = threading.Lock()
        self._seq = self._sent = self._dropped = self._failed = 0
        self._thread: Optional[threading.Thread] = None
        self._is_sending = self._is_closed = self._is_warned = False
        self._is_connected: bool = True

    def _start(self) -> None:
        with self._numbers:
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._run, name="playhead-debug", daemon=True)
                self._thread.start()

    def is_own_thread(self) -> bool:
        """Say whether this is the sending thread, whose own output is not sent."""
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        failures = 0
        while not self._is_closed:
            with self._ring.condition:
                while not len(self._ring) and self._ring.gap is None and not self._is_closed:
                    self._ring.condition.wait(1.0)
                self._is_sending = True
            try:
                self._send_batch()
                failures = 0
            except Exception as error:
                # A server that is away, or a defect, which the thread must outlive too.
                failures += 1
                self._note_trouble(error)
            with self._ring.condition:
                self._is_sending = False
                self._ring.condition.notify_all()
                if failures and not self._is_closed:
                    backoff = min(_LAST_BACKOFF, _FIRST_BACKOFF * 2 ** min(failures - 1, 10))
                    self._wait(backoff * random.uniform(0.5, 1.0))  # noqa: S311
        self._transport.close()

    def _wait(self, seconds: float) -> None:
        """Wait in the lock, which lets everybody else have it; new lines do not end it."""
        deadline = time.monotonic() + seconds
        while not self._is_closed and (left := deadline - time.monotonic()) > 0:
            self._ring.condition.wait(left)

    def _send_batch(self) -> None:
        """Send the oldest lines, after the gap before them if there is one."""
        entries = self._ring.take(BATCH)
        told = self._ring.gap
        gap = None if told is None else Gap(told.dropped, told.from_seq, told.to_seq)
        lines = ([] if gap is None else [self._write_gap(gap)]) + [self._write(entry) for entry in entries]
        if not lines:
            return
        try:
            taken = self._transport.send(lines)
        except Exception:
            self._ring.give_back(entries)
            raise
        self._is_connected = True
        self._is_warned = False
        if gap is not None and taken:
            self._ring.settle(gap)
            self._dropped += gap.dropped
            taken -= 1
        self._sent += taken
        if taken < len(entries):
            self._ring.give_back(entries[taken:])
            raise UnreachableError("not every line was taken")

    def _note_trouble(self, error: Exception) -> None:
        self._is_connected = False
        if not self._is_warned:
            # Once an outage: whoever logs one line for each that is lost makes a storm.
            self._is_warned = True
            log.warning("debug lines cannot be sent, and wait: %s", error)

    # --- Lines ----------------------------------------------------------------------------------------------------

    def _write(self, entry: Entry) -> Line:
        line = {
            "ts": str(entry.ts_ms),
            "level": entry.level,
            "stream": entry.stream,
            "message": entry.message,
            "truncated": "1" if entry.truncated else "0",
            "boot": self.boot,
            "seq": str(entry.seq),
        }
        said = {**self._said, **entry.context}
        line.update({name: value for name, value in said.items() if value})
        if entry.fields:
            line.update(_write_fields(entry.fields))
        return line

    def _write_gap(self, gap: Gap) -> Line:
        return self._write(
            Entry(
                seq=gap.to_seq,
                ts_ms=time.time_ns() // 1_000_000,
                level="warn",
                stream="log",
                message=f"{gap.dropped} lines were not sent: the debug console could not be reached",
                fields={"dropped": gap.dropped, "from_seq": gap.from_seq, "to_seq": gap.to_seq},
            )
        )


def cut(text: str, most_bytes: int) -> str:
    """Return as much of a text as fits, without half a character at its end; the same object when all of it does."""
    if len(text) * 4 <= most_bytes:
        return text
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= most_bytes else raw[:most_bytes].decode("utf-8", "ignore")


def _write_fields(fields: Dict[str, Any]) -> Dict[str, str]:
    try:
        written = json.dumps(fields, default=str)
    except (TypeError, ValueError):
        return {}
    return {"fields": written} if len(written) <= FIELDS_BYTES else {}


def _begin_again(producer: Optional[Producer]) -> None:
    if producer is not None:
        producer._begin()


def _close(producer: Optional[Producer]) -> None:
    if producer is not None:
        producer.close()
