"""A person's own page: name and preferences. What belongs to signing in lies with allauth, in the same frame."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from observability.errors import InvalidError
from observability.models import User
from observability.pages.home import keep_theme
from observability.services.preferences import PREFERENCES, check_preference, rename_person, set_preferences

_OLD_AREAS = ("Etc/", "SystemV/", "US/", "posix/", "right/")


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]
    """Name and preferences."""

    class Meta:
        model = User
        fields = ("name", "theme", "density", "time_zone", "shortcuts")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Let the time zone be typed, with suggestions."""
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = "How others see you. Empty: your email address."
        self.fields["density"].label = "Rows"
        self.fields["shortcuts"].help_text = (
            "Such as j and k, or g and a letter. Off, letters do nothing outside fields, as speech input and switches "
            "need it; arrows, Enter, Esc and Ctrl or ⌘ with K still work."
        )
        zone = self.fields["time_zone"]
        zone.help_text = "Every time on the pages is in it. Empty: the time zone of the browser."
        zone.widget.attrs.update({"list": "time-zones", "autocomplete": "off"})

    def clean_time_zone(self) -> str:
        """Refuse what is no zone."""
        zone: str = self.cleaned_data["time_zone"]
        try:
            check_preference("time_zone", zone)
        except InvalidError as error:
            raise forms.ValidationError(f"{zone} is no time zone. Write one such as Europe/Zurich.") from error
        return zone


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Show and keep a person's name and preferences."""
    assert isinstance(request.user, User)
    # A form changes the person it is given, valid or not: the page around it must not.
    person = User.objects.get(pk=request.user.pk)
    form = AccountForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        return _keep(request, request.user, form.cleaned_data)
    context = {"form": form, "time_zones": list_time_zones()}
    return render(request, "account/profile.html", context, status=400 if form.errors else 200)


def list_time_zones() -> list[str]:
    """Return the zones worth suggesting: places, and UTC."""
    return ["UTC", *sorted(name for name in available_timezones() if "/" in name and not name.startswith(_OLD_AREAS))]


def _keep(request: HttpRequest, user: User, given: dict[str, str]) -> HttpResponse:
    rename_person(user=user, name=given["name"])
    set_preferences(user=user, **{name: given[name] for name in PREFERENCES})
    messages.success(request, "Saved")
    response = redirect("observability:account-profile")
    keep_theme(response, given["theme"])
    return response
