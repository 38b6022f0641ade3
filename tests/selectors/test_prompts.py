from __future__ import annotations

from typing import Any

import msgspec
import pytest

from observability.errors import NotFoundError
from observability.ingest.records import EventRecord
from observability.ingest.text import hash_prompt
from observability.models import Project
from observability.selectors.prompts import get_prompt_text, list_prompt_versions
from observability.selectors.steps import get_step
from observability.services.policies import add_redaction_rule, update_capture
from tests.records import START, make_event, write

pytestmark = pytest.mark.usefixtures("store")

FIRST, SECOND = "You answer briefly.", "You answer at length."


def _call(span_id: str, text: str, **fields: Any) -> EventRecord:
    messages = [{"role": "system", "content": text}, {"role": "user", "content": "Hi"}]
    given = {
        "kind": "ai",
        "parent_span_id": "root",
        "prompt_hash": hash_prompt(text),
        "input": msgspec.json.encode({"messages": messages}),
        "source": "sdk",
        **fields,
    }
    return make_event("chat::1::a", span_id, **given)


def test_text__newest_call__holds_it(project: Project) -> None:
    write(project.pk, _call("a", FIRST))

    text = get_prompt_text(project.pk, get_step(project.pk, "prompt", hash_prompt(FIRST)))

    assert (text.text, text.is_redacted, text.span_id) == (FIRST, False, "a")


def test_text__redacted__is_what_is_stored_and_said_to_be(project: Project) -> None:
    add_redaction_rule(project=project, kind="pattern", value="briefly")
    write(project.pk, _call("a", FIRST))

    text = get_prompt_text(project.pk, get_step(project.pk, "prompt", hash_prompt(FIRST)))

    assert text.is_redacted
    assert text.text is not None
    assert "briefly" not in text.text
    assert text.text.startswith("You answer")


def test_text__input_not_captured__is_unknown(project: Project) -> None:
    update_capture(project=project, inputs=False, outputs=True, error_stacks=True, attributes=True)
    write(project.pk, _call("a", FIRST))

    text = get_prompt_text(project.pk, get_step(project.pk, "prompt", hash_prompt(FIRST)))

    assert (text.text, text.span_id) == (None, "a")


def test_text__of_a_tool__not_found(project: Project) -> None:
    write(project.pk, make_event("chat::1::a", "t", kind="tool", name="search"))

    with pytest.raises(NotFoundError, match="prompts"):
        get_prompt_text(project.pk, get_step(project.pk, "tool", "search"))


def test_versions__one_name__newest_first_with_their_figures(project: Project) -> None:
    write(project.pk, _call("a", FIRST, prompt_name="greet", prompt_version="1", at=-7200, lasts=1))
    write(
        project.pk,
        _call("b", SECOND, prompt_name="greet", prompt_version="2", lasts=2),
        _call("c", SECOND, prompt_name="greet", prompt_version="2", at=5, lasts=4, status="error"),
        _call("d", "You are somebody else.", prompt_name="other"),
    )

    history = list_prompt_versions(project.pk, get_step(project.pk, "prompt", "greet"))

    assert (history.basis, history.is_more) == ("name", False)
    assert {version.label: (version.calls, version.errors, version.mean_duration_ms) for version in history.items} == {
        "2": (2, 1, 3000.0),
        "1": (1, 0, 1000.0),
    }


def test_versions__time_asked__figures_of_that_time_alone(project: Project) -> None:
    write(project.pk, _call("a", FIRST, prompt_name="greet", at=-7200), _call("b", FIRST, prompt_name="greet"))

    history = list_prompt_versions(project.pk, get_step(project.pk, "prompt", "greet"), since=START)

    assert [version.calls for version in history.items] == [1]


@pytest.mark.parametrize(("agent_name", "basis", "count"), [("writer", "agent", 2), (None, "workflow", 3)])
def test_versions__without_name__by_agent_or_workflow(
    project: Project, agent_name: str | None, basis: str, count: int
) -> None:
    write(
        project.pk,
        _call("a", FIRST, agent_name=agent_name),
        _call("b", SECOND, agent_name=agent_name),
        _call("c", "You judge.", agent_name=agent_name and "judge"),
    )

    history = list_prompt_versions(project.pk, get_step(project.pk, "prompt", hash_prompt(FIRST)))

    assert (history.basis, len(history.items)) == (basis, count)
