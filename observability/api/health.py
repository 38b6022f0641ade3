"""How a project does, over REST: system metrics, errors by fingerprint, ingest health (`governance.md` section 3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api.callers import authorize
from observability.api.fields import choice_parameter, integer_parameter, text_parameter
from observability.api.filters import StepHealthFilterSet, TimeRangeFilterSet
from observability.api.views import ERRORS, ReadView
from observability.selectors.error_shapes import ErrorDetail, ErrorPage
from observability.selectors.errors import MOST_ERRORS, SORTS, get_error, list_errors
from observability.selectors.ingest_health import IngestHealth, get_ingest_health
from observability.selectors.metric_shapes import SystemMetrics
from observability.selectors.overview import get_system_metrics

_USUAL_RANGE = timedelta(days=1)
_CURSOR = "`next_cursor` of the page before; absent for the first page."
_FINGERPRINT = [OpenApiParameter("fingerprint", str, OpenApiParameter.PATH, pattern="^[0-9a-f]{16}$")]


class ErrorListFilterSet(TimeRangeFilterSet):
    """Which errors, and which page of them."""

    q = text_parameter("Text in the name or the message; upper and lower case are the same.", limit=200)
    sort = choice_parameter("Latest first, first seen latest, or most frequent; `last` if absent.", SORTS)
    cursor = text_parameter(_CURSOR, limit=2000)
    limit = integer_parameter("Rows on the page; 50 if absent.", least=1, most=MOST_ERRORS)


class ErrorDetailFilterSet(TimeRangeFilterSet):
    """Which stretch of time, and which page of samples."""

    cursor = text_parameter(_CURSOR, limit=2000)
    limit = integer_parameter("Samples on the page; 20 if absent.", least=1, most=MOST_ERRORS)


class SystemMetricsView(ReadView):
    """The figures of a project."""

    filterset_class = StepHealthFilterSet

    @extend_schema(
        operation_id="metrics_get_system", tags=["health"], responses={200: SystemMetrics, **ERRORS}, filters=True
    )
    def get(self, request: Request) -> Response:
        """Return traffic, success and error rate, latency, tokens and cost: whole, before, by bucket, by event kind.

        The last day if neither `from` nor `to` is given; a day from or up to the one that is.
        """
        caller = authorize(request)
        values = StepHealthFilterSet.read(request)
        since, until = read_range(values)
        return Response(
            get_system_metrics(
                caller.project_id, since=since, until=until, bucket_s=values.get("bucket_s"), has_kinds=True
            )
        )


class ErrorListView(ReadView):
    """The errors of a project."""

    filterset_class = ErrorListFilterSet

    @extend_schema(operation_id="errors_list", tags=["health"], responses={200: ErrorPage, **ERRORS}, filters=True)
    def get(self, request: Request) -> Response:
        """List errors by fingerprint: the same kind, name and message, but for numbers, ids, quotes, paths and times.

        The last day if neither `from` nor `to` is given. To page, pass both, or the range moves with the clock.
        """
        caller = authorize(request)
        values = ErrorListFilterSet.read(request)
        since, until = read_range(values)
        page = list_errors(
            caller.project_id,
            since=since,
            until=until,
            text=values.get("q", ""),
            sort=values.get("sort", "last"),
            cursor=values.get("cursor"),
            limit=values.get("limit", 50),
        )
        return Response(page)


class ErrorDetailView(ReadView):
    """One error."""

    filterset_class = ErrorDetailFilterSet

    @extend_schema(
        operation_id="errors_get",
        tags=["health"],
        parameters=_FINGERPRINT,
        responses={200: ErrorDetail, **ERRORS},
        filters=True,
    )
    def get(self, request: Request, fingerprint: str) -> Response:
        """Return one error over time, what its newest events have in common, and samples, newest first."""
        caller = authorize(request)
        values = ErrorDetailFilterSet.read(request)
        since, until = read_range(values)
        return Response(
            get_error(
                caller.project_id,
                fingerprint,
                since=since,
                until=until,
                cursor=values.get("cursor"),
                limit=values.get("limit", 20),
            )
        )


class IngestHealthView(ReadView):
    """The doors of a project."""

    filterset_class = TimeRangeFilterSet

    @extend_schema(
        operation_id="ingest_get_health", tags=["health"], responses={200: IngestHealth, **ERRORS}, filters=True
    )
    def get(self, request: Request) -> Response:
        """Return what became of the items sent: by door, by cause, by hour; samples of the refused; how late they come.

        The last day if neither `from` nor `to` is given.
        """
        caller = authorize(request)
        since, until = read_range(TimeRangeFilterSet.read(request))
        return Response(get_ingest_health(caller.project_id, since=since, until=until))


def read_range(values: dict[str, Any]) -> tuple[datetime, datetime]:
    """Return the asked range: what is not said of it makes it a day long."""
    since, until = values.get("from"), values.get("to")
    if until is None:
        until = timezone.now() if since is None else since + _USUAL_RANGE
    return since or until - _USUAL_RANGE, until
