"""Forms of the project settings. They check what was typed; services decide what is allowed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from observability.models import Project, RedactionRule, Scope

NEVER = ""
_LIFETIMES = [(NEVER, "Never"), ("30", "In 30 days"), ("90", "In 90 days"), ("365", "In a year")]
_OVERLAPS = [("0", "At once"), ("3600", "In an hour"), ("86400", "In a day"), ("604800", "In a week")]


class NewKeyForm(forms.Form):
    """A new API key."""

    name = forms.CharField(max_length=100, help_text="Where it will be used, so that you know it later.")
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        initial=[Scope.INGEST],
        widget=forms.CheckboxSelectMultiple,
        label="It may",
        error_messages={"required": "A key that may do nothing is of no use: choose at least one."},
    )
    expires = forms.ChoiceField(choices=_LIFETIMES, required=False, label="Expires")

    @property
    def expires_at(self) -> datetime | None:
        """Return the moment it ends, None for never."""
        days = self.cleaned_data["expires"]
        return timezone.now() + timedelta(days=int(days)) if days else None


class RotateKeyForm(forms.Form):
    """How long the old key goes on working beside its successor."""

    overlap = forms.ChoiceField(choices=_OVERLAPS, initial="86400", label="The old key stops")

    @property
    def overlap_time(self) -> timedelta:
        """Return the overlap."""
        return timedelta(seconds=int(self.cleaned_data["overlap"]))


class CaptureForm(forms.Form):
    """What is stored of the events that arrive from now on."""

    inputs = forms.BooleanField(
        required=False, label="Inputs", help_text="What events were given: prompts, arguments, queries."
    )
    outputs = forms.BooleanField(
        required=False, label="Outputs", help_text="What events returned: completions, results, rows."
    )
    error_stacks = forms.BooleanField(
        required=False, label="Error stacks", help_text="The type and message of an error are always stored."
    )
    attributes = forms.BooleanField(
        required=False,
        label="Attributes",
        help_text="Raw attributes as sent. Names, models, tokens and ids are always stored.",
    )

    @classmethod
    def of(cls, project: Project) -> CaptureForm:
        """Return the form as the project stands."""
        names: list[str] = list(cls.base_fields)
        return cls(initial={name: getattr(project, f"capture_{name}") for name in names})


class RedactionRuleForm(forms.Form):
    """A further redaction rule."""

    kind = forms.ChoiceField(choices=RedactionRule.Kind.choices, label="Hide by")
    value = forms.CharField(max_length=500, label="Name or pattern")


def first_error(form: forms.Form) -> str:
    """Return one sentence about what is wrong with a form."""
    errors: dict[str, Any] = dict(form.errors)
    name, messages = next(iter(errors.items()))
    label = form.fields[name].label if name in form.fields else None
    return f"{label or name.capitalize()}: {messages[0]}"
