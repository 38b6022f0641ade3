"""Tables of the ground floor, by subject."""

from observability.flags import EventFlag
from observability.models.error_groups import ErrorGroup
from observability.models.ingest import IngestCount, IngestRejection, KeyDay
from observability.models.logs import LogEntry
from observability.models.requests import Deletion, Invitation
from observability.models.retention import RetentionRun
from observability.models.saved_views import SavedView, TraceListChoice
from observability.models.steps import Step, StepHour
from observability.models.tenancy import (
    ApiKey,
    Membership,
    Organization,
    Project,
    ProjectMembership,
    RedactionRule,
    Role,
    Scope,
    User,
)
from observability.models.trace_days import TraceDay
from observability.models.traces import Event, Payload, Resource, SdkSession, SearchDocument, SearchSegment, Trace

__all__ = [
    "ApiKey",
    "Deletion",
    "ErrorGroup",
    "Event",
    "EventFlag",
    "IngestCount",
    "IngestRejection",
    "Invitation",
    "KeyDay",
    "LogEntry",
    "Membership",
    "Organization",
    "Payload",
    "Project",
    "ProjectMembership",
    "RedactionRule",
    "Resource",
    "RetentionRun",
    "Role",
    "SavedView",
    "Scope",
    "SdkSession",
    "SearchDocument",
    "SearchSegment",
    "Step",
    "StepHour",
    "Trace",
    "TraceDay",
    "TraceListChoice",
    "User",
]
