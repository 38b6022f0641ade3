"""How Django admin looks and what its sidebar holds (django-unfold).

Unfold wants one scale of greys and one of the accent, each from light to dark, for both themes. They are the values of
`static/css/tokens.css`; texts come from the tokens themselves, which `static/css/admin.css` switches with the theme.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy

GREYS = {
    "50": "#f7f8fa",
    "100": "#f3f4f7",
    "200": "#e4e6eb",
    "300": "#cdd1d9",
    "400": "#8c94a3",
    "500": "#616977",
    "600": "#4d5563",
    "700": "#39404c",
    "800": "#252a33",
    "900": "#14171d",
    "950": "#0e1014",
}
ACCENT = {
    "50": "#edf0fd",
    "100": "#edf0fd",
    "200": "#b9c4f3",
    "300": "#b9c4f3",
    "400": "#8aa2ff",
    "500": "#8aa2ff",
    "600": "#3a56d4",
    "700": "#2f48b8",
    "800": "#3a4a8f",
    "900": "#1c2340",
    "950": "#1c2340",
}
TEXTS = {
    "subtle-light": "var(--text-3)",
    "subtle-dark": "var(--text-3)",
    "default-light": "var(--text-2)",
    "default-dark": "var(--text-2)",
    "important-light": "var(--text)",
    "important-dark": "var(--text)",
}


def choose_theme(request: HttpRequest) -> str | None:
    """Return the theme the person chose on the pages; None lets them choose here, and follows the system."""
    theme = getattr(request.user, "theme", "system")
    return None if theme == "system" else str(theme)


def _may_view(model: str) -> Callable[[HttpRequest], bool]:
    app, _, name = model.partition(".")

    def may_view(request: HttpRequest) -> bool:
        # What Django admin itself asks: to view, or to change.
        return any(request.user.has_perm(f"{app}.{verb}_{name}") for verb in ("view", "change"))

    return may_view


def _entry(title: str, model: str, icon: str) -> dict[str, Any]:
    link = reverse_lazy(f"admin:{model.replace('.', '_')}_changelist")
    return {"title": title, "icon": icon, "link": link, "permission": _may_view(model)}


def _store(title: str, table: str, model: str, icon: str) -> dict[str, Any]:
    link = reverse_lazy("admin:store-table", args=[table])
    return {"title": title, "icon": icon, "link": link, "permission": _may_view(model)}


def _is_never_active(request: HttpRequest) -> bool:
    """Say that "/" is not this page, although every address begins with it."""
    return False


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Playhead administration",
    "SITE_HEADER": "Playhead",
    "SITE_SUBHEADER": "Administration",
    "SITE_URL": "/",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("img/playhead.svg")},
    ],
    "SITE_ICON": lambda request: static("img/playhead.svg"),
    "SHOW_HISTORY": True,
    "SHOW_BACK_BUTTON": True,
    "THEME": choose_theme,
    "BORDER_RADIUS": "6px",
    "COLORS": {"base": GREYS, "primary": ACCENT, "font": TEXTS},
    "STYLES": [lambda request: static("css/tokens.css"), lambda request: static("css/admin.css")],
    "DASHBOARD_CALLBACK": "observability.admin.front_page.add_figures",
    "ACCOUNT": {
        "navigation": [
            {"title": "Second factors", "link": reverse_lazy("mfa_index")},
            {"title": "Sessions", "link": reverse_lazy("usersessions_list")},
        ],
    },
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": [
            {
                "title": "",
                "items": [
                    {"title": "Front page", "icon": "dashboard", "link": reverse_lazy("admin:index")},
                    {"title": "Traces", "icon": "arrow_back", "link": "/", "active": _is_never_active},
                ],
            },
            {
                "title": "Tenants",
                "separator": True,
                "items": [
                    _entry("Organizations", "observability.organization", "corporate_fare"),
                    _entry("Projects", "observability.project", "folder"),
                    _entry("API keys", "observability.apikey", "key"),
                    _entry("Redaction rules", "observability.redactionrule", "ink_eraser"),
                    _entry("Saved views", "observability.savedview", "bookmark"),
                    _entry("Deletions", "observability.deletion", "delete"),
                    _entry("Retention runs", "observability.retentionrun", "auto_delete"),
                ],
            },
            {
                "title": "Store",
                "separator": True,
                "items": [
                    _store("Traces", "traces", "observability.trace", "timeline"),
                    _store("Steps", "steps", "observability.step", "schema"),
                    _store("Error groups", "error-groups", "observability.errorgroup", "error"),
                    _store("SDK sessions", "sdk-sessions", "observability.sdksession", "terminal"),
                    _store("Rejected items", "rejections", "observability.ingestrejection", "block"),
                    _store("Ingest counts", "counts", "observability.ingestcount", "bar_chart"),
                    _store("Use of keys", "key-days", "observability.keyday", "vpn_key"),
                ],
            },
            {
                "title": "Reruns",
                "separator": True,
                "items": [
                    _entry("Reruns", "reruns.trigger", "replay"),
                    _entry("Run configs", "reruns.runconfig", "ac_unit"),
                    _entry("Connected SDKs", "reruns.sdkconnection", "cable"),
                    _entry("Session ids", "reruns.sessionclaim", "fingerprint"),
                    _entry("Sampling", "reruns.samplingconfig", "percent"),
                    _entry("Sampled traces", "reruns.sampledtrace", "filter_alt"),
                    _entry("Limits", "reruns.rerunpolicy", "speed"),
                ],
            },
            {
                "title": "Debug console",
                "separator": True,
                "items": [
                    _entry("Extensions", "debugconsole.extension", "extension"),
                    _entry("Installs", "debugconsole.extensioninstall", "deployed_code"),
                    _entry("Debug policies", "debugconsole.debugpolicy", "policy"),
                    _entry("Debug grants", "debugconsole.debuggrant", "how_to_reg"),
                    _entry("Debug sessions", "debugconsole.debugsession", "visibility"),
                    _entry("Debug audit", "debugconsole.debugaudit", "receipt_long"),
                    {
                        "title": "Nobody's lines",
                        "icon": "help",
                        "link": reverse_lazy("admin:debug-strays"),
                        "permission": lambda request: request.user.is_superuser,
                    },
                ],
            },
            {
                "title": "People",
                "separator": True,
                "items": [
                    _entry("People", "observability.user", "person"),
                    _entry("Memberships", "observability.membership", "badge"),
                    _entry("Project roles", "observability.projectmembership", "shield_person"),
                    _entry("Invitations", "observability.invitation", "forward_to_inbox"),
                    _entry("Trace list choices", "observability.tracelistchoice", "view_column"),
                    _entry("Groups", "auth.group", "group"),
                    _entry("Email addresses", "account.emailaddress", "mail"),
                    _entry("Second factors", "mfa.authenticator", "phonelink_lock"),
                    _entry("Sessions", "usersessions.usersession", "devices"),
                    _entry("Single sign-on", "socialaccount.socialaccount", "link"),
                ],
            },
            {
                "title": "Operation",
                "separator": True,
                "items": [
                    _entry("Audit log", "auditlog.logentry", "history"),
                    _entry("Periodic tasks", "django_celery_beat.periodictask", "schedule"),
                ],
            },
            {
                "title": "Schedules",
                "separator": True,
                "collapsible": True,
                "items": [
                    _entry("Crontabs", "django_celery_beat.crontabschedule", "calendar_month"),
                    _entry("Intervals", "django_celery_beat.intervalschedule", "timer"),
                    _entry("Moments", "django_celery_beat.clockedschedule", "alarm"),
                    _entry("Sun", "django_celery_beat.solarschedule", "wb_sunny"),
                ],
            },
        ],
    },
}
