"""How admin pages write: through services, whose refusals become messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.admin import ModelAdmin

from observability.errors import ObservabilityError


class ServiceAdmin(ModelAdmin):
    """A page whose rows are made, changed and removed by services.

    A subclass that adds rows has `create`, one that changes them `update`, one that removes them `remove`; without
    `remove` nobody can delete. A refusal (`ObservabilityError`) undoes the whole request and is shown.
    """

    list_per_page = 50
    show_full_result_count = False
    warn_unsaved_form = True
    compressed_fields = True
    # Without the bulk action "delete selected", which goes around services.
    actions: ClassVar[tuple[str, ...]] = ()

    remove: Callable[[HttpRequest, Model], None] | None = None

    def create(self, request: HttpRequest, form: ModelForm[Any]) -> Model:
        """Make the row that the valid form asks for, and return it."""
        raise NotImplementedError

    def update(self, request: HttpRequest, obj: Model, form: ModelForm[Any]) -> None:
        """Store what the valid form changed in the row."""
        raise NotImplementedError

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out Django's bulk delete."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Allow it only where a service does it."""
        return self.remove is not None and bool(super().has_delete_permission(request, obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """List what goes with a row; whether it may go is for the service to say, not for each table's own page."""
        found, counts, _, protected = super().get_deleted_objects(objs, request)
        return found, counts, set(), protected

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the form, or store it and show a refusal."""
        return self._show_refusal(
            request, lambda: super(ServiceAdmin, self).changeform_view(request, object_id, form_url, extra_context)
        )

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Ask, or remove and show a refusal."""
        return self._show_refusal(
            request, lambda: super(ServiceAdmin, self).delete_view(request, object_id, extra_context)
        )

    def save_form(self, request: HttpRequest, form: ModelForm[Any], change: bool) -> Model:  # noqa: FBT001
        """Return the row to go on with: a new one is already stored."""
        changed: Model = super().save_form(request, form, change)
        return changed if change else self.create(request, form)

    def save_model(self, request: HttpRequest, obj: Model, form: ModelForm[Any], change: bool) -> None:  # noqa: FBT001
        """Store a change; a new row was stored by `save_form`."""
        if change and form.has_changed():
            self.update(request, obj, form)

    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        """Remove the row."""
        assert self.remove is not None
        self.remove(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Remove the rows one by one."""
        for obj in queryset:
            self.delete_model(request, obj)

    def _show_refusal(self, request: HttpRequest, answer: Callable[[], HttpResponse]) -> HttpResponse:
        try:
            return answer()
        except ObservabilityError as error:
            self.message_user(request, str(error), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


class ReadOnlyAdmin(ServiceAdmin):
    """A page that shows rows which only the product itself writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes."""
        return False
