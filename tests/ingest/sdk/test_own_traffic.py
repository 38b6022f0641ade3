"""Telling the client's talk with this server from the application's own calls."""

from __future__ import annotations

import msgspec
import pytest

from observability.ingest.sdk.own_traffic import is_own_traffic, normalise_host

OWN = frozenset({"playhead.example", "localhost:8000"})


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000/api/observability/events/58/reruns",
        "https://playhead.example/api/observability/events",
        "https://PLAYHEAD.example:443/api/trace-events",
        "http://playhead.example:80/v1/traces",
        "https://user:secret@playhead.example/socket.io/?EIO=4",
        "https://playhead.example/api/portal/results/7",
        "https://playhead.example/api/run-configs/7",
    ],
)
def test_is_own_traffic__route_of_this_server__true(url: str) -> None:
    assert is_own_traffic(msgspec.json.encode({"method": "POST", "url": url}), OWN)


@pytest.mark.parametrize(
    "given",
    [
        {"url": "https://playhead.example/v1/chat/completions"},
        {"url": "https://playhead.example/api/observability-board"},
        {"url": "https://playhead.example:8443/v1/traces"},
        {"url": "https://other.example/api/observability/events"},
        {"url": "https://other.example/?next=playhead.example/v1/traces"},
        {"url": "http://[broken/v1/traces"},
        {"url": 7},
        {"method": "GET"},
        "http://localhost:8000/v1/traces",
        None,
    ],
)
def test_is_own_traffic__anything_else__false(given: object) -> None:
    assert not is_own_traffic(msgspec.json.encode(given), OWN)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("Playhead.Example", "playhead.example"),
        ("playhead.example:443", "playhead.example"),
        ("[::1]:80", "[::1]"),
        ("[::1]:8000", "[::1]:8000"),
        ("localhost:8080", "localhost:8080"),
    ],
)
def test_normalise_host__implied_port__dropped(host: str, expected: str) -> None:
    assert normalise_host(host) == expected
