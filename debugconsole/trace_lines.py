"""What extensions printed during a trace, for its Log tab.

A look of a moment: bounded to the trace's time and to what streams still hold, decided, written down and redacted like
any other. A trace that is older than lines are kept costs nothing but that comparison; one whose extensions said
nothing of it, a round trip, and nobody is said to have watched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import structlog
from redis.exceptions import RedisError

from debugconsole.models import Extension
from debugconsole.readers.backfill import oldest_shown_ms
from debugconsole.selectors.extensions import list_extensions
from debugconsole.selectors.policy import Ask, decide_many
from debugconsole.selectors.streams import get_stream_key, make_sync_client
from debugconsole.services.sessions import Viewer, Wish, end_session, open_session, record_progress
from debugconsole.viewing import make_source
from debugconsole.wire.envelope import EndReason
from debugconsole.wire.lines import EntryId, parse_entry_id
from debugconsole.wire.prepare import Prepared, Preparer
from observability.errors import NotFoundError, ObservabilityError
from observability.ingest.redaction import InvalidRedactionRuleError, RedactionRules
from observability.selectors.shapes import TraceSummary
from observability.services.policies import load_policy

log = structlog.get_logger(__name__)

MOST_EXTENSIONS = 10
MOST_READ = 2_000
"""Entries of one stream, the oldest of the trace's time: as many as runners keep."""
MOST_LINES = 500
SLACK = timedelta(seconds=5)
"""A line may be printed a little before its trace begins, by another clock, and flushed after it."""

Entry = tuple[EntryId, list[bytes]]


@dataclass(slots=True)
class TraceLines:
    """Lines of a trace by time. `problems` says of which extensions they could not be had, and why."""

    found: list[tuple[Extension, Prepared]] = field(default_factory=list)
    is_cut: bool = False
    problems: list[str] = field(default_factory=list)


def read_trace_lines(*, viewer: Viewer, project_id: int, trace: TraceSummary) -> TraceLines:
    """Return what the person may see of what was printed for a trace: by its id, and by requests that named it."""
    answer = TraceLines()
    start_ms = max(_to_ms(trace.started_at - SLACK), oldest_shown_ms())
    end_ms = _to_ms(trace.ended_at + SLACK) if trace.ended_at else None
    if end_ms is not None and end_ms < start_ms:
        return answer
    extensions = list(islice(_list_allowed(viewer, project_id), MOST_EXTENSIONS))
    try:
        streams = _read(extensions, start_ms, end_ms)
    except (RedisError, OSError):
        answer.problems.append("The server of the streams does not answer.")
        return answer
    names = {name.encode() for name in (trace.trace_id, trace.correlation_id) if name}
    for extension, entries in zip(extensions, streams, strict=True):
        own = _choose(entries, names)
        if own:
            _show(answer, viewer, extension, own, trace)
    answer.found.sort(key=lambda item: item[1].id)
    return answer


def _list_allowed(viewer: Viewer, project_id: int) -> Iterator[Extension]:
    extensions = list(list_extensions(project_id))
    decisions = decide_many([Ask(viewer.user, extension) for extension in extensions])
    return (one for one, decision in zip(extensions, decisions, strict=True) if decision.is_allowed)


def _read(extensions: list[Extension], start_ms: int, end_ms: int | None) -> list[list[Entry]]:
    """Return each stream's entries of a time, oldest first. One round trip."""
    if not extensions:
        return []
    client = make_sync_client()
    pipe: Any
    try:
        with client.pipeline(transaction=False) as pipe:
            for extension in extensions:
                until = "+" if end_ms is None else end_ms
                pipe.execute_command("XRANGE", get_stream_key(extension), start_ms, until, "COUNT", MOST_READ)
            answers = pipe.execute()
    finally:
        client.close()
    return [[(parse_entry_id(entry_id), pairs or []) for entry_id, pairs in answer] for answer in answers]


def _choose(entries: list[Entry], names: set[bytes]) -> list[Entry]:
    """Return the entries that name the trace, or a request that one of those names. By raw bytes: most are not read."""
    requests = set(names)
    for _, pairs in entries:
        said = _fields_of(pairs)
        if said.get(b"trace") in names and b"request" in said:
            requests.add(said[b"request"])
    return [
        (entry_id, pairs)
        for entry_id, pairs in entries
        if (said := _fields_of(pairs)).get(b"trace") in names or said.get(b"request") in requests
    ]


def _fields_of(pairs: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(pairs[::2], pairs[1::2], strict=False))


def _show(answer: TraceLines, viewer: Viewer, extension: Extension, entries: list[Entry], trace: TraceSummary) -> None:
    """Add an extension's lines, after it is written down who looks; what is in the way is said instead."""
    wish = Wish(tail=0, reason=f"Log of trace {trace.trace_id}"[:300])
    try:
        session = open_session(viewer=viewer, extension=extension, wish=wish).session
    except ObservabilityError as error:
        answer.problems.append(f"{extension}: {error}")
        return
    preparer = Preparer(make_source(session), _load_rules(extension.project_id))
    items = [preparer.prepare(entry_id, pairs, 0, profile=session.redaction_profile) for entry_id, pairs in entries]
    shown = [item for item in items if isinstance(item, Prepared)]
    kept = shown[-MOST_LINES:]
    answer.found += [(extension, item) for item in kept]
    answer.is_cut |= len(kept) < len(shown) or len(entries) == MOST_READ
    dropped: dict[str, int] = {}
    for item in items:
        if not isinstance(item, Prepared):
            dropped[str(item.cause)] = dropped.get(str(item.cause), 0) + 1
    counts = {"produced": len(items), "delivered": len(kept), "filtered": len(shown) - len(kept)}
    record_progress(session_id=session.pk, counts=counts, dropped=dropped, is_attached=False)
    end_session(session_id=session.pk, reason=EndReason.CLOSED)


def _load_rules(project_id: int) -> RedactionRules | None:
    """Return a project's rules; None when they cannot be used, and so every line is withheld."""
    try:
        return load_policy(project_id).rules
    except (NotFoundError, InvalidRedactionRuleError) as error:
        log.warning("debug.rules_unknown", project_id=project_id, error=str(error))
        return None


def _to_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
