"""What the Overview, Errors and Ingest pages answer."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from observability.ingest.fingerprints import fingerprint_error
from observability.models import Project, User
from observability.pages.overview import make_figures
from observability.selectors.metric_shapes import SystemMetrics, TraceFigures
from observability.templatetags.playhead import UNKNOWN
from tests.records import at, make_event, write

pytestmark = pytest.mark.usefixtures("store")

BASE = "/o/acme/p/support-desk"
FINGERPRINT = fingerprint_error("workflow", "chat", "no order 7")[0]


@pytest.mark.parametrize("page", ["overview/", "errors/", f"errors/{FINGERPRINT}/", "ingest/"])
def test_health_page__every_range__answered_whole_and_in_part(
    client: Client, owner: User, project: Project, page: str
) -> None:
    write(project.pk, make_event("t", status="error", error_message="no order 7"))
    client.force_login(owner)

    for query in ("", "range=15m", "range=30d", f"range=custom&from={at(-60).isoformat().replace('+', '%2B')}"):
        assert client.get(f"{BASE}/{page}?{query}").status_code == 200
        part = client.get(f"{BASE}/{page}?{query}", headers={"HX-Request": "true"})
        assert part.status_code == 200
        assert ("<main" in part.content.decode()) == (FINGERPRINT in page)


@pytest.mark.parametrize("page", ["overview/", "errors/", "ingest/"])
def test_health_page__new_project__says_what_to_do(client: Client, owner: User, project: Project, page: str) -> None:
    client.force_login(owner)

    assert client.get(f"{BASE}/{page}").status_code == 200
    assert client.get(f"{BASE}/{page}", headers={"HX-Request": "true"}).status_code in (200, 204)


@pytest.mark.parametrize(
    ("address", "status", "said"),
    [
        ("overview/?range=1y", 400, "range: choose from"),
        ("overview/?range=custom&from=now", 400, "from: give an ISO 8601 time"),
        ("overview/?range=custom&from=2026-01-02T00:00&to=2026-01-01T00:00", 400, "to: must be later than from"),
        ("overview/?range=custom&from=0001-01-01T00:00Z", 400, "from: give a time from 1970 to 2199"),
        ("steps/?range=custom&to=9999-12-31T23:59-14:00", 400, "to: give a time from 1970 to 2199"),
        ("traces/?q=started>-999999w", 200, "started"),
        ("errors/?sort=name", 400, "sort: choose from"),
        ("errors/?cursor=no", 400, "cursor: not one"),
        ("errors/?q=%00", 400, "q: at most"),
        (f"errors/{FINGERPRINT}/", 404, ""),
        ("ingest/?range=1y", 400, "range: choose from"),
    ],
)
def test_health_page__bad_address__says_which_parameter(
    client: Client, owner: User, project: Project, address: str, status: int, said: str
) -> None:
    write(project.pk, make_event("t"))
    client.force_login(owner)

    response = client.get(f"{BASE}/{address}")

    assert response.status_code == status
    assert said in response.content.decode()


def _metrics(**fields: Any) -> SystemMetrics:
    given = {"since": at(0), "until": at(60), "previous_since": at(-60), "bucket_s": 60, "buckets": []}
    return SystemMetrics(**{**given, "is_partial": False, **fields})


def test_figures__against_the_time_before__changes_by_hand() -> None:
    now = TraceFigures(traces=6, error_rate=0.5, p50_ms=200, p95_ms=100, cost_micros=300, total_tokens=10)
    before = TraceFigures(traces=4, error_rate=0.25, p50_ms=400, p95_ms=100, total_tokens=0)

    figures = {one.label: one for one in make_figures(_metrics(totals=now, previous=before))}

    assert [(figures[name].change, figures[name].mood) for name in ("Traces", "Error rate", "Latency p50")] == [
        ("▲ 50%", ""),
        ("▲ 100%", "bad"),
        ("▼ 50%", "good"),
    ]
    assert (figures["Latency p95"].change, figures["Latency p99"].text) == ("no change", UNKNOWN)
    assert (figures["Cost"].change, figures["Tokens"].change) == ("▲ new", "▲ new")


def test_figures__nothing_before__no_share_of_nothing() -> None:
    figures = make_figures(_metrics(totals=TraceFigures(traces=2, error_rate=0.5), previous=TraceFigures()))

    assert [one.change for one in figures[:2]] == ["▲ new", ""]
