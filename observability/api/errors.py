"""The shape of every error of the API, as `config.api_errors` makes it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class ApiError(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, for programs and for people."""

    code: Annotated[str, Meta(description="Stable word for the cause, such as `invalid` or `not_found`.")]
    detail: Annotated[str, Meta(description="One sentence for a person.")]
    fields: Annotated[dict[str, list[str]] | msgspec.UnsetType, Meta(description="What is wrong, by parameter.")] = (
        msgspec.UNSET
    )
    position: Annotated[int | msgspec.UnsetType, Meta(description="Of a query: the character where it is wrong.")] = (
        msgspec.UNSET
    )
    length: Annotated[int | msgspec.UnsetType, Meta(description="Of a query: how many characters are wrong.")] = (
        msgspec.UNSET
    )
