"""The doors as a client meets them: keys, methods, formats, refusals, and what is stored."""

from __future__ import annotations

import asyncio
import base64
import gzip
import zlib
from typing import Any

import msgspec
import pytest
from asgiref.sync import sync_to_async
from django.conf import LazySettings
from django.db import connection
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from observability.ingest.door.application import IngestApplication, is_ingest_path
from observability.ingest.door.body import Budget, Limits
from observability.models import Project, Scope
from observability.services.keys import NewKey, create_key, revoke_key
from tests.ingest.door.conftest import LIMITS, SDK_PATH, Client, wait_until
from tests.ingest.sdk.batches import make_body, make_event, read_recorded

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
NOW_NS = 1_795_219_607_030_000_000
OTLP_PATHS = ["/v1/traces", "/v1/logs", "/v1/metrics", "/api/public/otel/v1/traces"]


def _make_export(*names: str) -> ExportTraceServiceRequest:
    export = ExportTraceServiceRequest()
    scope = export.resource_spans.add().scope_spans.add()
    for number, name in enumerate(names, start=1):
        scope.spans.add(
            trace_id=b"t" * 16,
            span_id=number.to_bytes(8, "big"),
            name=name,
            start_time_unix_nano=NOW_NS,
            end_time_unix_nano=NOW_NS + 1_000_000,
        )
    return export


def _make_logs() -> bytes:
    export = ExportLogsServiceRequest()
    record = export.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=NOW_NS, trace_id=b"t" * 16)
    record.body.string_value = "hello"
    return bytes(export.SerializeToString())


@sync_to_async
def _query(query: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


@pytest.mark.parametrize("path", [SDK_PATH, *OTLP_PATHS])
def test_is_ingest_path__a_door__with_or_without_a_slash(path: str) -> None:
    assert is_ingest_path(path)
    assert is_ingest_path(f"{path}/")


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/traces/1", "/api/observability/events/5/reruns", "//v1/traces"])
def test_is_ingest_path__any_other__false(path: str) -> None:
    assert not is_ingest_path(path)


# -- the SDK's door ----------------------------------------------------------------------------------------------------


async def test_sdk__recorded_run__committed_and_answered(client: Client) -> None:
    reply = await client.post(read_recorded("python_run"))

    assert reply.status == 202
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == {"success": True, "accepted": 14, "duplicates": 0, "rejected": []}
    assert await _query("SELECT count(*) FROM events") == [(14,)]


async def test_sdk__same_batch_again__duplicates(client: Client) -> None:
    await client.post(read_recorded("python_run"))

    reply = await client.post(read_recorded("python_run"))

    assert reply.json() == {"success": True, "accepted": 0, "duplicates": 14, "rejected": []}


async def test_sdk__session__seen_and_ended(client: Client) -> None:
    await client.post(read_recorded("python_run"))

    reply = await client.post(read_recorded("python_session_end"))

    assert reply.json() == {"success": True, "accepted": 2, "duplicates": 0, "rejected": []}
    rows = await _query("SELECT session_id, metadata->>'branch', ended_at IS NOT NULL FROM sdk_sessions")
    assert rows == [("support-desk-1", "main", True)]


async def test_sdk__bad_event_among_good__named_and_counted(client: Client) -> None:
    reply = await client.post(make_body(make_event(), make_event(id=2, timestamp="now"), make_event(id=3)))

    assert reply.status == 202
    assert reply.json() == {
        "success": True,
        "accepted": 2,
        "duplicates": 0,
        "rejected": [{"index": 1, "reason": 'timestamp: expected a number, got "now"'}],
    }
    assert await _query("SELECT code, items FROM ingest_counts ORDER BY code") == [("accepted", 2), ("invalid", 1)]


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"events":[{"type":"tool"'])
async def test_sdk__no_batch__answered_so_that_it_never_comes_again(client: Client, body: bytes, encoding: str) -> None:
    reply = await client.post(body, headers={"content-encoding": encoding} if encoding else {})

    assert reply.status == 202
    assert [item["index"] for item in reply.json()["rejected"]] == [0]
    assert await _query("SELECT sum(items) FROM ingest_counts WHERE code <> 'accepted'") == [(1,)]


async def test_sdk__its_own_traffic__counted_and_not_stored(client: Client) -> None:
    reply = await client.post(read_recorded("python_tail"), headers={"host": "127.0.0.1:4801"})

    assert [item["index"] for item in reply.json()["rejected"]] == [0]
    assert await _query("SELECT items FROM ingest_counts WHERE code = 'own_traffic'") == [(1,)]
    assert await _query("SELECT count(*) FROM events") == [(2,)]


async def test_sdk__secret_in_http_headers__not_stored(client: Client) -> None:
    await client.post(read_recorded("javascript"))

    rows = await _query("SELECT input_preview FROM events WHERE kind = 'http' ORDER BY started_at LIMIT 1")
    assert "Bearer abc" not in rows[0][0]


async def test_sdk__value_over_the_thread_threshold__stored_whole(client: Client) -> None:
    value = "a" * 600_000

    reply = await client.post(make_body(make_event(input=value)))

    assert reply.json()["accepted"] == 1
    assert await _query("SELECT input_bytes FROM events") == [(600_002,)]


async def test_sdk__metadata_postgres_refuses__session_stored(client: Client) -> None:
    reply = await client.post(make_body(make_event(), metadata={"branch": "a\0b"}))

    assert reply.json()["accepted"] == 1


# -- OTLP --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/traces", "/api/public/otel/v1/traces", "/v1/traces/"])
async def test_otlp__spans_in_protobuf__committed(client: Client, path: str) -> None:
    reply = await client.post(_make_export("a", "b").SerializeToString(), path=path, headers=PROTOBUF)

    assert (reply.status, reply.headers["content-type"], reply.body) == (200, "application/x-protobuf", b"")
    assert await _query("SELECT name FROM events ORDER BY name") == [("a",), ("b",)]


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_otlp__compressed__committed(client: Client, encoding: str, pack: Any) -> None:
    body = pack(_make_export("a").SerializeToString())

    reply = await client.post(body, path="/v1/traces", headers={**PROTOBUF, "content-encoding": encoding})

    assert reply.status == 200
    assert await _query("SELECT name FROM events") == [("a",)]


async def test_otlp__spans_in_json__committed(client: Client) -> None:
    span = {
        "traceId": "ab" * 16,
        "spanId": "cd" * 8,
        "name": "a",
        "startTimeUnixNano": str(NOW_NS),
        "endTimeUnixNano": str(NOW_NS + 1),
    }
    body = msgspec.json.encode({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})

    reply = await client.post(body, path="/v1/traces", headers={"content-type": "application/json; charset=utf-8"})

    assert (reply.status, reply.headers["content-type"], reply.json()) == (200, "application/json", {})


async def test_otlp__logs__committed(client: Client) -> None:
    reply = await client.post(_make_logs(), path="/v1/logs", headers=PROTOBUF)

    assert (reply.status, reply.body) == (200, b"")
    assert await _query("SELECT message FROM log_records") == [("hello",)]


async def test_otlp__bad_span_among_good__partial_success(client: Client) -> None:
    export = _make_export("a", "b")
    export.resource_spans[0].scope_spans[0].spans[1].start_time_unix_nano = 0

    reply = await client.post(export.SerializeToString(), path="/v1/traces", headers=PROTOBUF)

    partial = ExportTraceServiceResponse.FromString(reply.body).partial_success
    assert reply.status == 200
    assert partial.rejected_spans == 1
    assert "item 1" in partial.error_message


async def test_otlp__metrics__accepted_and_said_not_to_be_stored(client: Client) -> None:
    reply = await client.post(b"\x0a\x00", path="/v1/metrics", headers=PROTOBUF)

    assert reply.status == 200
    assert "not stored" in ExportMetricsServiceResponse.FromString(reply.body).partial_success.error_message


@pytest.mark.parametrize(("headers", "body"), [(PROTOBUF, b"\xff\xff"), (JSON, b"{")])
async def test_otlp__malformed__400_in_its_own_encoding(client: Client, headers: dict[str, str], body: bytes) -> None:
    reply = await client.post(body, path="/v1/traces", headers=headers)

    assert reply.status == 400
    assert reply.headers["content-type"] == headers["content-type"]
    assert await _query("SELECT door, code, items FROM ingest_counts") == [("otlp", "malformed", 1)]


async def test_otlp__corrupt_gzip__400(client: Client) -> None:
    reply = await client.post(b"plain", path="/v1/traces", headers={**PROTOBUF, "content-encoding": "gzip"})

    assert reply.status == 400


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/grpc"])
async def test_otlp__other_media_type__415(client: Client, content_type: str) -> None:
    reply = await client.post(b"x", path="/v1/traces", headers={"content-type": content_type} if content_type else {})

    assert reply.status == 415
    assert "application/x-protobuf" in reply.json()["message"]


async def test_otlp__no_body_at_all__an_empty_request(client: Client) -> None:
    replies = [await client.post(b"", path=path, headers=PROTOBUF) for path in OTLP_PATHS]

    assert [reply.status for reply in replies] == [200] * len(OTLP_PATHS)


# -- keys and heads ----------------------------------------------------------------------------------------------------


def _basic(key: str) -> str:
    return "Basic " + base64.b64encode(key.replace(".", ":", 1).encode()).decode()


@pytest.mark.parametrize(
    ("path", "status"), [(SDK_PATH, 202), ("/v1/traces", 200), ("/api/public/otel/v1/traces", 200)]
)
async def test_any_door__key_in_any_form__let_in(client: Client, path: str, status: int) -> None:
    forms = [
        {"api-key": client.key},
        {"x-api-key": client.key},
        {"authorization": f"Bearer {client.key}"},
        {"authorization": _basic(client.key)},
    ]

    replies = [await client.post(b"", path=path, headers={**PROTOBUF, **form}, authenticate=False) for form in forms]

    assert [reply.status for reply in replies] == [status] * len(forms)


NO_GOOD_KEYS = [{}, {"api-key": "ed_wrong.key"}, {"authorization": "Basic ?"}, {"api-key": "\xe9"}]


@pytest.mark.parametrize("path", [SDK_PATH, *OTLP_PATHS])
async def test_any_door__no_good_key__401_before_the_body(client: Client, path: str) -> None:
    pieces = [b"x" * 1000] * 1000

    replies = [
        await client.post(pieces, path=path, headers={**JSON, **headers}, authenticate=False)
        for headers in NO_GOOD_KEYS
    ]

    assert [(reply.status, reply.headers["content-type"], reply.received) for reply in replies] == [
        (401, "application/json", 0)
    ] * len(NO_GOOD_KEYS)


async def test_any_door__wrong_key_of_a_protobuf_sender__401_in_protobuf(client: Client) -> None:
    reply = await client.post(b"", path="/v1/traces", headers={**PROTOBUF, "api-key": "ed_wrong.key"})

    assert (reply.status, reply.headers["content-type"]) == (401, "application/x-protobuf")


async def test_any_door__revoked_key__401(client: Client, api_key: NewKey) -> None:
    await sync_to_async(revoke_key)(key=api_key.key)

    assert (await client.post(make_body())).status == 401


@pytest.mark.parametrize(("path", "field"), [(SDK_PATH, "detail"), ("/v1/traces", "message")])
async def test_any_door__key_without_the_scope__403_that_names_it(
    client: Client, project: Project, path: str, field: str
) -> None:
    reader = await sync_to_async(create_key)(project=project, name="Reader", scopes=[Scope.READ])

    reply = await client.post(b"{}", path=path, headers={**JSON, "api-key": reader.text})

    assert reply.status == 403
    assert "ingest" in reply.json()[field]


@pytest.mark.parametrize("path", [SDK_PATH, *OTLP_PATHS])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_any_door__other_method__405(application: IngestApplication, path: str, method: str) -> None:
    reply = await Client(application, "").post(b"", path=path, method=method)

    assert (reply.status, reply.headers["allow"]) == (405, "POST")


async def test_any_door__unknown_encoding__415_with_those_understood(client: Client) -> None:
    reply = await client.post(b"x", headers={"content-encoding": "zstd"})

    assert (reply.status, reply.headers["accept-encoding"]) == (415, "gzip, deflate")


# -- bounds ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "headers"), [(SDK_PATH, JSON), ("/v1/traces", PROTOBUF)])
async def test_any_door__declared_too_large__413_unread_and_closed(
    client: Client, path: str, headers: dict[str, str]
) -> None:
    reply = await client.post(b"x", path=path, headers={**headers, "content-length": str(2**30)})

    assert reply.status == 413
    assert reply.headers["connection"] == "close"
    assert reply.received == 0
    assert await _query("SELECT code, items FROM ingest_counts") == [("too_large", 1)]


async def test_any_door__endless_body__413_at_the_limit(client: Client) -> None:
    piece = bytes(2**20)

    reply = await client.post(piece for _ in range(1024))

    assert reply.status == 413
    assert reply.received == 65
    assert client.application.budget.held == 0


async def test_any_door__bomb__413_at_the_limit(client: Client) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(80)) + packer.flush()

    reply = await client.post(bomb, headers={"content-encoding": "gzip"})

    assert reply.status == 413
    assert client.application.budget.held == 0


async def test_any_door__budget_spent__503_and_room_again_afterwards(client: Client, api_key: NewKey) -> None:
    crowded = Client(IngestApplication(limits=LIMITS, budget=Budget(10_000)), api_key.text)
    rest = asyncio.Event()
    slow = asyncio.create_task(crowded.post([b"x" * 9_000, rest, b"x"]))
    await wait_until(lambda: crowded.application.budget.held == 9_000)

    refused = await crowded.post(make_body(make_event(input="a" * 2_000)))
    rest.set()
    await slow
    taken = await crowded.post(make_body(make_event(input="a" * 2_000)))

    assert (refused.status, refused.headers["retry-after"]) == (503, "1")
    assert taken.status == 202


async def test_any_door__silent_client__408(client: Client, api_key: NewKey) -> None:
    limits = Limits(wire_bytes=1000, body_bytes=1000, idle_seconds=0.05)
    impatient = Client(IngestApplication(limits=limits, budget=Budget(10_000)), api_key.text)

    reply = await impatient.post([b"{", 5.0, b"}"])

    assert reply.status == 408


async def test_any_door__client_goes_mid_body__nothing_sent_nothing_held(client: Client) -> None:
    reply = await client.post([b"x" * 1000, None])

    assert reply.status == 0
    assert client.application.budget.held == 0


async def test_any_door__full_queue__503_with_retry_after(client: Client, settings: LazySettings) -> None:
    settings.INGEST_QUEUE_BYTES = -1

    replies = [
        await client.post(make_body(make_event())),
        await client.post(_make_export("a").SerializeToString(), path="/v1/traces", headers=PROTOBUF),
    ]

    assert [(reply.status, reply.headers["retry-after"]) for reply in replies] == [(503, "1"), (503, "1")]
    assert await _query("SELECT count(*) FROM events") == [(0,)]
