from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync

from observability.errors import InvalidError, NotFoundError
from observability.ingest.redaction import redact_text
from observability.models import Project, RedactionRule
from observability.services import policies
from observability.services.policies import (
    add_redaction_rule,
    get_policy,
    load_policy,
    remove_redaction_rule,
    switch_redaction_rule,
    update_capture,
)


def _redact(project: Project, text: str) -> str:
    return redact_text(text, load_policy(project.pk).rules)


def test_load_policy__new_project__captures_everything_and_redacts_the_built_in_secrets(project: Project) -> None:
    policy = load_policy(project.pk)

    assert policy.capture.inputs and policy.capture.outputs
    assert policy.capture.error_stacks and policy.capture.attributes
    assert "hunter2" not in _redact(project, "password=hunter2")


def test_load_policy__no_such_project__is_not_found(db: None) -> None:
    with pytest.raises(NotFoundError):
        load_policy(0)


def test_update_capture__one_switch__leaves_the_others(project: Project) -> None:
    update_capture(project=project, outputs=False)

    capture = load_policy(project.pk).capture
    assert (capture.inputs, capture.outputs, capture.error_stacks, capture.attributes) == (True, False, True, True)


def test_add_redaction_rule__pattern__hides_what_it_matches(project: Project, foreign_project: Project) -> None:
    add_redaction_rule(project=project, kind="pattern", value=r"\bEMP-\d{6}\b")

    assert "EMP-123456" not in _redact(project, "asked by EMP-123456 today")
    assert "EMP-123456" in _redact(foreign_project, "asked by EMP-123456 today")


def test_add_redaction_rule__key_name__hides_its_values(project: Project) -> None:
    add_redaction_rule(project=project, kind="key", value="card number")

    assert "4111" not in _redact(project, '{"cardNumber": "4111 1111"}')


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("pattern", "[a-", "value: .*RE2"),
        ("pattern", "(?=ahead)", "value: .*RE2"),
        ("pattern", "x*", "value: .*everywhere"),
        ("pattern", "  ", "value: give 1 to"),
        ("pattern", "a" * 501, "value: give 1 to"),
        ("pattern", "a\x00b", "value: .*NUL"),
        ("key", "a:b", "value: "),
        ("word", "secret", "kind: choose from key, pattern"),
    ],
)
def test_add_redaction_rule__unusable__names_the_field(project: Project, kind: str, value: str, message: str) -> None:
    with pytest.raises(InvalidError, match=message):
        add_redaction_rule(project=project, kind=kind, value=value)

    assert not RedactionRule.objects.exists()


def test_add_redaction_rule__twice__is_refused(project: Project) -> None:
    add_redaction_rule(project=project, kind="key", value="card")

    with pytest.raises(InvalidError, match="there already"):
        add_redaction_rule(project=project, kind="key", value="card")


def test_add_redaction_rule__too_many__is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "MAX_RULES", 1)
    add_redaction_rule(project=project, kind="key", value="card")

    with pytest.raises(InvalidError, match="at most 1"):
        add_redaction_rule(project=project, kind="key", value="iban")


def test_switch_redaction_rule__off_and_on__hides_again(project: Project) -> None:
    rule = add_redaction_rule(project=project, kind="pattern", value="mouse")

    switch_redaction_rule(rule=rule, is_enabled=False)
    shown = _redact(project, "a mouse")
    switch_redaction_rule(rule=rule, is_enabled=True)

    assert shown == "a mouse"
    assert "mouse" not in _redact(project, "a mouse")


@pytest.mark.django_db(transaction=True)
def test_get_policy__changed_in_this_process__holds_at_once(project: Project) -> None:
    async_to_sync(get_policy)(project.pk)

    rule = add_redaction_rule(project=project, kind="pattern", value="mouse")
    with_rule = async_to_sync(get_policy)(project.pk)
    remove_redaction_rule(rule=rule)
    without_rule = async_to_sync(get_policy)(project.pk)

    assert "mouse" not in redact_text("a mouse", with_rule.rules)
    assert "mouse" in redact_text("a mouse", without_rule.rules)


@pytest.mark.django_db(transaction=True)
def test_get_policy__changed_by_another_process__is_no_older_than_remembered(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policies, "REMEMBER_SECONDS", 0.0)
    async_to_sync(get_policy)(project.pk)

    Project.objects.filter(pk=project.pk).update(capture_inputs=False)

    assert not async_to_sync(get_policy)(project.pk).capture.inputs
