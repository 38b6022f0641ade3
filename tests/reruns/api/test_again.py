"""Asking once more, the difference of outputs, and the tree of a trace, over REST."""

from __future__ import annotations

from typing import Any

import pytest

from observability.models import Project, User
from observability.services.keys import NewKey
from reruns.models import Trigger
from tests.reruns.api.test_access import API, Api
from tests.reruns.conftest import TRACE, find_ids


@pytest.fixture
def api(rerun_key: NewKey) -> Api:
    return Api(key=rerun_key.text)


@pytest.fixture
def asked(trace: str, project: Project, api: Api) -> dict[str, int]:
    """A rerun of each mode."""
    number = find_ids(project)["b"]
    bodies: dict[str, tuple[str, Any]] = {
        "workflow": (
            "workflow-reruns",
            {"traceId": TRACE, "frozenEventIds": [number], "workflowInput": {"a": 1}, "strict": True, "runCount": 2},
        ),
        "step": ("step-reruns", {"traceId": TRACE, "eventDbIds": [number]}),
        "portal": ("portal-tasks", {"eventDbId": number, "input": {"sku": "B"}}),
    }
    return {mode: api.call("POST", f"{API}/{path}", body).json()["triggerId"] for mode, (path, body) in bodies.items()}


@pytest.mark.parametrize("mode", ["workflow", "step", "portal"])
def test_again__of_each_mode__asks_for_the_same(mode: str, asked: dict[str, int], api: Api) -> None:
    answer = api.call("POST", f"{API}/triggers/{asked[mode]}/again", {})

    assert answer.status_code == 201
    old, new = (Trigger.objects.get(pk=number) for number in (asked[mode], answer.json()["triggerId"]))
    assert (new.mode, new.steps, new.run_count, new.trace_id) == (old.mode, old.steps, old.run_count, old.trace_id)
    if mode == "workflow":
        names = ("frozen_event_ids", "workflow_input", "input_source", "is_strict", "workflow_name")
        assert [getattr(new.run_config, name) for name in names] == [getattr(old.run_config, name) for name in names]


def test_again__other_count__is_taken(asked: dict[str, int], api: Api) -> None:
    answer = api.call("POST", f"{API}/triggers/{asked['workflow']}/again", {"runCount": 5})

    assert Trigger.objects.get(pk=answer.json()["triggerId"]).run_count == 5


def test_output_diff__of_an_answer__says_what_changed(asked: dict[str, int], api: Api) -> None:
    path = f"{API}/triggers/{asked['step']}"
    before = api.call("GET", f"{path}/output-diff").json()
    api.call("POST", f"{path}/results", {"ok": True, "output": 24.5})

    after = api.call("GET", f"{path}/output-diff").json()

    assert (before["whyNoOutput"], before["isSame"]) == ("It has not answered yet.", None)
    assert (after["isSame"], [line["op"] for line in after["lines"]]) == (False, ["removed", "added"])
    assert api.call("GET", f"{path}/output-diff?run=2").status_code == 404


def test_routes__met_by_everybody__answer_who_may(
    asked: dict[str, int], api_key: NewKey, viewer: User, stranger: User, foreign_key: NewKey, project: Project
) -> None:
    again = f"{API}/triggers/{asked['step']}/again"
    reads = [f"{API}/triggers/{asked['step']}/output-diff", f"{API}/trace-forks?trace_id={TRACE}"]

    assert Api(key=api_key.text).call("POST", again, {}).status_code == 403
    assert Api(user=viewer).call("POST", f"{again}?project={project.pk}", {}).status_code == 403
    assert Api(key=foreign_key.text).call("POST", again, {}).status_code == 404
    for path in reads:
        assert Api(key=api_key.text).call("GET", path).status_code == 200
        assert Api(key=foreign_key.text).call("GET", path).status_code == 404
        mark = "&" if "?" in path else "?"
        assert Api(user=viewer).call("GET", f"{path}{mark}project={project.pk}").status_code == 200
        assert Api(user=stranger).call("GET", f"{path}{mark}project={project.pk}").status_code == 404
    assert Api(key=api_key.text).call("GET", f"{API}/trace-forks").status_code == 400
