"""Prompts: their text, and the texts they had before.

A prompt is known by the SHA-256 of its system text, so each text is a step of its own. Steps that senders gave one name
are versions of one prompt; those without a name are taken together by their workflow and, where it is known, by the
agent that uses them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Sum

from observability.errors import InvalidError, NotFoundError
from observability.ingest.otlp.chat import SYSTEM_ROLES, join_text
from observability.ingest.otlp.messages import Message
from observability.ingest.text import hash_prompt
from observability.models import Step, StepHour
from observability.models.steps import StepKind
from observability.selectors.event_details import get_event_messages
from observability.selectors.shapes import format_usd
from observability.selectors.step_shapes import PromptHistory, PromptText, PromptVersion
from observability.selectors.steps import select_calls
from observability.selectors.traces import get_trace
from observability.services.blobs import BlobMissingError

MOST_VERSIONS = 50
# How `ingest/step_figures.py` calls a prompt that came without a name.
_UNNAMED = "prompt "
_NO_CALL = (None, None)
_PLACE: tuple[Any, ...] = ("trace_id", "span_id")


def get_prompt_text(project_id: int, step: Step) -> PromptText:
    """Return the text of a prompt as its newest call holds it, redacted. About eight queries, all by key.

    Raises `NotFoundError` for a step that is no prompt.
    """
    _require_prompt(step)
    newest = select_calls(project_id, step, since=None, until=None).order_by("-started_at")
    row: dict[str, Any] | None = newest.values(*_PLACE).first()
    if row is None:
        return PromptText(key=step.key, text=None, is_redacted=False, trace_id=None, span_id=None)
    text = _find_text(_read_messages(project_id, row["trace_id"], row["span_id"]), step.key)
    is_redacted = text is not None and hash_prompt(text) != step.key
    return PromptText(
        key=step.key, text=text, is_redacted=is_redacted, trace_id=row["trace_id"], span_id=row["span_id"]
    )


def _read_messages(project_id: int, trace_id: str, span_id: str) -> list[Message]:
    try:
        return get_event_messages(project_id, get_trace(project_id, trace_id), span_id).items
    except (InvalidError, BlobMissingError):
        return []


def _find_text(messages: list[Message], key: str) -> str | None:
    """Return the system text that has this hash; where redaction changed it, the first system text."""
    texts = [join_text(message.parts) or "" for message in messages if message.role in SYSTEM_ROLES]
    found = next((text for text in texts if hash_prompt(text) == key), None)
    return found if found is not None else next(iter(texts), None)


def list_prompt_versions(
    project_id: int, step: Step, *, since: datetime | None = None, until: datetime | None = None
) -> PromptHistory:
    """Return the texts of a prompt, the newest first seen first, up to `MOST_VERSIONS`. Three queries by key.

    Figures cover the whole hours of the asked time. Raises `NotFoundError` for a step that is no prompt.
    """
    _require_prompt(step)
    is_named = not _is_unnamed(step)
    alike = Step.objects.filter(project_id=project_id, kind=StepKind.PROMPT)
    if is_named:
        alike = alike.filter(name=step.name)
    else:
        alike = alike.filter(workflow_name=step.workflow_name, name__startswith=_UNNAMED)
    found = list(alike.order_by("-first_seen_at", "key")[: MOST_VERSIONS + 1])
    newest = _find_newest(project_id, [one.key for one in found])
    agent_name = None if is_named else newest.get(step.key, _NO_CALL)[1]
    steps = [one for one in found if not agent_name or newest.get(one.key, _NO_CALL)[1] == agent_name][:MOST_VERSIONS]
    figures = _sum_figures(project_id, [one.key for one in steps], since, until)
    return PromptHistory(
        basis="name" if is_named else "agent" if agent_name else "workflow",
        agent_name=agent_name,
        items=[_make_version(one, figures.get(one.key, {}), newest.get(one.key, _NO_CALL)[0]) for one in steps],
        is_more=len(found) > MOST_VERSIONS,
    )


def _is_unnamed(step: Step) -> bool:
    return step.name == f"{_UNNAMED}{step.key[:8]}"


def _require_prompt(step: Step) -> None:
    if step.kind != StepKind.PROMPT:
        raise NotFoundError("Only prompts have a text and versions.")


def _sum_figures(
    project_id: int, keys: list[str], since: datetime | None, until: datetime | None
) -> dict[str, dict[str, Any]]:
    hours = StepHour.objects.filter(project_id=project_id, kind=StepKind.PROMPT, key__in=keys)
    if since is not None:
        hours = hours.filter(hour__gte=since.replace(minute=0, second=0, microsecond=0))
    if until is not None:
        hours = hours.filter(hour__lt=until)
    names = ("calls", "errors", "cost_micros", "duration_ms")
    return {row["key"]: dict(row) for row in hours.values("key").annotate(**{name: Sum(name) for name in names})}


def _find_newest(project_id: int, keys: list[str]) -> dict[str, tuple[str | None, str | None]]:
    """Return version label and agent of each text's newest call. Along `events_by_step`, one row a text."""
    with connection.cursor() as cursor:
        cursor.execute(_NEWEST, [keys, project_id])
        return {key: (label, agent_name) for key, label, agent_name in cursor}


_NEWEST = """
SELECT wanted.key, newest.prompt_version, newest.agent_name
FROM unnest(%s::text[]) AS wanted (key) CROSS JOIN LATERAL (
    SELECT prompt_version, agent_name FROM events
    WHERE project_id = %s AND kind = 'ai' AND prompt_hash IS NOT NULL
        AND (CASE WHEN kind = 'tool' THEN coalesce(nullif(tool_name, ''), name) ELSE prompt_hash END) = wanted.key
    ORDER BY started_at DESC LIMIT 1
) AS newest
"""


def _make_version(step: Step, figures: dict[str, Any], label: str | None) -> PromptVersion:
    calls = figures.get("calls") or 0
    errors = figures.get("errors") or 0
    cost_micros = figures.get("cost_micros") or None
    return PromptVersion(
        key=step.key,
        name=step.name,
        label=label,
        first_seen_at=step.first_seen_at,
        calls=calls,
        errors=errors,
        error_rate=errors / calls if calls else None,
        mean_duration_ms=figures["duration_ms"] / calls if calls else None,
        cost_micros=cost_micros,
        cost_usd=format_usd(cost_micros),
    )
