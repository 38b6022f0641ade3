"""Addresses of the console under `/api/debug/`. Its streams and its door are served before Django."""

from __future__ import annotations

from django.urls import path, re_path

from debugconsole.api.exports import SessionExport
from debugconsole.api.extensions import ExplainView, ExtensionList
from debugconsole.api.sessions import SessionExtension, SessionList, SessionTicket, SessionView
from observability.api.views import NoSuchAddressView

app_name = "debug-api"
_SESSION = "api/debug/sessions/<uuid:session_id>"

urlpatterns = [
    path("api/debug/extensions", ExtensionList.as_view(), name="extension-list"),
    path("api/debug/policy/explain", ExplainView.as_view(), name="policy-explain"),
    path("api/debug/sessions", SessionList.as_view(), name="session-list"),
    path(_SESSION, SessionView.as_view(), name="session-detail"),
    path(f"{_SESSION}/ticket", SessionTicket.as_view(), name="session-ticket"),
    path(f"{_SESSION}/extend", SessionExtension.as_view(), name="session-extend"),
    path(f"{_SESSION}/export", SessionExport.as_view(), name="session-export"),
    re_path("^api/debug/", NoSuchAddressView.as_view()),
]
