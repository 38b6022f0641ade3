"""What a program says by itself: its log, its standard output and error."""

from __future__ import annotations

import atexit
import logging
import sys
import threading
from collections import OrderedDict
from typing import Any, Callable, Dict, Hashable, Optional, TextIO, Tuple

from .context import get_context, request_context
from .producer import MESSAGE_BYTES, Producer, cut

_OWN = ("playhead_debug", "redis", "urllib3")
_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}
_MOST_CARRIED = 256


class DebugHandler(logging.Handler):
    """Sends log records, with their extras as fields. The root logger is a good place for it."""

    def __init__(self, producer: Producer, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self._producer = producer

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record; what the sending itself logs is left out."""
        if record.name.split(".", 1)[0] in _OWN or self._producer.is_own_thread():
            return
        try:
            message = self.format(record)
            fields: Dict[str, Any] = {name: value for name, value in vars(record).items() if name not in _STANDARD}
            fields["logger"] = record.name
            self._producer.emit(message, level=_name_level(record.levelno), fields=fields)
        except Exception:
            self.handleError(record)


def _name_level(number: int) -> str:
    for least, name in ((logging.ERROR, "error"), (logging.WARNING, "warn"), (logging.INFO, "info")):
        if number >= least:
            return name
    return "debug" if number >= logging.DEBUG else "trace"


def capture_output(producer: Producer, *, stdout: bool = True, stderr: bool = True) -> Callable[[], None]:
    """Send what is printed, line by line; it is still written where it was. Returns what undoes this.

    Lines of different requests, threads and tasks are kept apart. What a program writes past `sys.stdout`, to
    the file descriptor or to `sys.stdout.buffer`, is not seen.
    """
    before = (sys.stdout, sys.stderr)
    if stdout:
        sys.stdout = _Tee(sys.stdout, producer, "stdout", "info")
    if stderr:
        sys.stderr = _Tee(sys.stderr, producer, "stderr", "error")
    atexit.register(_flush_carried, sys.stdout, sys.stderr)

    def undo() -> None:
        _flush_carried(sys.stdout, sys.stderr)
        sys.stdout, sys.stderr = before

    return undo


def _flush_carried(*streams: object) -> None:
    for stream in streams:
        if isinstance(stream, _Tee):
            stream.end()


class _Tee:
    """A text stream that is written to and read along."""

    def __init__(self, stream: TextIO, producer: Producer, name: str, level: str) -> None:
        self._stream = stream
        self._producer = producer
        self._name = name
        self._level = level
        self._lock = threading.Lock()
        self._carried: "OrderedDict[Hashable, Tuple[Dict[str, str], str]]" = OrderedDict()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, and send the lines that are complete."""
        written = self._stream.write(text)
        if not self._producer.is_own_thread():
            self._read(text)
        return written

    def writelines(self, lines: Any) -> None:
        """Write one after another."""
        for line in lines:
            self.write(line)

    def end(self) -> None:
        """Send what waits for the end of its line."""
        with self._lock:
            carried, self._carried = self._carried, OrderedDict()
        for context, text in carried.values():
            self._say(text, context, is_partial=True)

    def _read(self, text: str) -> None:
        context = get_context()
        place = (threading.get_ident(), tuple(sorted(context.items())))
        with self._lock:
            _, before = self._carried.pop(place, ({}, ""))
            *lines, rest = (before + text).split("\n")
            pieces = [(context, line, False) for line in lines]
            while len(rest) > MESSAGE_BYTES or (
                not rest.isascii() and len(rest.encode("utf-8", "replace")) > MESSAGE_BYTES
            ):
                piece = cut(rest, MESSAGE_BYTES)
                pieces.append((context, piece, True))
                rest = rest[len(piece) :]
            if rest:
                self._carried[place] = (context, rest)
            if len(self._carried) > _MOST_CARRIED:
                _, (other, oldest) = self._carried.popitem(last=False)
                pieces.append((other, oldest, True))
        for whose, line, is_partial in pieces:
            self._say(line, whose, is_partial=is_partial)

    def _say(self, text: str, context: Optional[Dict[str, str]], *, is_partial: bool = False) -> None:
        text = text[:-1] if text.endswith("\r") else text
        if text.strip():
            with request_context(**(context or {})):
                self._producer.emit(text, level=self._level, stream=self._name, is_partial=is_partial)
