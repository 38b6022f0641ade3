"""Addresses of reruns: under `/api/observability/`, and the few that SDKs know without it."""

from __future__ import annotations

from django.urls import path, re_path

from observability.api import converters  # noqa: F401 - importing registers them
from observability.api.views import NoSuchAddressView
from reruns.api.again import TriggerAgain
from reruns.api.fidelity import FidelityView
from reruns.api.forks import ForksView
from reruns.api.judges import JudgeView
from reruns.api.output_diffs import OutputDiffView
from reruns.api.outputs import RunOutputView
from reruns.api.plans import RerunPlans
from reruns.api.requests import PortalTasks, StepReruns, TriggerCancellation, Triggers, TriggerView, WorkflowReruns
from reruns.api.results import (
    EventReruns,
    PortalResults,
    RunConfigView,
    ShortRunConfigView,
    TriggerResults,
    trace_events,
)
from reruns.api.sampling import SamplingConfigList, SamplingConfigView, SdkSessions
from reruns.api.saved_tests import SavedTests

app_name = "reruns-api"
_API = "api/observability"

urlpatterns = [
    path(f"{_API}/workflow-reruns", WorkflowReruns.as_view(), name="workflow-reruns"),
    path(f"{_API}/step-reruns", StepReruns.as_view(), name="step-reruns"),
    path(f"{_API}/rerun-plans", RerunPlans.as_view(), name="rerun-plans"),
    path(f"{_API}/saved-tests", SavedTests.as_view(), name="saved-tests"),
    path(f"{_API}/trace-forks", ForksView.as_view(), name="trace-forks"),
    path(f"{_API}/portal-tasks", PortalTasks.as_view(), name="portal-tasks"),
    path(f"{_API}/triggers", Triggers.as_view(), name="trigger-list"),
    path(f"{_API}/triggers/<number:trigger_id>", TriggerView.as_view(), name="trigger-detail"),
    path(f"{_API}/triggers/<number:trigger_id>/fidelity", FidelityView.as_view(), name="trigger-fidelity"),
    path(
        f"{_API}/triggers/<number:trigger_id>/runs/<number:number>/output", RunOutputView.as_view(), name="run-output"
    ),
    path(f"{_API}/triggers/<number:trigger_id>/again", TriggerAgain.as_view(), name="trigger-again"),
    path(f"{_API}/triggers/<number:trigger_id>/output-diff", OutputDiffView.as_view(), name="trigger-output-diff"),
    path(f"{_API}/triggers/<number:trigger_id>/cancel", TriggerCancellation.as_view(), name="trigger-cancel"),
    path(f"{_API}/triggers/<number:trigger_id>/results", TriggerResults.as_view(), name="trigger-results"),
    path(f"{_API}/events/<number:event_id>/reruns", EventReruns.as_view(), name="event-reruns"),
    path(f"{_API}/run-configs/<uuid:config_id>", RunConfigView.as_view(), name="run-config"),
    path(f"{_API}/sampling-configs", SamplingConfigList.as_view(), name="sampling-config-list"),
    path(f"{_API}/sampling-configs/<number:config_id>", SamplingConfigView.as_view(), name="sampling-config-detail"),
    path(f"{_API}/judge", JudgeView.as_view(), name="judge"),
    path(f"{_API}/sdk-sessions", SdkSessions.as_view(), name="sdk-session-list"),
    path("api/run-configs/<uuid:config_id>", ShortRunConfigView.as_view(), name="run-config-short"),
    path("api/portal/results/<str:task_id>", PortalResults.as_view(), name="portal-results"),
    path("api/trace-events", trace_events, name="trace-events"),
    re_path("^api/(?:run-configs|portal)/", NoSuchAddressView.as_view()),
]
