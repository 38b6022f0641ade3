"""The stand-in over HTTP."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterator

import httpx
import pytest

from demo.catalogue import build_shop
from demo.model_server import build_application

REQUEST = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}


def _connect(*, seed: int = 0, failure_share: float = 0.0) -> httpx.AsyncClient:
    application = build_application(seed=seed, failure_share=failure_share)
    transport = httpx.ASGITransport(app=application)
    return httpx.AsyncClient(transport=transport, base_url="http://stand-in")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with _connect() as connected:
        yield connected


async def _collect_statuses(*, seed: int) -> list[int]:
    async with _connect(seed=seed, failure_share=0.5) as connected:
        return [(await connected.post("/v1/chat/completions", json=REQUEST)).status_code for _ in range(20)]


async def test_chat__through_a_gateway_path__answers_a_completion(client: httpx.AsyncClient) -> None:
    response = await client.post("/gateway/api.openai.com/v1/chat/completions", json=REQUEST)

    assert response.status_code == 200
    assert response.json()["object"] == "chat.completion"


async def test_chat__streamed__answers_server_sent_events(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/chat/completions", json={**REQUEST, "stream": True})

    assert response.headers["content-type"] == "text/event-stream"
    assert response.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"model": "gpt-4o"}', b'{"model": "gpt-4o", "messages": [3]}'])
async def test_chat__malformed_body__is_a_400_in_the_provider_s_words(client: httpx.AsyncClient, body: bytes) -> None:
    response = await client.post("/v1/chat/completions", content=body)

    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


async def test_chat__failures_switched_on__fail_alike_for_the_same_seed() -> None:
    first, second = await _collect_statuses(seed=7), await _collect_statuses(seed=7)

    assert first == second
    assert set(first) <= {200, 429, 500}
    assert 1 < first.count(200) < 20


async def test_shop__every_order__tells_its_parcel(client: httpx.AsyncClient) -> None:
    order = next(iter(build_shop(0, today=datetime.date.today()).orders.values()))

    shown = (await client.get(f"/shop/orders/{order.id}")).json()
    parcel = (await client.get(f"/shop/shipments/{shown['tracking']}")).json()

    assert shown["total_cents"] == order.total_cents
    assert parcel["carrier"] == order.carrier


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/shop/orders/KO-1"),
        ("GET", "/shop/orders"),
        ("GET", "/shop"),
        ("GET", "/"),
        ("DELETE", "/shop/orders/KO-1"),
    ],
)
async def test_shop__unknown_thing_or_route__is_a_404(client: httpx.AsyncClient, method: str, path: str) -> None:
    response = await client.request(method, path)

    assert response.status_code == 404


async def test_shop__search__finds_the_article_by_its_words(client: httpx.AsyncClient) -> None:
    response = await client.get("/shop/search", params={"q": "the stove will not light"})

    assert response.json()["results"][0]["slug"] == "stove-care"


async def test_shop__refunds__are_paid_or_declined(client: httpx.AsyncClient) -> None:
    bodies = [{"order_id": f"KO-{number}", "amount_cents": 100} for number in range(30)]

    statuses = {(await client.post("/shop/refunds", json=body)).status_code for body in bodies}

    assert statuses == {201, 402}
