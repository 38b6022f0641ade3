"""Addresses of the pages of reruns."""

from __future__ import annotations

from django.urls import include, path

from observability.api import converters  # noqa: F401 - importing registers them
from reruns.pages import detail, dialog, forks, rerun_list, sessions

app_name = "reruns"

_project_patterns = [
    path("reruns/", rerun_list.rerun_list, name="rerun-list"),
    path("reruns/<number:trigger_id>/", detail.rerun_detail, name="rerun-detail"),
    path("sdk-sessions/", sessions.sdk_sessions, name="sdk-sessions"),
    path("rerun-dialog/<any:trace_id>/", dialog.rerun_dialog, name="rerun-dialog"),
    path("trace-reruns/<any:trace_id>/", forks.trace_reruns, name="trace-reruns"),
]

urlpatterns = [path("o/<slug:org_slug>/p/<slug:project_slug>/", include(_project_patterns))]
