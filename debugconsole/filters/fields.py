"""Which fields a filter may name."""

from __future__ import annotations

import difflib

from debugconsole.wire.lines import LEVELS, ORIGINS, STREAMS
from observability.query import Field, FieldKind

STRUCTURED = "field."
"""What stands before the name of a structured field: `field.user:42`."""

_TEXT = FieldKind.TEXT
FIELDS = {
    field.name: field
    for field in (
        Field(
            name="level",
            kind=FieldKind.CHOICE,
            hint="How severe: `level>=warn` is warnings and errors",
            example="warn",
            choices=LEVELS,
            is_ordered=True,
        ),
        Field(name="stream", kind=FieldKind.CHOICE, hint="Where it was written", example="stderr", choices=STREAMS),
        Field(
            name="origin",
            kind=FieldKind.CHOICE,
            hint="Whether the extension said it, or the runner about it",
            example="host",
            choices=ORIGINS,
        ),
        Field(name="request", kind=_TEXT, hint="Request id", example="3f0c2a52*"),
        Field(name="install", kind=_TEXT, hint="Install id", example="inst-9"),
        Field(name="version", kind=_TEXT, hint="Version of the extension", example="1.4.*"),
        Field(name="trace", kind=_TEXT, hint="Trace id", example="chat::17952*"),
        Field(name="pod", kind=_TEXT, hint="The machine it ran on", example="runner-7"),
        Field(name="boot", kind=_TEXT, hint="The start of the process", example="9f3c"),
        Field(
            name="message",
            kind=FieldKind.CONTAINED,
            hint="Part of the message, or a pattern between slashes",
            example='"time out"',
            takes_regex=True,
        ),
    )
}
# What users of other consoles type for a field of ours.
_OTHER_WORDS = {
    "severity": "level",
    "lvl": "level",
    "requestid": "request",
    "request_id": "request",
    "req": "request",
    "installid": "install",
    "install_id": "install",
    "versionid": "version",
    "trace_id": "trace",
    "traceid": "trace",
    "msg": "message",
    "text": "message",
}


def find_field(name: str) -> Field | None:
    """Return the field of this name, whatever the case; a structured field has any name, and its own case."""
    if name.lower().startswith(STRUCTURED) and len(name) > len(STRUCTURED):
        name = STRUCTURED + name[len(STRUCTURED) :]
        return Field(name=name, kind=_TEXT, hint="A structured field", example="42")
    return FIELDS.get(name.lower())


def suggest_field(name: str) -> str | None:
    """Return the field that was probably meant."""
    lower = name.lower()
    if lower in _OTHER_WORDS:
        return _OTHER_WORDS[lower]
    return next(iter(difflib.get_close_matches(lower, FIELDS, n=1)), None)
