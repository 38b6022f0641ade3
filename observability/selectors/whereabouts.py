"""Where is my trace? What is known of an id, of whatever kind it is, and what to do next.

Looked for as a trace, a span, a session and a key, among what was stored, deleted and rejected. Each look is served by
an index or bounded in rows and time; those that were cut short say so. Other projects are looked at only as far as the
person who asks belongs to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from observability.flags import EventFlag
from observability.models import ApiKey, Event, IngestRejection, KeyDay, Project, Scope, SdkSession, Trace, User
from observability.selectors.access import list_projects_for_user
from observability.selectors.budget import Budget, OutOfTimeError
from observability.selectors.whereabouts_shapes import Fact, Level, Verdict, Whereabouts

BUDGET_SECONDS = 1.5
SPAN_DAYS = 3
MOST_REJECTIONS = 1_000
MOST_SHOWN = 5
SKEW_AFTER = timedelta(minutes=5)
LATE_AFTER = timedelta(hours=2)
_MOST_EVENTS = 5_000
_MOST_PROJECTS = 200
_SENT_BY_NONE = ("accepted", "duplicate")
_HIDDEN = {
    EventFlag.REDACTED: "something was redacted",
    EventFlag.INPUT_WITHHELD: "inputs are not captured",
    EventFlag.OUTPUT_WITHHELD: "outputs are not captured",
    EventFlag.ATTRIBUTES_WITHHELD: "attributes are not captured",
    EventFlag.STACK_WITHHELD: "error stacks are not captured",
}


def find_whereabouts(project_id: int, wanted: str, *, user: User | None = None) -> Whereabouts:
    """Return what is known of an id. At most a dozen queries; `user` lets their other projects be looked at."""
    # Of a whole key only the half that is public is looked at, or said again.
    wanted = wanted.strip()
    shown = wanted.partition(".")[0] if wanted.startswith("ed_") else wanted
    names = _list_spellings(shown)
    search = _Search(project_id, names)
    items = [
        *search.find_trace(),
        *search.find_rejected(),
        *search.find_session(),
        *search.find_key(user),
    ]
    if not items:
        items = [*search.find_span()]
    if not items and user is not None:
        items = [*_find_elsewhere(project_id, names, user)]
    if not items:
        items = [*_explain_nothing(project_id)]
    return Whereabouts(id=shown, items=items, is_partial=search.is_partial)


class _Search:
    """One id looked for in one project."""

    def __init__(self, project_id: int, names: list[str]) -> None:
        self.project_id = project_id
        self.names = names
        self.is_partial = False

    def find_trace(self) -> Iterator[Verdict]:
        """Look for a trace by its id: primary key of `traces`, deleted ones too."""
        for trace in Trace.objects.filter(project_id=self.project_id, trace_id__in=self.names):
            if trace.deleted_at is not None:
                yield _describe_deleted(trace)
            else:
                yield _describe_found(trace)
                yield from _describe_times(trace)
                yield from self._find_hidden(trace)

    def find_rejected(self) -> Iterator[Verdict]:
        """Look among rejected items: by trace through its index, by span among the newest."""
        rejections = IngestRejection.objects.filter(project_id=self.project_id)
        found = list(rejections.filter(trace_id__in=self.names).order_by("-id")[:MOST_SHOWN])
        if not found:
            newest = list(rejections.order_by("-id")[:MOST_REJECTIONS])
            found = [one for one in newest if one.span_id in self.names][:MOST_SHOWN]
        for one in found:
            yield _describe_rejection(one)

    def find_session(self) -> Iterator[Verdict]:
        """Look for a session: `traces_by_session`, and the SDK's own sessions by primary key."""
        traces = Trace.objects.filter(project_id=self.project_id, session_id__in=self.names, deleted_at=None)
        newest = list(traces.order_by("-started_at")[:MOST_SHOWN])
        session = SdkSession.objects.filter(project_id=self.project_id, session_id__in=self.names).first()
        if newest:
            yield Verdict(
                code="session_found",
                level="ok",
                title="This is a session with traces",
                next_step="Open its newest trace, or filter the list of traces by the session.",
                facts=[Fact(name="Newest traces", value=", ".join(trace.trace_id for trace in newest))],
                trace_id=newest[0].trace_id,
            )
        elif session is not None:
            yield Verdict(
                code="session_without_trace",
                level="warning",
                title="The SDK's session reached us, but no event of a trace did",
                next_step="Call start_trace before the steps to be recorded, and end_trace or shutdown after them, so "
                "that what waits in the client is sent.",
                facts=[
                    Fact(name="First heard of", value=_write(session.first_seen_at)),
                    Fact(name="Last heard of", value=_write(session.last_seen_at)),
                    Fact(name="Ended", value=_write(session.ended_at) if session.ended_at else "not yet"),
                ],
                setting="quickstart",
            )

    def find_key(self, user: User | None) -> Iterator[Verdict]:
        """Look for a key by its public id, in this project or another of the person's."""
        key = ApiKey.objects.filter(public_id__in=self.names).select_related("project__organization").first()
        if key is None:
            return
        if key.project_id == self.project_id:
            yield _describe_key(key)
        elif user is not None and key.project_id in {one.project.pk for one in list_projects_for_user(user)}:
            yield Verdict(
                code="wrong_project",
                level="warning",
                title="This key belongs to another project of yours",
                next_step=f"Look in {key.project}: what is sent with this key is stored there.",
                project=_name_project(key.project),
            )

    def find_span(self) -> Iterator[Verdict]:
        """Look for a span of the last days. No index leads to it, so the time is bounded."""
        since = timezone.now() - timedelta(days=SPAN_DAYS)
        events = Event.objects.filter(project_id=self.project_id, span_id__in=self.names, started_at__gte=since)
        try:
            with Budget(BUDGET_SECONDS).spend():
                event = events.values("trace_id", "name", "started_at", "received_at").first()
        except OutOfTimeError:
            self.is_partial = True
            return
        if event is None:
            return
        yield Verdict(
            code="span_found",
            level="ok",
            title="This is an event of a trace",
            next_step="Open its trace.",
            facts=[
                Fact(name="Event", value=event["name"]),
                Fact(name="Trace", value=event["trace_id"]),
                Fact(name="Received", value=_write(event["received_at"])),
            ],
            trace_id=event["trace_id"],
        )

    def _find_hidden(self, trace: Trace) -> Iterator[Verdict]:
        """Say what redaction and capture switches hid in a trace, from the flags of its first events."""
        events = Event.objects.filter(
            project_id=self.project_id, trace_id=trace.trace_id, started_at__gte=trace.started_at - timedelta(days=1)
        )
        flags = 0
        for value in events.values_list("flags", flat=True)[:_MOST_EVENTS]:
            flags |= value
        hidden = [text for flag, text in _HIDDEN.items() if flags & flag]
        if hidden:
            yield Verdict(
                code="masked",
                level="info",
                title="Some of it is hidden on purpose",
                next_step="If too much is hidden, change the capture switches or the redaction rules; try them out on "
                "a text first. What was hidden stays so.",
                facts=[Fact(name="Hidden", value="; ".join(hidden))],
                setting="capture",
            )


def _list_spellings(wanted: str) -> list[str]:
    """Return an id as it may be stored: OpenTelemetry ids in small letters and without dashes."""
    return list(dict.fromkeys((wanted, wanted.lower(), wanted.lower().replace("-", ""))))


def _describe_found(trace: Trace) -> Verdict:
    return Verdict(
        code="found",
        level="ok",
        title="It is here" if trace.event_count else "Only log records of it are here",
        next_step="Open the trace."
        if trace.event_count
        else "Its events have not arrived: see that spans are sent too.",
        facts=[
            Fact(name="Workflow", value=trace.workflow_name or "not known"),
            Fact(name="Status", value=trace.status),
            Fact(name="First received", value=_write(trace.created_at)),
            Fact(name="Last received", value=_write(trace.updated_at)),
            Fact(name="Events", value=f"{trace.event_count:,} and {trace.log_count:,} log records"),
            Fact(name="Door", value=trace.source),
        ],
        trace_id=trace.trace_id,
    )


def _describe_deleted(trace: Trace) -> Verdict:
    assert trace.deleted_at is not None
    is_final = trace.purged_at is not None or trace.purging_at is not None
    advice = "It cannot be brought back, and what is still sent of it is refused. Send it anew under another trace id."
    state = "purged" if trace.purged_at else "being purged" if trace.purging_at else "waiting to be purged"
    return Verdict(
        code="purged" if trace.purged_at else "deleted",
        level="warning",
        title="It was deleted",
        next_step=advice if is_final else "It can be restored for half a minute after it was deleted.",
        facts=[Fact(name="Deleted", value=_write(trace.deleted_at)), Fact(name="State", value=state)],
    )


def _describe_times(trace: Trace) -> Iterator[Verdict]:
    late = trace.created_at - trace.started_at
    if late < -SKEW_AFTER or trace.flags & EventFlag.TIME_SUSPECT:
        title = "Its clock is ahead of ours" if late < timedelta(0) else "Its time is far in the past"
        yield Verdict(
            code="clock_skew",
            level="warning",
            title=title,
            next_step="Set the sender's clock (NTP), and look for it in the list with a wider time range: the list is "
            "sorted by the sender's time.",
            facts=[
                Fact(name="Started, as it says", value=_write(trace.started_at)),
                Fact(name="First received", value=_write(trace.created_at)),
            ],
        )
    elif late > LATE_AFTER:
        yield Verdict(
            code="arrived_late",
            level="info",
            title="It arrived long after it started",
            next_step="Widen the time range of the list: it stands at the time it started, not at the top.",
            facts=[
                Fact(name="Started", value=_write(trace.started_at)),
                Fact(name="First received", value=_write(trace.created_at)),
            ],
        )


_ADVICE = {
    "invalid": "Correct the field that the reason names, and send it again.",
    "too_large": "Send smaller batches.",
    "own_traffic": "The client's own traffic with this server is left out on purpose.",
    "trace_deleted": "The trace was deleted; send it under another trace id.",
    "unstorable": "Correct the value that the reason names, and send it again.",
    "forbidden": "Use a key that may send data.",
}


def _describe_rejection(one: IngestRejection) -> Verdict:
    facts = [
        Fact(name="Reason", value=one.reason),
        Fact(name="When", value=_write(one.received_at)),
        Fact(name="Door", value=one.door),
        Fact(name="Place in its request", value=str(one.item_index)),
    ]
    if one.public_id:
        facts.append(Fact(name="Key", value=one.public_id))
    return Verdict(
        code="rejected",
        level="error",
        title="An item that named it was rejected",
        next_step=_ADVICE.get(one.code, "See the reason, correct it, and send the item again."),
        facts=facts,
    )


def _describe_key(key: ApiKey) -> Verdict:
    since = timezone.now().date() - timedelta(days=30)
    days = KeyDay.objects.filter(project_id=key.project_id, public_id=key.public_id, day__gte=since)
    counts: dict[str, int] = {}
    for code, items in days.values_list("code", "items"):
        counts[code] = counts.get(code, 0) + items
    code, level, title, next_step = _judge_key(key, counts)
    facts = [
        Fact(name="State", value=key.state),
        Fact(name="May", value=", ".join(key.scopes)),
        Fact(name="Last used", value=_write(key.last_used_at) if key.last_used_at else "never"),
        *(Fact(name=f"{name}, 30 days", value=f"{items:,}") for name, items in sorted(counts.items())),
    ]
    return Verdict(code=code, level=level, title=title, next_step=next_step, facts=facts, setting="keys")


def _judge_key(key: ApiKey, counts: dict[str, int]) -> tuple[str, Level, str, str]:
    if key.state != "active":
        return f"key_{key.state}", "error", f"This key is {key.state}", "Make a new key and put it in its place."
    if Scope.INGEST not in key.scopes:
        return "key_lacks_scope", "error", "This key may not send data", "Make a key with the scope “Send data”."
    if key.last_used_at is None:
        if counts.get("key_wrong_secret"):
            return (
                "key_wrong_secret",
                "error",
                "This key came with a wrong secret",
                "Copy the whole key again, or make a new one: the secret is shown once only.",
            )
        return (
            "key_unused",
            "warning",
            "This key was never used",
            "See that the application has the key and the address, and that it can reach this server.",
        )
    if not counts.get("accepted") and any(code not in _SENT_BY_NONE for code in counts):
        return "key_rejected", "error", "All that came with this key was rejected", "See the causes below."
    return "key_ok", "ok", "This key works", "Look for the trace by its own id."


def _find_elsewhere(project_id: int, names: list[str], user: User) -> Iterator[Verdict]:
    """Look in the person's other projects: primary key of `traces`, for each of them."""
    others = {one.project.pk: one.project for one in list_projects_for_user(user)[:_MOST_PROJECTS]}
    others.pop(project_id, None)
    query = Trace.objects.filter(project_id__in=list(others), trace_id__in=names, deleted_at=None)
    for trace in query.only("project_id", "trace_id")[:MOST_SHOWN]:
        project = others[trace.project_id]
        yield Verdict(
            code="wrong_project",
            level="warning",
            title=f"It is in another project of yours: {project}",
            next_step="It was sent with a key of that project. Open it there, or use a key of this project.",
            project=_name_project(project),
            trace_id=trace.trace_id,
        )


def _explain_nothing(project_id: int) -> Iterator[Verdict]:
    """Say what speaks for the sender not having reached us: keys that were refused, and when anything last came."""
    since = timezone.now().date() - timedelta(days=2)
    refused = KeyDay.objects.filter(
        Q(code__startswith="key_") | Q(code="forbidden"), project_id=project_id, day__gte=since
    )
    for one in refused.order_by("-last_at")[:MOST_SHOWN]:
        yield Verdict(
            code="key_refused",
            level="error",
            title="Requests with a key of this project were refused",
            next_step="Make a new key that may send data, and put it in its place.",
            facts=[
                Fact(name="Key", value=one.public_id),
                Fact(name="Cause", value=one.code.removeprefix("key_").replace("_", " ")),
                Fact(name="Requests", value=f"at least {one.items:,}"),
                Fact(name="Last", value=_write(one.last_at)),
            ],
            setting="keys",
        )
    newest = Trace.objects.filter(project_id=project_id, deleted_at=None).order_by("-started_at").first()
    yield Verdict(
        code="unknown",
        level="warning",
        title="Nothing here has this id",
        next_step="See that the id is whole and of this project, that the application flushes before it ends, and that "
        "its key and address are those of the quickstart. A test trace shows whether this side works.",
        facts=[Fact(name="Newest trace here", value=_write(newest.started_at) if newest else "none yet")],
        setting="quickstart",
    )


def _name_project(project: Project) -> str:
    return f"{project.organization.slug}/{project.slug}"


def _write(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
