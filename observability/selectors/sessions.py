"""Reads along a session: the traces before and after one."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet

from observability.models import Trace
from observability.selectors.paging import Position, is_after, is_before
from observability.selectors.production import NO_RERUNS
from observability.selectors.shapes import TraceSummary


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The ids of the traces before and after one in its session; None at either end."""

    before: str | None = None
    after: str | None = None


def get_session_neighbours(project_id: int, trace: TraceSummary) -> Neighbours:
    """Return the session's traces next to this one, by start and id. Two queries on `traces_by_session`, or none.

    Reruns stand beside a session, not in it: only they have neighbours among themselves.
    """
    if trace.session_id is None:
        return Neighbours()
    session = Trace.objects.filter(project_id=project_id, session_id=trace.session_id, deleted_at=None)
    if "rerun" not in trace.flags:
        session = session.filter(NO_RERUNS)
    here = Position(trace.started_at, trace.trace_id)
    earlier = session.filter(is_before(here, time="started_at", key="trace_id"))
    later = session.filter(is_after(here, time="started_at", key="trace_id"))
    return Neighbours(
        before=_first(earlier.order_by("-started_at", "-trace_id")),
        after=_first(later.order_by("started_at", "trace_id")),
    )


def _first(traces: QuerySet[Trace]) -> str | None:
    return traces.values_list("trace_id", flat=True).first()
