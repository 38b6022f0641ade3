"""The SDK's door: `POST /api/observability/events` (contract `sdk-rerun.md` B1.2, B6.2).

The client takes any status below 400 for success and sends again for ever what is answered with another, except 402.
So whatever could be read is answered 202 with what became of each event, a body that is no batch included:
`success` says that the request was dealt with and need not come again, `rejected` what was not stored and why.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from django.conf import settings

from observability.ingest.door.body import CorruptError
from observability.ingest.door.exchange import Answer, Delivery, RefusalError, Request
from observability.ingest.records import Rejected, WriteResult
from observability.ingest.sdk import SdkBatch, decode_events
from observability.ingest.sdk.own_traffic import normalise_host
from observability.ingest.sessions import SessionUpdate
from observability.ingest.text import clean_value, decode_json

JSON = "application/json"
METADATA_LIMIT = 16 * 2**10
"""Bytes of metadata kept on the session; what the events refer to keeps all of it."""


class SdkDoor:
    """Decodes batches, and words answers for the SDK."""

    name = "sdk"

    def check(self, request: Request) -> None:
        """Accept any media type: the path says what the body is."""

    def decode(self, request: Request, body: bytes) -> Delivery:
        """Return what a body holds. Never raises for what a sender wrote."""
        batch = decode_events(body, own_hosts=find_own_hosts(request.header(b"host")))
        return Delivery(decoded=batch.decoded, session=make_session_update(batch), control_count=batch.control_count)

    def answer(self, request: Request, delivery: Delivery, result: WriteResult) -> Answer:
        """Return 202 with what became of each event; heartbeats and session ends count as accepted."""
        return _answer_202(
            accepted=result.accepted + delivery.control_count,
            duplicates=result.duplicates,
            rejected=result.rejected,
            reply=delivery.reply,
        )

    def refuse(self, request: Request, refusal: RefusalError) -> Answer:
        """Return an error the client may send again after, or 202 for what it must not send again."""
        if isinstance(refusal, CorruptError):
            return _answer_202(accepted=0, duplicates=0, rejected=(Rejected(index=0, reason=f"body: {refusal}"),))
        content = {"success": False, "code": refusal.code, "detail": str(refusal)}
        return Answer(
            status=refusal.status, body=msgspec.json.encode(content), content_type=JSON, headers=refusal.headers
        )


def find_own_hosts(host: str) -> frozenset[str]:
    """Return the names a client of this request reaches this server by: the one it used, and the public one."""
    public = urlsplit(settings.PUBLIC_URL).netloc
    return frozenset(normalise_host(name) for name in (host, public) if name)


def make_session_update(batch: SdkBatch) -> SessionUpdate | None:
    """Return what a batch says about its session. One without heartbeats was seen now, and none is seen later."""
    if batch.session_id is None:
        return None
    now_us = time.time_ns() // 1000
    is_kept = batch.metadata is not None and len(batch.metadata) <= METADATA_LIMIT
    metadata = clean_value(decode_json(batch.metadata)) if batch.metadata and is_kept else {}
    return SessionUpdate(
        session_id=batch.session_id,
        seen_at_us=min(batch.heartbeat_at_us or now_us, now_us),
        ended_at_us=batch.ended_at_us,
        metadata=metadata if isinstance(metadata, dict) else {},
    )


def _answer_202(
    *, accepted: int, duplicates: int, rejected: tuple[Rejected, ...], reply: Mapping[str, Any] | None = None
) -> Answer:
    content = {
        **(reply or {}),
        "success": True,
        "accepted": accepted,
        "duplicates": duplicates,
        "rejected": [{"index": item.index, "reason": item.reason} for item in rejected],
    }
    return Answer(status=202, body=msgspec.json.encode(content), content_type=JSON)
