"""`/metrics`, for Prometheus: figures of all processes on this machine, whichever of them answers.

`manage.py up` gives its processes a folder (PROMETHEUS_MULTIPROC_DIR) that each keeps its figures in, and whichever is
asked adds them up. A process that is started otherwise, as in a container, shows its own: scrape each.

With PLAYHEAD_METRICS_TOKEN that token is asked for; without, only this machine itself is answered. All others see a
page that does not exist.
"""

from __future__ import annotations

import os
import re
from ipaddress import IPv6Address, ip_address
from pathlib import Path

import psutil
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

# Imported so that every process has all of them, from the start at zero.
from debugconsole import metrics as _debug  # noqa: F401
from debugconsole.levels import Levels
from observability import metrics as _ingest  # noqa: F401

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_FORWARDED = re.compile(r"HTTP_(FORWARDED|X_FORWARDED.*|X_REAL_IP|X_CLIENT_IP|TRUE_CLIENT_IP|CF_.*|VIA)")
_OF_PROCESS = re.compile(r"_(\d+)\.db$")


@require_safe
@never_cache
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Answer a scrape in Prometheus' text format."""
    if not is_scraper(request):
        raise Http404
    return HttpResponse(write_metrics(), content_type=CONTENT_TYPE_LATEST)


def is_scraper(request: HttpRequest) -> bool:
    """Say whether figures are for this caller. Whoever comes through a proxy may be anywhere."""
    token = settings.METRICS_TOKEN
    if token:
        return constant_time_compare(request.headers.get("authorization", ""), f"Bearer {token}")
    is_forwarded = settings.IS_BEHIND_PROXY or any(_FORWARDED.fullmatch(name) for name in request.META)
    return not is_forwarded and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def write_metrics() -> bytes:
    """Return everything that is known, of all processes where they share a folder."""
    registry = CollectorRegistry()
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        _forget_dead(Path(folder))
        MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    registry.register(Levels())
    return (b"" if folder else generate_latest(REGISTRY)) + generate_latest(registry)


def _forget_dead(folder: Path) -> None:
    """Take out how things were in processes that are gone. What they counted stays counted."""
    numbers = {int(found[1]) for path in folder.glob("gauge_live*.db") if (found := _OF_PROCESS.search(path.name))}
    for number in numbers:
        if not psutil.pid_exists(number):
            mark_process_dead(number, path=str(folder))  # type: ignore[no-untyped-call]


def _is_loopback(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
