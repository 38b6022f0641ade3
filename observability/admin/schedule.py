"""What runs when. Entries that the product ships come back at the start of beat; switch them off instead."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django_celery_beat.admin import ClockedScheduleAdmin as LibraryClockedScheduleAdmin
from django_celery_beat.admin import CrontabScheduleAdmin as LibraryCrontabScheduleAdmin
from django_celery_beat.admin import PeriodicTaskAdmin as LibraryPeriodicTaskAdmin
from django_celery_beat.admin import PeriodicTaskForm, TaskSelectWidget
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(model)


class TaskSelect(UnfoldAdminSelectWidget, TaskSelectWidget):
    """The library's list of tasks in admin's look."""

    template_name = "unfold/widgets/select.html"


class TaskForm(PeriodicTaskForm):
    """The library's form in admin's look."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(LibraryPeriodicTaskAdmin, ModelAdmin):
    """Periodic tasks."""

    form = TaskForm


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(LibraryCrontabScheduleAdmin, ModelAdmin):
    """Times of day and week."""

    search_fields = ("minute", "hour", "day_of_week", "timezone")


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(LibraryClockedScheduleAdmin, ModelAdmin):
    """Single moments."""

    search_fields = ("clocked_time",)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ModelAdmin):
    """Every so often."""

    search_fields = ("every", "period")


@admin.register(SolarSchedule)
class SolarScheduleAdmin(ModelAdmin):
    """By the sun."""

    search_fields = ("event",)
