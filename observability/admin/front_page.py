"""What the front page of admin shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from observability.selectors.operations import (
    get_servers,
    get_store_figures,
    get_tenant_figures,
    get_volume,
    get_work,
    list_door_figures,
    list_health,
    list_largest_partitions,
)


def add_figures(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the figures to the page, for operators: they count across all tenants."""
    if request.user.is_superuser:
        context["tenants"] = get_tenant_figures()
        context["doors"] = list_door_figures()
        context["store"] = get_store_figures()
        context["partitions"] = list_largest_partitions()
        context["volume"] = get_volume()
        context["health"] = list_health()
        context["work"] = get_work()
        context["servers"] = get_servers()
    return context
