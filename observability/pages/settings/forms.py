"""Forms of the project settings. They check what was typed; services decide what is allowed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils import timezone

from observability.models import Project, RedactionRule, Role, Scope
from observability.services.redaction_trial import TRIAL_BYTES

NEVER = ""
_LIFETIMES = [
    (NEVER, "Never"),
    ("1", "In a day"),
    ("7", "In a week"),
    ("30", "In 30 days"),
    ("90", "In 90 days"),
    ("365", "In a year"),
]
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


class TryForm(forms.Form):
    """A text to see redacted, and a rule that is not saved yet."""

    text = forms.CharField(
        max_length=TRIAL_BYTES,
        strip=False,
        label="JSON or text",
        widget=forms.Textarea(attrs={"rows": 7, "spellcheck": "false"}),
        error_messages={"required": "Paste something to see what would be stored of it."},
    )
    kind = forms.ChoiceField(choices=RedactionRule.Kind.choices, label="Draft rule", required=False)
    value = forms.CharField(max_length=500, label="Its name or RE2 pattern", required=False)


class InviteForm(forms.Form):
    """Somebody to let in."""

    email = forms.EmailField(label="Email address")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.ENGINEER, label="Role")
    place = forms.ChoiceField(choices=[("organization", ""), ("project", "")], label="In")

    def __init__(self, project: Project, *args: Any, is_owner: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = self.fields["place"]
        assert isinstance(places, forms.ChoiceField)
        places.choices = [
            ("organization", f"{project.organization.name}, all projects"),
            ("project", f"{project.name} only"),
        ]
        if not is_owner:
            roles = self.fields["role"]
            assert isinstance(roles, forms.ChoiceField)
            roles.choices = [choice for choice in Role.choices if choice[0] != Role.OWNER]


class JoinForm(forms.Form):
    """A new account for an address that was invited."""

    name = forms.CharField(max_length=150, required=False, label="Your name")
    password = forms.CharField(
        strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), label="Password"
    )

    def clean_password(self) -> str:
        """Hold it against the rules for passwords."""
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class RenameForm(forms.Form):
    """What people read, and what addresses name."""

    name = forms.CharField(max_length=100)
    slug = forms.SlugField(max_length=60, label="Part of addresses")


class NameForm(forms.Form):
    """What people read."""

    name = forms.CharField(max_length=100)


class DeleteTracesForm(forms.Form):
    """Which traces go."""

    before = forms.ChoiceField(
        choices=[
            ("0", "All traces"),
            ("1", "Older than a day"),
            ("7", "Older than a week"),
            ("30", "Older than 30 days"),
        ],
        label="Delete",
        initial="30",
    )
    name = forms.CharField(max_length=100, label="Type the project's name to confirm")

    @property
    def until(self) -> datetime:
        """Return the moment before which a trace began that goes."""
        return timezone.now() - timedelta(days=int(self.cleaned_data["before"]))


class ConfirmForm(forms.Form):
    """Says that what goes is meant."""

    name = forms.CharField(max_length=100, label="Type the project's name to confirm")


def first_error(form: forms.Form) -> str:
    """Return one sentence about what is wrong with a form."""
    errors: dict[str, Any] = dict(form.errors)
    name, messages = next(iter(errors.items()))
    label = form.fields[name].label if name in form.fields else None
    return f"{label or name.capitalize()}: {messages[0]}"
