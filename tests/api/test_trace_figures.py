from __future__ import annotations

from typing import Any

import pytest

from observability.models import Project
from tests.api.conftest import TRACE_ID, Api, write_trace
from tests.records import at, make_event, write

pytestmark = pytest.mark.usefixtures("store")


def test_facets__query__counts_by_field(project: Project, key_api: Api) -> None:
    write(project.pk, make_event("a", status="error"), make_event("b", at=1), make_event("c", at=2, name="refund"))

    answer = key_api.get("traces-facets", q="workflow:chat status:error").json()

    facets = {facet["field"]: facet for facet in answer["facets"]}
    assert facets["status"] == {
        "field": "status",
        "values": [
            {"value": "error", "count": 1, "is_selected": True},
            {"value": "ok", "count": 1, "is_selected": False},
        ],
        "is_more": False,
    }
    assert [value["count"] for value in facets["workflow"]["values"]] == [1]
    assert (answer["is_partial"], answer["covered_from"]) == (False, None)


def test_histogram__range_and_buckets__bars(project: Project, key_api: Api) -> None:
    write(project.pk, make_event("a", status="error"), make_event("b", at=1), make_event("c", at=200))

    answer = key_api.get("traces-histogram", **{"from": at(0).isoformat(), "to": at(60).isoformat(), "buckets": 1})

    assert answer.json()["bucket_s"] == 60
    assert sum(bar["ok"] + bar["error"] for bar in answer.json()["buckets"]) == 2


@pytest.mark.parametrize(
    ("path", "query", "place"),
    [
        ("traces-facets", {"q": "statsu:ok"}, "q:"),
        ("traces-histogram", {"q": "cost>x"}, "q:"),
        ("traces-histogram", {"buckets": "201"}, "buckets:"),
        ("traces-completions", {"field": "modle"}, "field: there is no `modle`, did you mean `model`?"),
        ("traces-completions", {"limit": "0"}, "limit:"),
        ("traces-export", {"q": '"'}, "q:"),
        ("traces-export", {"format": "xml"}, "format:"),
        ("traces-export", {"format": "csv", "events": "true"}, "events:"),
        ("traces-export", {"cursor": "nonsense"}, "cursor:"),
        ("jump", {}, "id:"),
        ("jump", {"id": "a\x00b"}, "id:"),
    ],
)
def test_read__parameter_that_cannot_be_used__is_named(
    project: Project, key_api: Api, path: str, query: dict[str, str], place: str
) -> None:
    response = key_api.get(path, **query)

    assert response.status_code == 400
    assert place in response.json()["detail"]
    assert response["Content-Type"] == "application/json"


def test_jump__any_kind__leads_to_its_page(project: Project, owner: Any) -> None:
    write_trace(project)
    api = Api(user=owner)
    base = f"/o/{project.organization.slug}/p/{project.slug}"
    urls = {
        text: [item["url"] for item in api.get("jump", id=text).json()["items"]] for text in (TRACE_ID, "s", "tool")
    }

    assert urls[TRACE_ID] == [f"{base}/traces/chat::1795202677943::c1de2abc/"]
    assert urls["s"] == [f"{base}/traces/?q=session%3As"]
    assert urls["tool"] == [f"{urls[TRACE_ID][0]}?event=tool"]
    assert {api.client.get(found[0]).status_code for found in urls.values()} == {200}


def test_completions__values__real_ones(project: Project, key_api: Api) -> None:
    write(project.pk, make_event("a", name="chat desk"))

    assert key_api.get("traces-completions", field="workflow", prefix="ch").json()["items"] == [
        {"text": '"chat desk"', "kind": "value", "count": 1, "detail": ""}
    ]
