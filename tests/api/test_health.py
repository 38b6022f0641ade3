from __future__ import annotations

from typing import Any

import pytest

from observability.models import Project
from tests.api.conftest import FINGERPRINT, Api, write_trace
from tests.records import at

pytestmark = pytest.mark.usefixtures("store")

RANGE = {"from": at(0).isoformat(), "to": at(3600).isoformat()}


def test_metrics__range_and_bucket__as_asked(project: Project, key_api: Api) -> None:
    write_trace(project)

    metrics = key_api.get("metrics/system", bucket_s=600, **RANGE).json()

    assert (metrics["bucket_s"], metrics["totals"]["traces"], metrics["previous"]["traces"]) == (600, 1, 0)
    assert {one["kind"]: one["events"] for one in metrics["kinds"]} == {"workflow": 1, "tool": 1, "ai": 1}
    assert metrics["is_partial"] is False


def test_errors__list_then_one__the_same_figures(project: Project, key_api: Api) -> None:
    write_trace(project)

    (listed,) = key_api.get("errors", sort="count", q="SEARCH", **RANGE).json()["items"]
    error = key_api.get(f"errors/{listed['fingerprint']}", **RANGE).json()

    assert listed["fingerprint"] == FINGERPRINT
    assert (listed["count"], error["count"], error["name"]) == (1, 1, "search")
    assert error["samples"] == [listed["sample"]]


def test_ingest_health__no_range__counts_what_was_just_sent(project: Project, key_api: Api) -> None:
    write_trace(project)

    health = key_api.get("ingest-health").json()

    assert (health["accepted"], health["rejected"], health["lag"]["events"]) == (4, 0, 3)
    assert [door["door"] for door in health["doors"]] == ["test"]


@pytest.mark.parametrize(
    ("path", "query", "status", "field"),
    [
        ("metrics/system", {"from": "yesterday"}, 400, "from"),
        ("metrics/system", {"from": RANGE["to"], "to": RANGE["from"]}, 400, None),
        ("metrics/system", {"bucket_s": 300, "from": "2026-01-01T00:00:00Z"}, 200, None),
        ("metrics/system", {"bucket_s": 60, "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}, 400, None),
        ("errors", {"sort": "name"}, 400, "sort"),
        ("errors", {"cursor": "no"}, 400, None),
        ("errors", {"limit": 0}, 400, "limit"),
        ("errors/0000000000000000", {}, 404, None),
        ("errors/no%00", {}, 404, None),
        ("ingest-health", {"window": 1}, 400, "window"),
    ],
)
def test_parameters__bad__named(key_api: Api, path: str, query: dict[str, Any], status: int, field: str | None) -> None:
    response = key_api.get(path, **query)

    assert response.status_code == status
    assert field is None or list(response.json()["fields"]) == [field]
