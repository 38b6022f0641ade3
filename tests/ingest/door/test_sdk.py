"""What the SDK's door makes of a batch's session and of the request's host."""

from __future__ import annotations

import time

import pytest
from django.conf import LazySettings

from observability.ingest.door.sdk import METADATA_LIMIT, find_own_hosts, make_session_update
from observability.ingest.sdk import SdkBatch, decode_events
from tests.ingest.sdk.batches import TIMESTAMP_MS, make_body, make_event

LATER_US = (TIMESTAMP_MS + 10**9) * 1000


@pytest.fixture(autouse=True)
def _at_a_known_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: LATER_US * 1000)


def _decode(*events: object, **batch: object) -> SdkBatch:
    return decode_events(make_body(*events, **batch))


def _beat(timestamp_ms: int) -> dict[str, object]:
    return make_event(id=0, type="workflow", name="__heartbeat__", timestamp=timestamp_ms)


def test_make_session_update__heartbeat__seen_when_it_was_sent() -> None:
    update = make_session_update(_decode(_beat(TIMESTAMP_MS)))

    assert update is not None
    assert update.seen_at_us == TIMESTAMP_MS * 1000


@pytest.mark.parametrize("events", [[], [_beat(TIMESTAMP_MS + 10**11)]])
def test_make_session_update__none_or_a_fast_clock__seen_now(events: list[object]) -> None:
    update = make_session_update(_decode(*events))

    assert update is not None
    assert update.seen_at_us == LATER_US


def test_make_session_update__no_session__nothing() -> None:
    assert make_session_update(_decode(make_event(), sessionId=None)) is None


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [
        ({"branch": "main"}, {"branch": "main"}),
        ({"branch": "a\0b"}, {"branch": "a\N{REPLACEMENT CHARACTER}b"}),
        ({"branch": "a" * METADATA_LIMIT}, {}),
        (["main"], {}),
        (None, {}),
    ],
)
def test_make_session_update__metadata__kept_if_postgres_can(metadata: object, kept: dict[str, str]) -> None:
    update = make_session_update(_decode(metadata=metadata))

    assert update is not None
    assert update.metadata == kept


def test_find_own_hosts__host_header_and_public_address(settings: LazySettings) -> None:
    settings.PUBLIC_URL = "https://Playhead.example:443"

    assert find_own_hosts("localhost:8000") == {"localhost:8000", "playhead.example"}
    assert find_own_hosts("") == {"playhead.example"}
