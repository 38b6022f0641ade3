"""Addresses under `/api/observability/`. Trace ids and step names are matched last and shortest, see `converters`.

An id that itself ends like a route (`x/events`) is reached by the list's `trace_id` parameter.
"""

from __future__ import annotations

from django.urls import path, register_converter

from observability.api.converters import AnyTextConverter
from observability.api.trace_views import EventListView, NewerTracesView, TraceDetailView, TraceListView

register_converter(AnyTextConverter, "any")

app_name = "api"
urlpatterns = [
    path("traces", TraceListView.as_view(), name="trace-list"),
    path("traces-newer", NewerTracesView.as_view(), name="trace-newer"),
    path("traces/<any:trace_id>/events", EventListView.as_view(), name="event-list"),
    path("traces/<any:trace_id>", TraceDetailView.as_view(), name="trace-detail"),
]
