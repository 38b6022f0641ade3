"""The families of attribute names in which tracing libraries describe model calls, one file each.

The most telling marker decides: nearly every library also sends some `gen_ai.*` names, so those come after the
others, and fill what another dialect left open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observability.ingest.otlp.dialects import (
    gen_ai,
    http_db,
    langfuse,
    logfire,
    openinference,
    openllmetry,
    vercel_ai,
)
from observability.ingest.otlp.dialects.finding import Dialect, Finding
from observability.ingest.otlp.dialects.logfire import resolve_pending
from observability.ingest.records import Kind

if TYPE_CHECKING:
    from observability.ingest.otlp.wire import Attributes, RawSpan

__all__ = ["DIALECTS", "choose_dialect", "read_span", "resolve_pending"]

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        openinference.DIALECT,
        langfuse.DIALECT,
        vercel_ai.DIALECT,
        openllmetry.DIALECT,
        logfire.DIALECT,
        gen_ai.DIALECT,
        http_db.DIALECT,
    )
}


def choose_dialect(attributes: Attributes) -> Dialect | None:
    """Return the dialect that a span's attributes are written in."""
    if "openinference.span.kind" in attributes:
        return openinference.DIALECT
    if vercel_ai.MARKER in attributes:
        return vercel_ai.DIALECT
    for markers, dialect in _MARKERS:
        if not markers.isdisjoint(attributes):
            return dialect
    return None


_MARKERS = (
    (langfuse.MARKERS, langfuse.DIALECT),
    (openllmetry.MARKERS, openllmetry.DIALECT),
    (logfire.MARKERS, logfire.DIALECT),
    (gen_ai.MARKERS, gen_ai.DIALECT),
    (http_db.MARKERS, http_db.DIALECT),
)


def read_span(span: RawSpan) -> tuple[str | None, Finding]:
    """Return the name of the dialect that understood a span, and what it found."""
    dialect = choose_dialect(span.attributes)
    if dialect is None:
        return None, Finding()
    finding = dialect.read(span)
    if finding.kind is Kind.AI and dialect is not gen_ai.DIALECT:
        gen_ai.read_model_call(span.attributes, finding)
    return dialect.name, finding
