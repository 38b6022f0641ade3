"""All HTTP routes that Django answers. The ingest doors are mounted before Django in `asgi.py`."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView

from config.health import healthz, readyz
from config.metrics import show_metrics
from observability.pages import single_sign_on

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", show_metrics, name="metrics"),
    path("admin/", admin.site.urls),
    # Before allauth's own of the same addresses: these check more, and there are no further providers to connect.
    path("accounts/oidc/sso/login/", single_sign_on.begin, name="single-sign-on"),
    path("accounts/oidc/sso/login/callback/", single_sign_on.finish),
    path("accounts/oidc/<path:rest>", single_sign_on.nothing),
    path("accounts/3rdparty/", single_sign_on.nothing),
    path("accounts/3rdparty/signup/", single_sign_on.nothing),
    path("accounts/", include("allauth.urls")),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerView.as_view(url_name="schema"), name="api-docs"),
    # Before the ground floor's own, which answer every other address under theirs.
    path("", include("debugconsole.api.urls")),
    path("", include("reruns.api.urls")),
    path("api/observability/", include("observability.api.urls")),
    path("", include("reruns.pages.urls")),
    path("", include("debugconsole.pages.urls")),
    path("", include("observability.pages.urls")),
]
