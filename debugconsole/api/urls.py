"""Addresses of the console under `/api/debug/`. Its streams and its door are served before Django."""

from __future__ import annotations

from django.urls import path, re_path

from debugconsole.api.exports import SessionExport
from debugconsole.api.extensions import ExplainView, ExtensionList
from debugconsole.api.grants import GrantApproval, GrantList, GrantRefusal, GrantRevocation, GrantView
from debugconsole.api.sessions import SessionExtension, SessionList, SessionTicket, SessionView
from observability.api import converters  # noqa: F401 - importing registers them
from observability.api.views import NoSuchAddressView

app_name = "debug-api"
_GRANT = "api/debug/grants/<number:grant_id>"
_SESSION = "api/debug/sessions/<uuid:session_id>"

urlpatterns = [
    path("api/debug/extensions", ExtensionList.as_view(), name="extension-list"),
    path("api/debug/policy/explain", ExplainView.as_view(), name="policy-explain"),
    path("api/debug/sessions", SessionList.as_view(), name="session-list"),
    path(_SESSION, SessionView.as_view(), name="session-detail"),
    path(f"{_SESSION}/ticket", SessionTicket.as_view(), name="session-ticket"),
    path(f"{_SESSION}/extend", SessionExtension.as_view(), name="session-extend"),
    path(f"{_SESSION}/export", SessionExport.as_view(), name="session-export"),
    path("api/debug/grants", GrantList.as_view(), name="grant-list"),
    path(_GRANT, GrantView.as_view(), name="grant-detail"),
    path(f"{_GRANT}/approve", GrantApproval.as_view(), name="grant-approve"),
    path(f"{_GRANT}/refuse", GrantRefusal.as_view(), name="grant-refuse"),
    path(f"{_GRANT}/revoke", GrantRevocation.as_view(), name="grant-revoke"),
    re_path("^api/debug/", NoSuchAddressView.as_view()),
]
