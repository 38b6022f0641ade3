"""Request bodies. A field that is not known is refused: a tenant, say, comes from membership and never from a body."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from debugconsole.filters import MOST_CHARACTERS
from debugconsole.services.sessions import MOST_TAIL

_Filter = Annotated[
    str,
    Meta(
        max_length=MOST_CHARACTERS, description='Which lines: `level>=warn stream:stderr message:"time out" (a OR b)`.'
    ),
]

ExtensionName = Annotated[
    Annotated[str, Meta(min_length=1, max_length=200)] | Annotated[int, Meta(ge=1, le=2**63 - 1)],
    Meta(description="Its id, as runners name it, in any case; or its number."),
]


class SessionBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What somebody wants to see."""

    extension: ExtensionName
    install: Annotated[str, Meta(max_length=200, description="Only this install.")] = ""
    request: Annotated[str, Meta(max_length=400, description="Only this request.")] = ""
    filter: _Filter = ""
    tail: Annotated[int, Meta(ge=0, le=MOST_TAIL, description="Lines from before to begin with, at most.")] = 200
    reason: Annotated[str, Meta(max_length=300, description="What it is for; it stands in the audit.")] = ""
    transport: Annotated[
        Literal["ws", "sse", "poll", "compat"], Meta(description="How it will be read; any other way works too.")
    ] = "ws"


class SessionChange(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is to be other than before; what is left out stays as it is."""

    filter: _Filter | UnsetType = UNSET
    paused: Annotated[bool | UnsetType, Meta(description="Keep lines back, as many as fit.")] = UNSET
    sample: (
        Annotated[float, Meta(ge=0, le=1, description="Share of the lines to show; warnings and errors always are.")]
        | UnsetType
    ) = UNSET
