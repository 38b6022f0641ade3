"""Addresses of the pages. Trace ids are whatever a client chose, so they are matched last and may hold slashes."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, register_converter

from observability.api.converters import AnyTextConverter, FingerprintConverter, StepKindConverter
from observability.pages import account, compare, errors, home, ingest, invitations, overview, steps, trace_list, traces
from observability.pages.settings import urls as settings_urls

register_converter(AnyTextConverter, "trace_id")
register_converter(FingerprintConverter, "error_fingerprint")
register_converter(StepKindConverter, "kind")

app_name = "observability"

_project_patterns: list[URLPattern | URLResolver] = [
    path("overview/", overview.overview, name="overview"),
    path("errors/", errors.error_list, name="error-list"),
    path("errors/<error_fingerprint:fingerprint>/", errors.error_detail, name="error-detail"),
    path("ingest/", ingest.ingest_health, name="ingest-health"),
    path("steps/", steps.step_list, name="step-list"),
    path("steps/<kind:kind>/<trace_id:name>/", steps.step_detail, name="step-detail"),
    path("settings/", include(settings_urls)),
    path("compare/", compare.compare, name="compare"),
    path("traces/", trace_list.trace_list, name="trace-list"),
    path("traces-live/", trace_list.trace_list_live, name="trace-list-live"),
    path("trace-header/<trace_id:trace_id>/", traces.trace_header, name="trace-header"),
    path("traces/<trace_id:trace_id>/", traces.trace_detail, name="trace-detail"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("preferences/", home.preferences, name="preferences"),
    path("account/", account.account, name="account-profile"),
    path("invitations/<str:token>/", invitations.invitation, name="invitation"),
    path("o/<slug:org_slug>/p/<slug:project_slug>/", include(_project_patterns)),
]
