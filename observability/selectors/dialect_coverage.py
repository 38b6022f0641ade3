"""Which attributes did we understand? Read from the newest events, because nothing is stored about it.

A sample: the newest `MOST_EVENTS` OpenTelemetry events of the newest `MOST_TRACES` traces, within a time budget. What
is shown of values is what was stored, so it is redacted already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
from django.db.models import Q

from observability.ingest.otlp.coverage import explain_keys, sort_keys
from observability.ingest.otlp.moved import restore_attributes
from observability.ingest.payloads import read_blob_reference, unpack
from observability.models import Event, Payload, Resource, Trace
from observability.selectors.budget import Budget, OutOfTimeError

BUDGET_SECONDS = 2.0
MOST_TRACES = 40
MOST_EVENTS = 400
_MOST_BYTES = 64 * 1024
_EXAMPLE_LENGTH = 120
_SAMPLES_TO_EXPLAIN = 3


@dataclass(slots=True)
class KeyUse:
    """One attribute name in a group: how often it came, what it became, and an example."""

    key: str
    events: int = 0
    becomes: tuple[str, ...] = ()
    example: str = ""
    trace_id: str = ""


@dataclass(slots=True)
class CoverageGroup:
    """Events of one dialect from one instrumentation scope."""

    dialect: str
    scope: str
    version: str
    events: int = 0
    understood: list[KeyUse] = field(default_factory=list)
    not_understood: list[KeyUse] = field(default_factory=list)

    @property
    def percent(self) -> int:
        """Return how much of the attributes, by how often they came, was understood."""
        known = sum(use.events for use in self.understood)
        all_ = known + sum(use.events for use in self.not_understood)
        return known * 100 // all_ if all_ else 100


@dataclass(slots=True)
class CoverageSample:
    """What the newest events say."""

    groups: list[CoverageGroup] = field(default_factory=list)
    events: int = 0
    is_partial: bool = False


@dataclass(slots=True)
class _Tally:
    """What is counted of one group while its events are read."""

    group: CoverageGroup
    uses: dict[str, KeyUse] = field(default_factory=dict)
    meanings: dict[str, tuple[str, ...]] = field(default_factory=dict)


def get_coverage(project_id: int) -> CoverageSample:
    """Return the sample by dialect and scope, the most frequent first. Four queries.

    `traces_newest` leads to the traces, primary keys to the rest.
    """
    sample = CoverageSample()
    tallies: dict[tuple[str, bytes], _Tally] = {}
    try:
        with Budget(BUDGET_SECONDS).spend():
            for event, attributes, scope in _read_sample(project_id):
                _count(tallies, event, attributes, scope)
                sample.events += 1
    except OutOfTimeError:
        sample.is_partial = True
    sample.groups = sorted((_finish(tally) for tally in tallies.values()), key=lambda group: -group.events)
    return sample


def _read_sample(project_id: int) -> list[tuple[dict[str, Any], dict[str, object], dict[str, Any]]]:
    traces = Trace.objects.filter(project_id=project_id, deleted_at=None, source="otlp").order_by("-started_at")
    newest = list(traces.values_list("trace_id", "started_at")[:MOST_TRACES])
    if not newest:
        return []
    since = min(at for _, at in newest)
    ids = [trace_id for trace_id, _ in newest]
    place = Q(project_id=project_id, trace_id__in=ids, started_at__gte=since)
    columns = ("trace_id", "started_at", "span_id", "name", "dialect", "resource_hash")
    events = list(Event.objects.filter(place, source="otlp").order_by("-started_at").values(*columns)[:MOST_EVENTS])
    payloads = _load_payloads(place, events)
    hashes = {bytes(event["resource_hash"]) for event in events if event["resource_hash"] is not None}
    scopes = _load_scopes(project_id, hashes)
    return [
        (event, payloads.get((event["trace_id"], event["span_id"]), {}), scopes.get(_digest(event), {}))
        for event in events
    ]


def _digest(event: dict[str, Any]) -> bytes:
    return bytes(event["resource_hash"] or b"")


def _load_payloads(place: Q, events: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, object]]:
    """Return the attributes of events as they were sent, by trace and span."""
    spans = [event["span_id"] for event in events]
    rows = Payload.objects.filter(place, span_id__in=spans).values_list(
        "trace_id", "span_id", "attributes", "input", "output"
    )
    found: dict[tuple[str, str], dict[str, object]] = {}
    for trace_id, span_id, *values in rows:
        attributes, given, produced = (_open(value) for value in values)
        found[trace_id, span_id] = restore_attributes(attributes, given=given, produced=produced)
    return found


def _open(stored: Any) -> bytes | None:
    """Return a stored value, None for one that is too large to be looked at here."""
    if stored is None or len(stored) > _MOST_BYTES or read_blob_reference(bytes(stored)) is not None:
        return None
    return unpack(bytes(stored))


def _load_scopes(project_id: int, hashes: set[bytes]) -> dict[bytes, dict[str, Any]]:
    rows = Resource.objects.filter(project_id=project_id, hash__in=hashes).values_list("hash", "attributes")
    found: dict[bytes, dict[str, Any]] = {}
    for digest, stored in rows:
        content = msgspec.json.decode(_open(stored) or b"{}")
        scope = content.get("scope") if isinstance(content, dict) else None
        found[bytes(digest)] = scope if isinstance(scope, dict) else {}
    return found


def _count(
    tallies: dict[tuple[str, bytes], _Tally],
    event: dict[str, Any],
    attributes: dict[str, object],
    scope: dict[str, Any],
) -> None:
    name, version = str(scope.get("name") or ""), str(scope.get("version") or "")
    key = (event["dialect"] or "", f"{name}\x00{version}".encode())
    tally = tallies.get(key)
    if tally is None:
        tally = tallies[key] = _Tally(CoverageGroup(dialect=event["dialect"] or "", scope=name, version=version))
    tally.group.events += 1
    if tally.group.events <= _SAMPLES_TO_EXPLAIN:
        for attribute, becomes in explain_keys(event["name"], attributes).items():
            known = tally.meanings.get(attribute, ())
            tally.meanings[attribute] = tuple(dict.fromkeys((*known, *becomes)))
    for attribute, value in attributes.items():
        use = tally.uses.setdefault(attribute, KeyUse(attribute))
        use.events += 1
        if not use.example:
            use.example, use.trace_id = _write_example(value), event["trace_id"]


def _write_example(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _EXAMPLE_LENGTH else f"{text[: _EXAMPLE_LENGTH - 1]}…"


def _finish(tally: _Tally) -> CoverageGroup:
    group = tally.group
    coverage = sort_keys(group.dialect or None, tally.uses)
    for names, uses in ((coverage.understood, group.understood), (coverage.not_understood, group.not_understood)):
        for name in names:
            use = tally.uses[name]
            use.becomes = tally.meanings.get(name, ())
            uses.append(use)
        uses.sort(key=lambda use: (-use.events, use.key))
    return group
