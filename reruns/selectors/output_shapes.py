"""A run's output beside the original's, as page and API give it."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from observability.selectors.compare_shapes import DiffLine


class ComparedOutput(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a run answered and what the source did."""

    step: int
    run: int
    original_bytes: int | None
    output_bytes: int | None
    why_no_original: Annotated[str, Meta(description="Why there is nothing to compare with; empty if there is.")]
    why_no_output: Annotated[str, Meta(description="Why there is no output; empty if there is one.")]
    is_same: Annotated[bool | None, Meta(description="Null where one of the two is not there.")]
    is_cut: Annotated[bool, Meta(description="One is too large: only the beginnings are compared, as text.")]
    lines: list[DiffLine]
