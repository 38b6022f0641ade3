"""Registering an extension, and asking for leave to watch one."""

from __future__ import annotations

from django import forms

from debugconsole.models.extensions import DEBUG_CAPABILITY


class RegisterForm(forms.Form):
    """An extension as its runner names it."""

    extension_id = forms.CharField(
        label="Extension id", max_length=200, help_text="As its runner names it, in any case."
    )
    name = forms.CharField(max_length=100, required=False, help_text="For people. Empty: the id.")
    may_be_watched = forms.BooleanField(
        label=f"It declares {DEBUG_CAPABILITY}",
        required=False,
        help_text="Rules may ask for it before anybody watches.",
    )


class LeaveForm(forms.Form):
    """Leave to watch for a while."""

    LENGTHS = ((15, "15 minutes"), (60, "1 hour"), (240, "4 hours"), (1440, "1 day"))

    reason = forms.CharField(label="What are you looking for?", max_length=300)
    ticket = forms.CharField(max_length=100, required=False, help_text="Where the case is kept, if anywhere.")
    minutes = forms.TypedChoiceField(label="For how long?", choices=LENGTHS, coerce=int, initial=60)
