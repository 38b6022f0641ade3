"""Addresses under `/api/observability/`.

Trace ids, span ids and step names are whatever clients chose, slashes included. The longer routes come first; an id
that itself ends like one (`x/events`) is reached through the list's `trace_id` parameter.
"""

from __future__ import annotations

from django.urls import path, re_path

from observability.api import converters  # noqa: F401 - importing registers them
from observability.api.compare import CompareValuesView, CompareView
from observability.api.events import (
    EventDetailView,
    EventListView,
    EventMessagesView,
    EventValueView,
    LogCountsView,
    LogFieldsView,
    LogListView,
    NumberedEventView,
)
from observability.api.flow import FlowView
from observability.api.health import ErrorDetailView, ErrorListView, IngestHealthView, SystemMetricsView
from observability.api.saved_views import (
    SavedViewDetailView,
    SavedViewListView,
    SavedViewRestoreView,
    TraceColumnsView,
)
from observability.api.steps import (
    PromptTextView,
    PromptVersionsView,
    StepCallListView,
    StepHealthView,
    StepListView,
)
from observability.api.trace_actions import TraceExportView, TracesDeleteView, TracesRestoreView
from observability.api.trace_figures import JumpView, TraceCompletionsView, TraceFacetsView, TraceHistogramView
from observability.api.trace_state import EventMatchesView, TraceStateView
from observability.api.traces import NewerTracesView, TraceDetailView, TraceListView
from observability.api.views import NoSuchAddressView
from observability.api.where import WhereView

_EVENT = "traces/<any:trace_id>/events/<any:span_id>"

app_name = "api"
urlpatterns = [
    path("traces", TraceListView.as_view(), name="trace-list"),
    path("traces-newer", NewerTracesView.as_view(), name="trace-newer"),
    path("traces-facets", TraceFacetsView.as_view(), name="trace-facets"),
    path("traces-histogram", TraceHistogramView.as_view(), name="trace-histogram"),
    path("traces-completions", TraceCompletionsView.as_view(), name="trace-completions"),
    path("traces-export", TraceExportView.as_view(), name="trace-export"),
    path("traces-delete", TracesDeleteView.as_view(), name="trace-delete-many"),
    path("traces-restore", TracesRestoreView.as_view(), name="trace-restore-many"),
    path("jump", JumpView.as_view(), name="jump"),
    path("traces/<any:trace_id>/logs/<number:log_id>/fields", LogFieldsView.as_view(), name="log-fields"),
    path("traces/<any:trace_id>/logs-counts", LogCountsView.as_view(), name="log-counts"),
    path("traces/<any:trace_id>/logs", LogListView.as_view(), name="log-list"),
    path("traces/<any:trace_id>/flow", FlowView.as_view(), name="trace-flow"),
    path("traces/<any:trace_id>/state", TraceStateView.as_view(), name="trace-state"),
    path("traces/<any:trace_id>/matches", EventMatchesView.as_view(), name="event-matches"),
    path("traces/<any:trace_id>/events", EventListView.as_view(), name="event-list"),
    path(f"{_EVENT}/values/<value_field:field>", EventValueView.as_view(), name="event-value"),
    path(f"{_EVENT}/messages", EventMessagesView.as_view(), name="event-messages"),
    path(_EVENT, EventDetailView.as_view(), name="event-detail"),
    path("traces/<any:trace_id>", TraceDetailView.as_view(), name="trace-detail"),
    path("events/<number:event_id>", NumberedEventView.as_view(), name="event-by-number"),
    path("saved-views", SavedViewListView.as_view(), name="saved-view-list"),
    path("saved-views/<number:view_id>", SavedViewDetailView.as_view(), name="saved-view-detail"),
    path("saved-views/<number:view_id>/restore", SavedViewRestoreView.as_view(), name="saved-view-restore"),
    path("trace-columns", TraceColumnsView.as_view(), name="trace-columns"),
    path("metrics/system", SystemMetricsView.as_view(), name="metrics-system"),
    path("errors", ErrorListView.as_view(), name="error-list"),
    path("errors/<fingerprint:fingerprint>", ErrorDetailView.as_view(), name="error-detail"),
    path("ingest-health", IngestHealthView.as_view(), name="ingest-health"),
    path("compare", CompareView.as_view(), name="compare"),
    path("compare/values", CompareValuesView.as_view(), name="compare-values"),
    path("steps", StepListView.as_view(), name="step-list"),
    path("steps/<step_kind:kind>/<any:name>/versions", PromptVersionsView.as_view(), name="prompt-versions"),
    path("steps/<step_kind:kind>/<any:name>/text", PromptTextView.as_view(), name="prompt-text"),
    path("steps/<step_kind:kind>/<any:name>/calls", StepCallListView.as_view(), name="step-calls"),
    path("steps/<step_kind:kind>/<any:name>/health", StepHealthView.as_view(), name="step-health"),
    path("where", WhereView.as_view(), name="where"),
    re_path("", NoSuchAddressView.as_view()),
]
