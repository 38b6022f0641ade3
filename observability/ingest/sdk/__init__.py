"""The SDK's batch format: `POST /api/observability/events` (contract `sdk-rerun.md` B1.1 to B1.3, B6).

    {"sessionId": text, "events": [event, ...], "metadata"?: {"branch": text, ...}, "runId"?: text}

`runId`, of the batch or of one event, is the id of the run config that an event is of a rerun of.

`decode_events` turns the bytes of one request into records; `parse_trace_id` reads the ids the client makes.
"""

from observability.ingest.sdk.batch import SdkBatch, decode_events
from observability.ingest.sdk.trace_ids import UNKNOWN_WORKFLOW, TraceIdParts, parse_trace_id

__all__ = ["UNKNOWN_WORKFLOW", "SdkBatch", "TraceIdParts", "decode_events", "parse_trace_id"]
