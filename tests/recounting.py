"""Facets counted by hand."""

from __future__ import annotations

from collections import Counter

from observability.models import Project
from observability.selectors.trace_filters import FACETS, TraceFilters
from observability.selectors.traces import list_traces


def recount(project: Project, filters: TraceFilters) -> dict[str, Counter[str]]:
    """Return how many traces of a list have each value of each facet."""
    counts: dict[str, Counter[str]] = {field: Counter() for field in FACETS}
    for trace in list_traces(project.pk, filters=filters, limit=500).items:
        single = {
            "status": trace.status,
            "workflow": trace.workflow_name,
            "environment": trace.environment,
            "service": trace.service_name,
            "version": trace.service_version,
            "agent": trace.agent_name,
            "user": trace.user_id,
            "source": trace.source,
        }
        for field, value in single.items():
            counts[field].update([value] if value else [])
        counts["model"].update(trace.model_names)
        counts["tag"].update(trace.tags)
        counts["flag"].update(trace.flags)
    return counts
