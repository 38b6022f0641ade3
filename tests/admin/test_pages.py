"""Every page of admin opens for an operator, empty and with rows, and its search works."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from observability.models import ApiKey, Organization, Project, User
from observability.services.keys import NewKey, create_key
from observability.services.policies import add_redaction_rule
from observability.services.tenancy import create_organization, create_project

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def _path(model: type[Model], page: str = "") -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/{page}"


@pytest.fixture
def signed_in(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


def test_registry__tables_of_tenancy__are_all_here() -> None:
    assert {User, Organization, Project, ApiKey} <= set(MODELS)
    assert {type(page).__module__.split(".")[0] for page in admin.site._registry.values()} == {
        "observability",
        "reruns",
        "debugconsole",
    }


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_list__operator__opens_and_searches(
    signed_in: Client, api_key: NewKey, teammate: User, model: type[Model]
) -> None:
    response = signed_in.get(_path(model))
    searched = signed_in.get(_path(model), {"q": "acme"})

    assert response.status_code == 200
    assert searched.status_code == 200
    assert 'name="q"' in response.content.decode()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_add__operator__opens_where_rows_can_be_added(signed_in: Client, model: type[Model]) -> None:
    can_add = admin.site._registry[model].has_add_permission(signed_in.get("/admin/").wsgi_request)

    response = signed_in.get(_path(model, "add/"))

    assert response.status_code == (200 if can_add else 403)


@pytest.mark.parametrize("model", [User, Organization, Project, ApiKey], ids=lambda model: model._meta.label)
def test_change__operator__opens(
    signed_in: Client, project: Project, api_key: NewKey, teammate: User, model: type[Model]
) -> None:
    add_redaction_rule(project=project, kind="key", value="card")
    row = model._default_manager.order_by("pk").first()
    assert row is not None

    response = signed_in.get(_path(model, f"{row.pk}/change/"))
    history = signed_in.get(_path(model, f"{row.pk}/history/"))

    assert response.status_code == history.status_code == 200


def test_change__periodic_task__opens_with_the_products_tasks(signed_in: Client) -> None:
    every = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS)
    task = PeriodicTask.objects.create(name="t", task="observability.tasks.ensure_partitions", interval=every)

    response = signed_in.get(_path(PeriodicTask, f"{task.pk}/change/"))

    assert b"observability.tasks.ensure_partitions" in response.content


def test_front_page__operator__shows_real_figures(signed_in: Client, api_key: NewKey, foreign_project: Project) -> None:
    text = re.sub(r"<[^>]+>|\s+", " ", signed_in.get("/admin/").content.decode())
    words = re.sub(r"\s+", " ", text)

    assert "2 organizations" in words
    assert "2 projects" in words
    assert "3 people" in words
    assert "1 working key" in words
    assert "Nothing arrived" in words


def test_front_page__items_counted__sums_the_last_day_by_door(signed_in: Client, project: Project) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ingest_counts (project_id, door, hour, code, items) "
            "VALUES (%s, %s, date_trunc('hour', now()) - %s::interval, %s, %s)",
            [
                (project.pk, "otlp", "1 hour", "accepted", 1200),
                (project.pk, "otlp", "2 hours", "accepted", 34),
                (project.pk + 1, "otlp", "2 hours", "too_large", 5),
                (project.pk, "otlp", "30 hours", "accepted", 7777),
            ],
        )

    content = signed_in.get("/admin/").content.decode()

    assert "1,234" in content
    assert "too_large 5" in content
    assert "7,777" not in content


@pytest.mark.parametrize("model", [Organization, Project, ApiKey], ids=lambda model: model._meta.label)
def test_list__one_row_or_many__costs_the_same_queries(signed_in: Client, api_key: NewKey, model: type[Model]) -> None:
    signed_in.get(_path(model))
    with CaptureQueriesContext(connection) as one:
        signed_in.get(_path(model))
    for number in range(12):
        organization = create_organization(name=f"Many {number}")
        create_key(project=create_project(organization=organization, name="P"), name="K", scopes=["read"])

    with CaptureQueriesContext(connection) as many:
        signed_in.get(_path(model))

    assert len(many) == len(one)
