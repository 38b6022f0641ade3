"""The families of attribute names in which tracing libraries describe model calls, one file each.

The most telling marker decides: nearly every library also sends some `gen_ai.*` names, so those come after the
others, and fill what another dialect left open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from observability.ingest.otlp.dialects import gen_ai, http_db, openinference
from observability.ingest.otlp.dialects.finding import Dialect, Finding
from observability.ingest.otlp.dialects.logfire import resolve_pending
from observability.ingest.records import Kind

if TYPE_CHECKING:
    from observability.ingest.otlp.wire import RawSpan

GEN_AI_MARKERS = frozenset(
    {
        "gen_ai.operation.name",
        "gen_ai.system",
        "gen_ai.provider.name",
        "gen_ai.request.model",
        "gen_ai.response.model",
        "gen_ai.tool.name",
        "gen_ai.agent.name",
    }
)

__all__ = ["DIALECTS", "choose_dialect", "read_span", "resolve_pending"]

DIALECTS: dict[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        openinference.DIALECT,
        gen_ai.DIALECT,
        http_db.DIALECT,
    )
}


def choose_dialect(span: RawSpan) -> Dialect | None:
    """Return the dialect that a span's attributes are written in."""
    attributes = span.attributes
    if "openinference.span.kind" in attributes:
        return openinference.DIALECT
    if not GEN_AI_MARKERS.isdisjoint(attributes):
        return gen_ai.DIALECT
    if not http_db.MARKERS.isdisjoint(attributes):
        return http_db.DIALECT
    return None


def read_span(span: RawSpan) -> tuple[str | None, Finding]:
    """Return the name of the dialect that understood a span, and what it found."""
    dialect = choose_dialect(span)
    if dialect is None:
        return None, Finding()
    finding = dialect.read(span)
    if finding.kind is Kind.AI and dialect is not gen_ai.DIALECT:
        gen_ai.read_model_call(span.attributes, finding)
    return dialect.name, finding
