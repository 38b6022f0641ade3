"""Admin of the reruns: every list and form opens, and writes go through services."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from observability.models import Project, Scope, User
from observability.services.keys import check_key, create_key
from reruns.models import Evaluation, JudgeSettings, RerunPolicy, Run, SampledTrace, SamplingConfig
from reruns.services.connections import Socket, open_connection
from reruns.services.policies import set_rerun_policy
from reruns.services.sampling import create_sampling_config
from reruns.wire.register import Registration
from tests.reruns.test_state_machine import ask

MODELS = [model for model in admin.site._registry if model._meta.app_label == "reruns"]


@pytest.fixture
def signed_in(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def rows(trace: str, project: Project) -> None:
    """A row of everything."""
    ask(project)
    Evaluation.objects.create(run=Run.objects.earliest("pk"), position=0, type="regex", status="passed", reason="found")
    JudgeSettings.objects.create(project=project, base_url="http://127.0.0.1:9/v1", model="judge")
    config = create_sampling_config(project_id=project.pk, created_by=None, name="all", event_types=["tool"])
    SampledTrace.objects.create(config=config, trace_id=trace, outcome="triggered")
    set_rerun_policy(project_id=project.pk, max_per_hour=5)
    key = create_key(project=project, name="SDK", scopes=[Scope.RERUN])
    identity = check_key(key.text)
    assert identity is not None
    open_connection(Socket(sid="s", process="p", identity=identity, address=None), Registration(session_id="s"))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_list_and_row__operator__open(signed_in: Client, rows: None, model: type[Model]) -> None:
    name = f"admin:reruns_{model._meta.model_name}"
    row = model._default_manager.first()
    assert row is not None

    listed = signed_in.get(reverse(f"{name}_changelist"), {"q": "a"})
    opened = signed_in.get(reverse(f"{name}_change", args=[row.pk]))

    assert (listed.status_code, opened.status_code) == (200, 200)


def test_admin__people_of_a_project__have_no_way_in(owner: User) -> None:
    client = Client()
    client.force_login(owner)

    assert client.get(reverse("admin:reruns_trigger_changelist")).status_code == 302


def test_sampling__made_changed_and_removed__by_services(signed_in: Client, project: Project) -> None:
    form = {
        "project": project.pk,
        "name": "from admin",
        "mode": "step",
        "event_types": ["http", "db"],
        "rate": "0.5",
        "run_count": "1",
        "max_per_hour": "10",
        "evaluations": "[]",
    }
    signed_in.post(reverse("admin:reruns_samplingconfig_add"), form)
    made = SamplingConfig.objects.get()
    signed_in.post(reverse("admin:reruns_samplingconfig_change", args=[made.pk]), {**form, "rate": "0.25"})

    changed = SamplingConfig.objects.get()
    assert (changed.event_types, changed.rate, changed.created_by is not None) == (["http", "db"], 0.25, True)
    signed_in.post(reverse("admin:reruns_samplingconfig_delete", args=[made.pk]), {"post": "yes"})
    assert not SamplingConfig.objects.exists()


def test_sampling__evaluations_that_are_none__are_refused_with_words(signed_in: Client, project: Project) -> None:
    form = {"project": project.pk, "name": "x", "mode": "step", "event_types": ["ai"], "rate": "1", "run_count": "1"}

    answer = signed_in.post(
        reverse("admin:reruns_samplingconfig_add"), {**form, "max_per_hour": "1", "evaluations": "[{}]"}, follow=True
    )

    assert b"evaluations[0]: type: choose from" in answer.content
    assert not SamplingConfig.objects.exists()


def test_limits__set_in_admin__hold(signed_in: Client, project: Project) -> None:
    form = {
        "project": project.pk,
        "minimum_role": "owner",
        "max_per_hour": "3",
        "max_concurrent": "2",
        "ttl_minutes": "5",
    }

    signed_in.post(reverse("admin:reruns_rerunpolicy_add"), form)

    policy = RerunPolicy.objects.get()
    assert (policy.project, policy.minimum_role, policy.max_per_hour, policy.ttl_minutes) == (project, "owner", 3, 5)
