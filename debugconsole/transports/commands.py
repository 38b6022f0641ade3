"""What a WebSocket client says: `{"op": ..., ...}` as JSON text. Pure."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from debugconsole.transports.limits import FRAME_BYTES
from debugconsole.wire.envelope import EndReason

_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
_PLACE = re.compile(r" - at `\$(?:\.(?P<field>\w+))?.*`$")


class UnreadableError(ValueError):
    """The client said what is no command. `field` is at fault, "" for the message as a whole."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


class Ack(msgspec.Struct, frozen=True, tag_field="op", tag="ack"):
    """So many lines of this connection were dealt with, in all."""

    n: _Count


class SetFilter(msgspec.Struct, frozen=True, tag_field="op", tag="filter"):
    """Show what matches from now on. `rev` comes back with the answer."""

    expr: str
    rev: _Count = 0


class Pause(msgspec.Struct, frozen=True, tag_field="op", tag="pause"):
    """Keep lines for me."""


class Resume(msgspec.Struct, frozen=True, tag_field="op", tag="resume"):
    """Give me what you kept, and go on."""


class Sample(msgspec.Struct, frozen=True, tag_field="op", tag="sample"):
    """Show a share of the lines; warnings and errors are always shown."""

    rate: Annotated[float, msgspec.Meta(gt=0, le=1)]


class Extend(msgspec.Struct, frozen=True, tag_field="op", tag="extend"):
    """Give the session more time."""


class Close(msgspec.Struct, frozen=True, tag_field="op", tag="close"):
    """End the session for good."""


class Ping(msgspec.Struct, frozen=True, tag_field="op", tag="ping"):
    """Are you there?"""


class Visibility(msgspec.Struct, frozen=True, tag_field="op", tag="visibility"):
    """The page is in a tab that nobody sees, or is seen again."""

    hidden: bool


Command = Ack | SetFilter | Pause | Resume | Sample | Extend | Close | Ping | Visibility


class Pong(msgspec.Struct, frozen=True, tag_field="op", tag="pong"):
    """Yes."""


class FilterOk(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="filter_ok"):
    """From the line `from` on the new filter alone decides; no line sent after this was let through by the old one."""

    rev: int
    from_: int = msgspec.field(name="from")
    expr: str


class FilterError(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="filter_error"):
    """The filter means nothing; the old one stays. `position` and `length` are the place in `expr`."""

    rev: int
    detail: str
    position: int
    length: int


class Extended(msgspec.Struct, frozen=True, tag_field="op", tag="extended"):
    """The session lasts until then."""

    expires_at: str
    hard_expires_at: str


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="refused"):
    """What was asked for cannot be."""

    for_: str = msgspec.field(name="for")
    code: str
    detail: str


class Unread(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="error"):
    """The last message was no command, and which field of it is at fault."""

    field: str
    detail: str


class Done(msgspec.Struct, frozen=True, kw_only=True, tag_field="op", tag="done"):
    """`pause`, `resume` or `sample` holds from here on."""

    for_: str = msgspec.field(name="for")


Reply = Pong | FilterOk | FilterError | Extended | Refused | Unread | Done
_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def read_command(text: str | bytes) -> Command:
    """Return what a message asks for. Raises `UnreadableError`."""
    if len(text) > FRAME_BYTES:
        raise UnreadableError(f"a message has at most {FRAME_BYTES} bytes")
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise _explain(str(error)) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise UnreadableError("a message is a JSON object with op") from error


def _explain(message: str) -> UnreadableError:
    place = _PLACE.search(message)
    field = (place["field"] if place else None) or ""
    missing = re.search(r"missing required field `(\w+)`", message)
    return UnreadableError(_PLACE.sub("", message), missing[1] if missing else field)


CLOSE_CODES = {
    EndReason.CLOSED: 1000,
    EndReason.EXPIRED: 4410,
    EndReason.REVOKED: 4403,
    EndReason.POLICY_CHANGED: 4403,
    EndReason.SLOW_CONSUMER: 4408,
    EndReason.REPLACED: 4409,
    EndReason.IDLE: 4410,
    EndReason.BUDGET: 4429,
    EndReason.SERVER_DRAIN: 1012,
    EndReason.LOST: 1011,
    EndReason.UNVERIFIABLE: 1013,
}
"""With what code a socket is closed (contract debug-console, 6.3)."""
PROTOCOL, UNAUTHENTICATED, UNKNOWN, OVER, BUSY = 4400, 4401, 4404, 4410, 1013
