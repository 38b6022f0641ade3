"""What came with a key, and what was refused because of it, is counted for the project that has the key."""

from __future__ import annotations

from observability.ingest.writer import Writer
from observability.models import ApiKey, IngestRejection, KeyDay, Project
from observability.services.keys import NewKey, forget_keys
from tests.ingest.door.conftest import Client
from tests.records import make_decoded, make_event


async def test_door__keys_refused_and_items_rejected__are_remembered_by_key(
    client: Client, project: Project, api_key: NewKey, writer: Writer
) -> None:
    public_id = api_key.key.public_id
    batch = b'{"sessionId": "s", "events": [{"id": 1, "traceId": "t-bad", "timestamp": 1}]}'
    assert (await client.post(batch)).status == 202
    await writer.write(project_id=project.pk, decoded=make_decoded(make_event("t-1")), door="sdk", public_id=public_id)
    wrong = f"{public_id}.{'0' * 48}"
    assert (await client.post(b"{}", headers={"api-key": wrong})).status == 401
    assert (await client.post(b"{}", headers={"api-key": wrong})).status == 401

    days = {day.code: day.items async for day in KeyDay.objects.filter(project_id=project.pk, public_id=public_id)}
    assert days == {"invalid": 1, "accepted": 1, "key_wrong_secret": 1}
    rejection = await IngestRejection.objects.aget(code="invalid")
    assert (rejection.trace_id, rejection.public_id) == ("t-bad", public_id)
    await ApiKey.objects.filter(pk=api_key.key.pk).aupdate(scopes=["read"])
    forget_keys()
    assert (await client.post(b"{}")).status == 403
    assert await KeyDay.objects.filter(code="forbidden", public_id=public_id).aexists()
