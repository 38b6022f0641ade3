"""The fictional shop's HTTP API, as a pure function from a request to an answer.

| Route | Answer |
|---|---|
| `GET /shop/orders/{id}` | the order with items and customer, 404 for one that is not there |
| `GET /shop/shipments/{tracking}` | where the parcel is; 503 now and then, as carriers do |
| `GET /shop/search?q=` | help articles |
| `GET /shop/carriers/{name}/figures` | parcels on the way and late, by carrier |
| `POST /shop/refunds` | 201 and a refund, or 402 when the payment provider declines |
| `POST /shop/emails` | 202 and a message id |
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from demo.catalogue import CARRIERS, Order, Shop, search_articles

Answer = tuple[int, Any]
DECLINE_SHARE = 0.15
DEPOTS = ("Daventry depot", "Leipzig hub", "Lyon Saint-Priest", "Valencia", "Malmö terminal", "札幌ベース")


@dataclass(frozen=True)
class ShopRequest:
    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """The part of the path that names one thing."""
        return self.path.split("/")[3]


def answer_shop(shop: Shop, request: ShopRequest, *, seed: int) -> Answer:
    """Answer one request; unknown routes are a 404."""
    parts = request.path.split("/")
    route = f"{request.method} {parts[2] if len(parts) > 2 else ''}"
    handler = ROUTES.get(route)
    if handler is None or (route in NAMED_ROUTES and len(parts) < 4):
        return 404, {"error": "not_found", "detail": f"No route {request.method} {request.path}"}
    return handler(shop, request, _chance(seed, f"{request.path} {request.query} {request.body}"))


def _chance(seed: int, content: str) -> random.Random:
    return random.Random(hashlib.sha256(f"{seed} {content}".encode()).digest())


def _get_order(shop: Shop, request: ShopRequest, chance: random.Random) -> Answer:
    order = shop.orders.get(request.name)
    if order is None:
        return 404, {"error": "order_not_found", "detail": f"There is no order {request.name}."}
    return 200, describe_order(order)


def describe_order(order: Order) -> dict[str, Any]:
    """Return an order as the API shows it."""
    return {
        "id": order.id,
        "status": order.status,
        "placed_on": order.placed_on.isoformat(),
        "due_on": order.due_on.isoformat(),
        "carrier": order.carrier,
        "tracking": order.tracking,
        "total_cents": order.total_cents,
        "currency": "EUR",
        "customer": {"id": order.customer.id, "name": order.customer.name, "city": order.customer.city},
        "items": [
            {"sku": product.sku, "name": product.name, "quantity": quantity, "price_cents": product.price_cents}
            for product, quantity in order.items
        ],
    }


def _get_shipment(shop: Shop, request: ShopRequest, chance: random.Random) -> Answer:
    order = next((order for order in shop.orders.values() if order.tracking == request.name), None)
    if order is None:
        return 404, {"error": "parcel_not_found", "detail": f"No parcel {request.name}."}
    hours = chance.randrange(2, 30) + (72 if order.status == "delayed" else 0)
    scans = [{"hours_ago": hours + 9 * step, "place": chance.choice(DEPOTS)} for step in range(1, 4)]
    place = order.customer.city if order.status == "delivered" else chance.choice(DEPOTS)
    return 200, {
        "tracking": order.tracking,
        "carrier": order.carrier,
        "place": place,
        "hours_ago": hours,
        "scans": scans,
    }


def _search(shop: Shop, request: ShopRequest, chance: random.Random) -> Answer:
    found = search_articles(request.query.get("q", ""), limit=int(request.query.get("limit", "3")))
    return 200, {"results": [{"slug": a.slug, "title": a.title, "body": a.body} for a in found]}


def _get_carrier(shop: Shop, request: ShopRequest, chance: random.Random) -> Answer:
    if request.name not in CARRIERS:
        return 404, {"error": "carrier_not_found", "detail": f"No carrier {request.name}."}
    on_the_way = chance.randrange(40, 180)
    return 200, {"carrier": request.name, "on_the_way": on_the_way, "late": chance.randrange(2, on_the_way // 3)}


def _post_refund(shop: Shop, request: ShopRequest, chance: random.Random) -> Answer:
    if chance.random() < DECLINE_SHARE:
        return 402, {"error": "declined", "detail": "The payment provider declined: card closed by its owner."}
    return 201, {"refund_id": f"RF-{chance.randrange(10**6):06d}", "amount_cents": request.body.get("amount_cents", 0)}


def _post_email(shop: Shop, request: ShopRequest, chance: random.Random) -> Answer:
    return 202, {"message_id": f"<{chance.randrange(16**12):012x}@mail.kestrel-outdoor.example>", "queued": True}


ROUTES: dict[str, Callable[[Shop, ShopRequest, random.Random], Answer]] = {
    "GET orders": _get_order,
    "GET shipments": _get_shipment,
    "GET search": _search,
    "GET carriers": _get_carrier,
    "POST refunds": _post_refund,
    "POST emails": _post_email,
}
NAMED_ROUTES = {"GET orders", "GET shipments", "GET carriers"}
