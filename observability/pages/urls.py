"""Addresses of the pages. Trace ids are whatever a client chose, so they are matched last and may hold slashes."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, register_converter

from observability.api.converters import AnyTextConverter
from observability.pages import account, home, settings, trace_list, traces

register_converter(AnyTextConverter, "trace_id")

app_name = "observability"

_project_patterns = [
    path("traces/", trace_list.trace_list, name="trace-list"),
    path("traces-live/", trace_list.trace_list_live, name="trace-list-live"),
    path("trace-header/<trace_id:trace_id>/", traces.trace_header, name="trace-header"),
    path("traces/<trace_id:trace_id>/", traces.trace_detail, name="trace-detail"),
    path("settings/", settings.settings, name="settings"),
    path("settings/keys/", settings.keys, name="settings-keys"),
    path("settings/keys/new/", settings.create, name="key-create"),
    path("settings/keys/<str:public_id>/rotate/", settings.rotate, name="key-rotate"),
    path("settings/keys/<str:public_id>/revoke/", settings.revoke, name="key-revoke"),
    path("settings/quickstart/", settings.quickstart, name="settings-quickstart"),
    path("settings/capture/", settings.capture, name="settings-capture"),
    path("settings/capture/change/", settings.change_capture, name="capture-change"),
    path("settings/capture/rules/", settings.add_rule, name="rule-add"),
    path("settings/capture/rules/<int:rule_id>/", settings.switch_rule, name="rule-switch"),
]

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("preferences/", home.preferences, name="preferences"),
    path("account/", account.account, name="account-profile"),
    path("o/<slug:org_slug>/p/<slug:project_slug>/", include(_project_patterns)),
]
