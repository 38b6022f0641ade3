from __future__ import annotations

import pytest

from observability.ingest.redaction import MARKER
from observability.models import Project
from observability.services.policies import add_redaction_rule
from observability.services.redaction_trial import BUILT_IN, DraftRule, Trial, TrialError, try_redaction


def _join(trial: Trial) -> str:
    return "".join(piece.text for piece in trial.pieces)


def test_try__saved_rule_built_in_and_draft__each_named(project: Project) -> None:
    add_redaction_rule(project=project, kind="key", value="ssn")
    text = '{"password": "hunter2!", "ssn": "123-45", "order": "AC-77", "note": "kept"}'

    trial = try_redaction(project_id=project.pk, text=text, draft=DraftRule("pattern", r"AC-\d+"))

    marker = f'"{MARKER}"'
    assert _join(trial) == f'{{"password": {marker}, "ssn": {marker}, "order": {marker}, "note": "kept"}}'
    assert dict(trial.hits) == {BUILT_IN: 1, "Key name: ssn": 1, r"Value pattern (RE2): AC-\d+": 1}
    assert [piece.is_draft for piece in trial.pieces if piece.hidden_by] == [False, False, True]


def test_try__nothing_to_hide__is_the_text_itself(project: Project) -> None:
    trial = try_redaction(project_id=project.pk, text="a line\nanother, with [REDACTED] in it")

    assert (_join(trial), trial.hits) == ("a line\nanother, with [REDACTED] in it", ())


def test_try__long_text_that_is_quoted_anew__is_shown_whole(project: Project) -> None:
    text = '{"a": "' + r"AC-77 caf\u00e9 " * 4_000 + '"}'

    trial = try_redaction(project_id=project.pk, text=text, draft=DraftRule("pattern", r"AC-77"))

    assert _join(trial) == '{"a": "' + f"{MARKER} café " * 4_000 + '"}'
    assert dict(trial.hits) == {"Value pattern (RE2): AC-77": 4_000}


def test_try__draft_that_is_no_pattern__points_at_the_place(project: Project) -> None:
    with pytest.raises(TrialError) as caught:
        try_redaction(project_id=project.pk, text="x", draft=DraftRule("pattern", r"AC-\d+(?=x)"))

    assert caught.value.is_placed
    assert (caught.value.before, caught.value.after) == (r"AC-\d+", "(?=x)")
