"""One way in: admin has no sign-in of its own, so second factors and rate limits hold here too."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


def sign_in(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Send whoever is not signed in to the product's sign-in. For people who are no staff, admin does not exist."""
    wanted = request.GET.get("next", "")
    if not url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}):
        wanted = reverse("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(wanted, login_url=resolve_url("account_login"))
    if not admin.site.has_permission(request):
        raise Http404
    return HttpResponseRedirect(wanted)


admin.site.index_title = "Administration"
admin.site.login = sign_in  # type: ignore[method-assign]
