"""People and groups."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm
from unfold.widgets import UnfoldAdminPasswordWidget

from observability.admin.service_admin import ServiceAdmin
from observability.models import User
from observability.services.accounts import change_email, create_person, deactivate_person, delete_person, find_person


class AddressForm(forms.ModelForm):  # type: ignore[type-arg]
    """Says in words that an address is taken; the constraint only has a name."""

    def clean_email(self) -> str:
        """Refuse an address that somebody else signs in with, in whatever case."""
        email: str = self.cleaned_data["email"]
        found = find_person(email)
        if found is not None and found.pk != self.instance.pk:
            raise forms.ValidationError(f"{email} already has an account.")
        return email


class PersonForm(AddressForm, UserChangeForm):
    """Change a person. The password has a page of its own."""

    class Meta:
        model = User
        # Admin takes the fields of its fieldsets.
        fields = ("email",)


class NewPersonForm(AddressForm):
    """Make a person."""

    password = forms.CharField(
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Leave empty, and they set one themselves through “Forgot your password?”.",
    )

    class Meta:
        model = User
        fields = ("email", "name", "is_superuser")
        labels: ClassVar = {"is_superuser": "Operator"}
        help_texts: ClassVar = {"is_superuser": "May enter this administration and do everything in it."}

    def clean_password(self) -> str:
        """Hold it against the rules for passwords."""
        password: str = self.cleaned_data["password"]
        if password:
            validate_password(password)
        return password


@admin.register(User)
class UserAdmin(ServiceAdmin, DjangoUserAdmin):  # type: ignore[type-arg,misc]
    """Everybody who can sign in."""

    form = PersonForm
    add_form = NewPersonForm
    change_password_form = AdminPasswordChangeForm
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name")
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ("groups", "user_permissions")
    fieldsets = (
        (None, {"fields": ("email", "name", "password", "is_active")}),
        ("Pages", {"fields": ("theme", "density", "time_zone", "shortcuts")}),
        ("Administration", {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password", "is_superuser")}),)

    def create(self, request: HttpRequest, form: forms.ModelForm[Any]) -> User:
        """Make the person."""
        return create_person(
            email=form.cleaned_data["email"],
            password=form.cleaned_data["password"] or None,
            name=form.cleaned_data["name"],
            is_admin=form.cleaned_data["is_superuser"],
        )

    def update(self, request: HttpRequest, obj: User, form: forms.ModelForm[Any]) -> None:  # type: ignore[override]
        """Store what changed; who may sign in no more must not be an organization's last owner."""
        if "is_active" in form.changed_data and not obj.is_active:
            deactivate_person(user=obj)
        if "email" in form.changed_data:
            change_email(user=obj, email=obj.email)
        # Only what the form changed: a sign-in may just have written the rest. Relations follow on their own.
        columns = {field.name for field in obj._meta.concrete_fields}
        obj.save(update_fields=columns.intersection(form.changed_data))

    def remove(self, request: HttpRequest, obj: User) -> None:  # type: ignore[override]
        """Remove the person."""
        delete_person(user=obj)


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):
    """Staff with the same permissions in admin."""
