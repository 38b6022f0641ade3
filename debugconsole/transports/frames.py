"""Messages as frames of server-sent events, in two styles. Pure.

A frame that accounts for a part of the stream carries an `id`: the token with which to go on behind it. A gap stands
where it is, between two lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from debugconsole.readers.feed import Taken
from debugconsole.readers.notices import Gap
from debugconsole.wire.envelope import End, Heartbeat, Hello, Message, Notice, NoticeCode, encode_message
from debugconsole.wire.tokens import Position

WriteToken = Callable[[Position], str]

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


class Style:
    """An unnamed event is a line; `hello`, `hb`, `notice` and `end` are named."""

    first = b"retry: 2000\n\n"

    def hello(self, hello: Hello) -> bytes:
        """Write the first message."""
        return self.tell("hello", hello)

    def beat(self, beat: Heartbeat) -> bytes:
        """Write numbers."""
        return self.tell("hb", beat)

    def end(self, end: End) -> bytes:
        """Write the last message, and before it when to come back."""
        retry = f"retry: {end.retry_ms}\n".encode() if end.retry_ms else b""
        return retry + self.tell("end", end)

    def lines(self, taken: Taken, write_token: WriteToken) -> Iterator[bytes]:
        """Write a stretch of the stream."""
        for notice in taken.notices:
            if notice.code != NoticeCode.DROPPED:
                yield self.tell("notice", notice)
        for item in taken.aside:
            # Without an id: it is no place to go on from.
            yield b"data: " + item.json + b"\n\n"
        for item, gap in zip(taken.events, taken.gaps, strict=True):
            yield from self._write_gap(gap, write_token)
            token = write_token(Position(item.id, item.ordinal))
            yield f"id: {token}\ndata: ".encode() + item.json + b"\n\n"
        yield from self._write_gap(taken.rest, write_token)

    def tell(self, name: str, message: Message, token: str = "") -> bytes:
        """Write something that is no line."""
        head = f"id: {token}\n" if token else ""
        return f"{head}event: {name}\ndata: ".encode() + encode_message(message) + b"\n\n"

    def _write_gap(self, gap: Gap | None, write_token: WriteToken) -> Iterator[bytes]:
        """Write a notice for each cause. The last one says where to go on: before it, the gap was not told."""
        if gap is None or gap.until is None:
            return
        notices: list[Notice] = gap.notices()
        for place, notice in enumerate(notices):
            is_last = place == len(notices) - 1
            yield self.tell("notice", notice, write_token(gap.until) if is_last else "")


class CompatibleStyle(Style):
    """Lines, and the rest as comments: an older client takes whatever has data for a line.

    An `id` without data is no event either, and yet where browsers go on.
    """

    first = b"retry: 6000\n: connected\n\n"
    """Each time it comes back is a session, of which a person may open ten a minute."""

    def tell(self, name: str, message: Message, token: str = "") -> bytes:
        """Write a comment."""
        head = f"id: {token}\n" if token else ""
        return f"{head}: {name} ".encode() + encode_message(message) + b"\n\n"
