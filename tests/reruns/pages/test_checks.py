"""The forms of evaluations have the fields that the evaluators read."""

from __future__ import annotations

import msgspec
import pytest

from reruns.evaluators import CHECKS
from reruns.pages.checks import CHECK_FORMS, CheckForm

NOT_OFFERED = {"llm-judge": {"model", "provider"}}


def test_forms__of_all_evaluators__are_there() -> None:
    assert [form.type for form in CHECK_FORMS] == list(CHECKS)


@pytest.mark.parametrize("form", CHECK_FORMS, ids=lambda form: form.type)
def test_form__fields__are_those_of_the_evaluator_and_required_where_it_has_no_default(form: CheckForm) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(CHECKS[form.type])}
    offered = {field.name: field for field in form.fields}

    assert set(offered) | NOT_OFFERED.get(form.type, set()) | {"pass_threshold"} == set(fields)
    assert {name for name, field in offered.items() if field.is_required} == {
        name for name, field in fields.items() if field.required
    }
