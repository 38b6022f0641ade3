"""What each list takes as query parameters, checked by django-filter and handed to selectors as typed values.

A value that cannot be read, and a parameter that does not exist, are answered by a 400 that names it: a filter that is
silently ignored shows the wrong rows.
"""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django.db.models import QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from observability.api.fields import (
    choice_parameter,
    flag_parameter,
    integer_parameter,
    query_parameter,
    text_list_parameter,
    text_parameter,
    time_parameter,
)
from observability.models import Trace
from observability.models.steps import StepKind
from observability.query import parse_query
from observability.selectors.events import MOST_EVENTS, EventWindow
from observability.selectors.logs import MOST_LOGS, LogFilters
from observability.selectors.steps import MOST_STEPS, STEP_ORDERS
from observability.selectors.trace_export import MOST_ROWS as MOST_EXPORTED
from observability.selectors.trace_filters import TraceFilters
from observability.selectors.trace_histogram import MOST_BUCKETS

MOST_ROWS = 500
MOST_BIGINT = 2**63 - 1
STEP_KINDS = tuple(StepKind.values)
STEP_PARTS = ("series", "latency")
_CURSOR = "`next_cursor` of the page before; absent for the first page."


class ProjectFilterSet(filters.FilterSet):  # type: ignore[misc]
    """Reads parameters for a selector, which applies them: the queryset side of a filter set is not used."""

    project = text_parameter(
        "For signed-in people: the project's number, or `<organization>/<project>`. A key has one project."
    )

    @classmethod
    def read(cls, request: Request) -> dict[str, Any]:
        """Return the checked values that were given; raises `ValidationError` naming each parameter at fault."""
        problems = {name: [problem] for name in request.query_params if (problem := cls._find_problem(request, name))}
        if problems:
            raise ValidationError(problems)
        form = cls(data=request.query_params, queryset=_no_rows()).form
        if not form.is_valid():
            raise ValidationError({name: [str(text) for text in texts] for name, texts in form.errors.items()})
        return {name: value for name, value in form.cleaned_data.items() if value not in (None, "", [])}

    @classmethod
    def _find_problem(cls, request: Request, name: str) -> str | None:
        """Return what no field would say: forms take what is empty or unknown for not asked."""
        if name not in cls.base_filters:
            return "There is no such parameter here."
        if not all(value.strip() for value in request.query_params.getlist(name)):
            return "Give a value, or leave the parameter out."
        return None


class TimeRangeFilterSet(ProjectFilterSet):
    """Which stretch of time."""

    @classmethod
    def get_filters(cls) -> Any:
        """Add what cannot be an attribute's name: `from` is a keyword."""
        return {
            **super().get_filters(),
            "from": time_parameter("Only what started then or later."),
            "to": time_parameter("Only what started earlier than that."),
        }


class TraceFilterSet(TimeRangeFilterSet):
    """Which traces."""

    q = query_parameter()
    trace_id = text_list_parameter("One of these traces.")


class TraceListFilterSet(TraceFilterSet):
    """Which traces, and which page of them."""

    cursor = text_parameter(_CURSOR, limit=2000)
    limit = integer_parameter("Rows on the page; 50 if absent.", least=1, most=MOST_ROWS)


class NewerTracesFilterSet(TraceFilterSet):
    """Which traces, and newer than what."""

    newer_than = text_parameter("`newest_cursor` of a page of the list with the same filters.", limit=2000)


class TraceHistogramFilterSet(TraceFilterSet):
    """Which traces, in how many bars."""

    buckets = integer_parameter("About so many bars; 60 if absent.", least=1, most=MOST_BUCKETS)


class TraceExportFilterSet(TraceFilterSet):
    """Which traces, as what kind of file."""

    format = choice_parameter("`ndjson` if absent.", ("ndjson", "csv"))
    events = flag_parameter("true adds the events of each trace to its line of NDJSON.")
    cursor = text_parameter("`next_cursor` of the last line of a file that was cut off.", limit=2000)
    limit = integer_parameter(f"At most so many traces; {MOST_EXPORTED} if absent.", least=1, most=MOST_EXPORTED)


class CompletionFilterSet(ProjectFilterSet):
    """What is being typed."""

    field = text_parameter("The field whose values are wanted; absent for the names of fields.", limit=100)
    prefix = text_parameter("How it begins.")
    limit = integer_parameter("At most so many; 20 if absent.", least=1, most=100)


class JumpFilterSet(ProjectFilterSet):
    """Which id."""

    id = text_parameter("Any id, as it was copied.", is_required=True)


class EventListFilterSet(TimeRangeFilterSet):
    """Which window of a trace's events, and which page of it. `from` and `to` keep what overlaps that time."""

    max_depth = integer_parameter("Levels below the roots; 0 for the roots alone.", least=0, most=1000)
    since = text_parameter("`since` of an earlier page: only what changed after it.")
    previews = flag_parameter("false leaves out the previews of input and output.")
    cursor = text_parameter(_CURSOR, limit=2000)
    limit = integer_parameter("Rows on the page; 1000 if absent.", least=1, most=MOST_EVENTS)


class LogListFilterSet(ProjectFilterSet):
    """Which log records of a trace, and which page of them."""

    level = choice_parameter("One of these.", ("debug", "info", "warn", "error"), is_list=True)
    stream = choice_parameter("One of these.", ("stdout", "stderr", "log", "event"), is_list=True)
    node = text_list_parameter("Of one of these nodes.")
    span_id = text_parameter("Only those of this event.")
    text = text_parameter("What the message contains, in either case.", limit=1000)
    order = choice_parameter("`newest` begins at the end; `oldest` if absent.", ("oldest", "newest"))
    since = integer_parameter("`since` of an earlier page: only what came after it.", least=0, most=MOST_BIGINT)
    cursor = text_parameter(_CURSOR, limit=2000)
    limit = integer_parameter("Rows on the page; 500 if absent.", least=1, most=MOST_LOGS)


class StepListFilterSet(TimeRangeFilterSet):
    """Which steps."""

    kind = choice_parameter("Only this kind.", STEP_KINDS)
    text = text_parameter("Only steps whose name holds this, in any case.")
    order = choice_parameter("What comes first; the most called if absent.", tuple(STEP_ORDERS))
    include = choice_parameter(
        "`series`: figures by bucket; `latency`: percentiles of each step's newest 200 calls. Both take `from`, and "
        "at most 200 steps.",
        STEP_PARTS,
        is_list=True,
    )
    limit = integer_parameter("At most so many; 1000 if absent.", least=1, most=MOST_STEPS)


class StepCallFilterSet(TimeRangeFilterSet):
    """Which calls of a step, and which page of them."""

    status = choice_parameter("One of these.", ("running", "ok", "error"), is_list=True)
    cursor = text_parameter(_CURSOR, limit=2000)
    limit = integer_parameter("Rows on the page; 50 if absent.", least=1, most=MOST_ROWS)


class StepHealthFilterSet(TimeRangeFilterSet):
    """Which stretch of time, cut how finely."""

    bucket_s = integer_parameter(
        "Seconds of a bucket; chosen by the range if absent. At most 500 buckets.", least=60, most=30 * 86_400
    )


def make_trace_filters(values: dict[str, Any]) -> TraceFilters:
    """Return the selector's filters from checked values. Raises `QueryError` for a query that cannot be read."""
    return TraceFilters(
        query=parse_query(values.get("q", "")),
        since=values.get("from"),
        until=values.get("to"),
        ids=tuple(values.get("trace_id", ())),
    )


def make_event_window(values: dict[str, Any]) -> EventWindow:
    """Return the selector's window from checked values."""
    return EventWindow(
        since=values.get("from"),
        until=values.get("to"),
        max_depth=values.get("max_depth"),
        changed_since=values.get("since"),
    )


def make_log_filters(values: dict[str, Any]) -> LogFilters:
    """Return the selector's filters from checked values."""
    return LogFilters(
        levels=tuple(values.get("level", ())),
        streams=tuple(values.get("stream", ())),
        nodes=tuple(values.get("node", ())),
        text=values.get("text"),
        span_id=values.get("span_id"),
        changed_since=values.get("since"),
    )


def _no_rows() -> QuerySet[Trace]:
    return Trace.objects.none()
