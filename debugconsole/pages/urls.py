"""Addresses of the console's pages."""

from __future__ import annotations

from django.urls import include, path

from debugconsole.pages import console, extension_list, grants, trace_lines
from observability.api import converters  # noqa: F401 - importing registers them

app_name = "debugconsole"

_project_patterns = [
    path("debug/", extension_list.extension_list, name="extension-list"),
    path("debug/register/", extension_list.register, name="extension-register"),
    path("debug/grants/<number:number>/", grants.decide, name="grant-decide"),
    path("debug/<number:number>/", console.console, name="debug-console"),
    path("debug/<number:number>/why/", console.why, name="debug-why"),
    path("debug/<number:number>/leave/", grants.ask, name="grant-ask"),
    path("debug-lines/<any:trace_id>/", trace_lines.trace_lines, name="trace-lines"),
]

urlpatterns = [path("o/<slug:org_slug>/p/<slug:project_slug>/", include(_project_patterns))]
