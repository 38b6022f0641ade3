"""What surrounds a list of traces, over REST: facets, bars, completions, and where an id leads."""

from __future__ import annotations

from typing import Annotated

import msgspec
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from drf_spectacular.utils import extend_schema
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from observability.api import examples
from observability.api.callers import authorize
from observability.api.filters import (
    CompletionFilterSet,
    JumpFilterSet,
    TraceFilterSet,
    TraceHistogramFilterSet,
    make_trace_filters,
)
from observability.api.views import ERRORS, ReadView
from observability.models import Project
from observability.query.nodes import EQUAL, NO_QUERY
from observability.selectors.jump import Found, Kind, find_by_id
from observability.selectors.trace_completions import Completions, list_completions
from observability.selectors.trace_facets import TraceFacets, get_trace_facets
from observability.selectors.trace_histogram import TraceHistogram, get_trace_histogram


class JumpItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the id names."""

    kind: Kind
    id: str
    label: str
    url: Annotated[str, Meta(description="The page that shows it.")]


class JumpList(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was found, exact ids first."""

    items: list[JumpItem]
    is_partial: Annotated[bool, Meta(description="Time ran out before everything old was looked through.")]


class TraceFacetsView(ReadView):
    """What a list can be narrowed to."""

    filterset_class = TraceFilterSet

    @extend_schema(
        operation_id="traces_facets",
        tags=["traces"],
        responses={200: TraceFacets, **ERRORS},
        filters=True,
        examples=[examples.FACETS],
    )
    def get(self, request: Request) -> Response:
        """Count the matching traces by status, workflow, model and the other fields they can be narrowed by.

        What the query says of a field is left out of that field's own counts. Counted newest first within a time
        budget; then `is_partial` is true and the counts are of what started from `covered_from` on.
        """
        caller = authorize(request)
        values = TraceFilterSet.read(request)
        return Response(get_trace_facets(caller.project_id, filters=make_trace_filters(values)))


class TraceHistogramView(ReadView):
    """The bars over the list."""

    filterset_class = TraceHistogramFilterSet

    @extend_schema(
        operation_id="traces_histogram",
        tags=["traces"],
        responses={200: TraceHistogram, **ERRORS},
        filters=True,
        examples=[examples.HISTOGRAM],
    )
    def get(self, request: Request) -> Response:
        """Count the matching traces by start and status, in bars of equal width.

        Without `from`, the bars show the last 24 hours, less where the data begins later; where nothing started in
        them, the 24 hours up to the newest trace.
        """
        caller = authorize(request)
        values = TraceHistogramFilterSet.read(request)
        filters = make_trace_filters(values)
        return Response(get_trace_histogram(caller.project_id, filters=filters, buckets=values.get("buckets", 60)))


class TraceCompletionsView(ReadView):
    """What may come next in a query."""

    filterset_class = CompletionFilterSet

    @extend_schema(
        operation_id="traces_completions",
        tags=["traces"],
        responses={200: Completions, **ERRORS},
        filters=True,
        examples=[examples.COMPLETIONS],
    )
    def get(self, request: Request) -> Response:
        """List fields of the grammar, or with `field`, values that the newest traces have, by their beginning."""
        caller = authorize(request)
        values = CompletionFilterSet.read(request)
        found = list_completions(
            caller.project_id,
            field=values.get("field", ""),
            prefix=values.get("prefix", ""),
            limit=values.get("limit", 20),
        )
        return Response(found)


class JumpView(ReadView):
    """Where an id leads."""

    filterset_class = JumpFilterSet

    @extend_schema(
        operation_id="jump",
        tags=["traces"],
        responses={200: JumpList, **ERRORS},
        filters=True,
        examples=[examples.JUMP],
    )
    def get(self, request: Request) -> Response:
        """Find what an id names in the project.

        Takes the id of a trace (or its first six characters or more), span, session, user, or correlation; the number
        of an event, as 73121 or events/73121; the name of a step or the hash of a prompt; the public id of a key.
        """
        caller = authorize(request)
        values = JumpFilterSet.read(request)
        found = find_by_id(caller.project_id, values["id"])
        project = Project.objects.select_related("organization").get(pk=caller.project_id)
        slugs = (project.organization.slug, project.slug)
        items = [
            JumpItem(kind=item.kind, id=item.id, label=item.label, url=_make_url(slugs, item)) for item in found.items
        ]
        return Response(JumpList(items=items, is_partial=found.is_partial))


def _make_url(slugs: tuple[str, str], item: Found) -> str:
    """Return the address of the page that shows it; what has no page of its own is shown as a list of traces."""
    if item.kind in ("trace", "event"):
        page = reverse("observability:trace-detail", args=[*slugs, item.trace_id])
        return f"{page}?{urlencode({'event': item.id})}" if item.kind == "event" else page
    if item.kind == "key":
        return reverse("observability:settings-keys", args=slugs)
    if item.kind == "step":
        try:
            return reverse("observability:step-detail", args=[*slugs, item.step_kind, item.id])
        except NoReverseMatch:
            field = "workflow"
    else:
        field = item.kind
    query = NO_QUERY.with_term(field, EQUAL, item.id).to_text()
    return f"{reverse('observability:trace-list', args=slugs)}?{urlencode({'q': query})}"
